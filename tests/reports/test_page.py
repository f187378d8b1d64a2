"""The verdict page: one file that stands alone, whole whatever the judgement holds, and the same bytes every time."""

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mia_ml.judge import judgement
from mia_ml.judge.judgement import Judgement
from mia_ml.reports import page, wording
from tests.reports import sample

EMPTY = {"meta", "link", "br", "input", "img", "hr"}
JUDGEMENTS = {
    "long": sample.long,
    "edge": sample.edge,
    "short": sample.short,
    "nothing": sample.nothing,
    "hostile": sample.hostile,
}


class Read(HTMLParser):
    """Refuses what is not closed as it was opened; keeps ids, references, attributes, and the text by section."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.values: list[tuple[str, str]] = []
        self.sections: dict[str, str] = {}
        self.section = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in EMPTY:
            self.open.append(tag)
        self.tags.add(tag)
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> says an attribute twice"
        given = {name: value or "" for name, value in attrs}
        self.values += given.items()
        if "id" in given:
            self.ids.append(given["id"])
        self.references += given.get("aria-labelledby", "").split()
        self.references += re.findall(r"url\(#(.+?)\)", " ".join(given.values()))
        if given.get("href", "").startswith("#"):
            self.references.append(given["href"][1:])
        if self.section:
            self.sections[self.section] += " "
        if tag == "section":
            self.section = given["id"]
            self.sections[self.section] = ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        raise AssertionError(f"<{tag}/> does not close in HTML")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "section":
            self.section = ""

    def handle_data(self, data: str) -> None:
        if self.section and self.open[-1] not in ("style", "desc", "title"):
            self.sections[self.section] += data


@cache
def judged(name: str) -> Judgement:
    return JUDGEMENTS[name]()


@cache
def html(name: str) -> str:
    return page.html(judged(name))


@cache
def read(name: str) -> Read:
    return Read(html(name))


def words(text: str) -> str:
    """One space for any, but for those that keep a unit at its number."""
    return re.sub(r"[ \n]+", " ", text).strip()


@pytest.mark.parametrize("name", JUDGEMENTS)
def test_every_section_is_there_and_says_something(name: str) -> None:
    found = read(name).sections
    assert list(found) == [key for key, _ in page.SECTIONS]
    assert all(len(words(text)) > 20 for text in found.values())


@pytest.mark.parametrize("name", JUDGEMENTS)
def test_it_is_well_formed_and_every_reference_is_answered(name: str) -> None:
    found = read(name)
    assert len(found.ids) == len(set(found.ids))
    assert set(found.references) <= set(found.ids)
    assert {key for key, _ in page.SECTIONS} <= set(found.references)


@pytest.mark.parametrize("name", JUDGEMENTS)
def test_it_asks_nothing_of_the_network(name: str) -> None:
    found = read(name)
    assert "script" not in found.tags
    assert "http:" not in html(name)
    assert "https:" not in html(name)
    assert "@import" not in html(name)
    assert {value[:1] for key, value in found.values if key == "href"} == {"#", "d"}
    assert ("href", "data:,") in found.values  # a page without an icon of its own would be asked for one
    assert not [key for key, _ in found.values if key == "src" or key.startswith("on")]
    assert any("default-src 'none'" in value for _, value in found.values)


@pytest.mark.parametrize("name", JUDGEMENTS)
def test_what_is_not_known_is_said_in_words(name: str) -> None:
    found = read(name)
    for text in found.sections.values():
        assert not re.search(r"\b(nan|inf|null|NaN|None|Infinity)\b", text)
    for key, value in found.values:
        assert not re.search(r"\b(nan|inf|NaN)\b", value), key


def test_undecidable_figures_say_why() -> None:
    found = read("nothing").sections
    assert "undecidable: no losing trade" in words(found["figures"])
    assert "undecidable: no trades" in words(found["verdict"])
    assert "fewer than 2 configurations" in words(found["undecided"])
    assert "Undecidable: fewer than 2 configurations." in words(found["selection"])
    assert "The residual" not in html("nothing")


@pytest.mark.parametrize("name", ["long", "edge", "short", "nothing"])
def test_the_verdict_stands_first(name: str) -> None:
    made = judged(name)
    start = words(read(name).sections["verdict"])
    assert start.startswith(f"{made.verdict.decision} {made.verdict.sentence}")
    for reason in made.verdict.reasons:
        assert wording.capital(reason) in start
    told = words(read(name).sections["undecided"])
    for text in made.verdict.undecided:
        assert text in told


def test_it_says_which_look_it_was() -> None:
    assert "Look 2 at the sealed hold-out, which may spend alpha 0.0083" in words(read("long").sections["verdict"])
    assert "not the days of the sealed hold-out" in words(read("short").sections["verdict"])


def test_synthetic_data_say_so() -> None:
    assert "SYNTHETIC DATA" in html("short")
    assert "SYNTHETIC" not in html("long")


def test_every_gate_has_its_status_in_a_word_and_a_sign() -> None:
    text = html("long")
    gates = text[text.index('<section id="gates">') : text.index('<section id="undecided">')]
    results = [result for table in judged("long").gates for result in table.results]
    assert {result.status for result in results} == set(page.STATUSES)
    rows = gates.count("<tr>") - len(judged("long").gates) - 1 - len(judged("long").gates[1].notes)  # heads, notes
    assert rows == len(results)
    for status, said in page.STATUSES.items():
        held = sum(result.status == status for result in results)
        shown = re.findall(rf'<use href="#icon-{status}"></use></svg><span>{said}</span>', gates)
        assert len(shown) == held
    for result in results:
        assert wording.capital(result.rule) in words(read("long").sections["gates"])


def test_the_money_table_stands_beside_what_was_measured() -> None:
    assert "14,000 USD not run here" in words(read("long").sections["gates"])


def test_what_a_user_named_stays_text() -> None:
    text = html("hostile")
    assert "<script" not in text
    assert "{{ 7 * 7 }}" in text
    assert "$\\frac{$" in text
    trap = "<script>alert(1)</script>&\"'{{ 7 * 7 }}$\\frac{$"
    for section in ("verdict", "gates", "figures", "ladder", "stress", "information", "integrity", "about"):
        assert trap in words(read("hostile").sections[section]), section
    assert f"{trap[: wording.MOST_IN_CHART - 1]}…" in read("hostile").sections["equity"]


@pytest.mark.parametrize("name", ["short", "nothing"])
def test_the_same_judgement_gives_the_same_bytes(name: str) -> None:
    assert page.html(JUDGEMENTS[name]()) == html(name)


def test_a_judgement_from_its_file_gives_the_same_page(tmp_path: Path) -> None:
    judged("nothing").write(tmp_path / "judgement.json")
    page.write(judgement.read(tmp_path / "judgement.json"), tmp_path / "made" / "verdict.html")
    assert (tmp_path / "made" / "verdict.html").read_text(encoding="utf-8") == html("nothing")


def test_eighteen_years_of_days_stay_light() -> None:
    assert len(judged("long").days) == 4_600
    assert len(html("long").encode()) < 1_000_000


def test_charts_take_their_colours_from_the_page() -> None:
    body = html("long").partition("</style>")[2]
    assert not re.search(r"#[0-9a-f]{6}\b", body)
    used = set(re.findall(r"var\(--([a-z]+)", body)) - {"s"}
    style = html("long").partition("</style>")[0]
    for theme in style.split("prefers-color-scheme: dark"):
        assert used <= set(re.findall(r"--([a-z]+):", theme))


def test_wide_charts_have_a_form_for_phones() -> None:
    assert html("long").count('<div class="wide">') == html("long").count('<div class="narrow">') == 3
    assert html("long").count('role="img"') == 2 * 3 + 4


def test_the_heat_map_shows_every_cell_in_its_place() -> None:
    text = html("long")
    heat = text[text.index('<section id="information">') : text.index('<section id="power">')]
    rows = re.findall(r'<tr><th scope="row">.*?</tr>', heat, re.DOTALL)
    made = judged("long").information
    components = list(dict.fromkeys(cell.component for cell in made))
    assert len(rows) == len(components)
    for row, component in zip(rows, components, strict=True):
        assert wording.capital(wording.name(component)) in row
        cells = re.findall(r"<td.*?>([^<]*)</td>", row)
        own = [cell.ic for cell in made if cell.component == component]
        assert cells == [wording.number(ic.value, ic.unit) if ic.decided else "–" for ic in own]
    strongest = max((cell.ic for cell in made if cell.ic.decided), key=lambda ic: abs(ic.value))
    assert f'--s:1.00" title="{wording.interval(strongest.low, strongest.high, strongest.unit)}' in heat


def test_the_figures_of_each_policy_stand_side_by_side() -> None:
    found = words(read("long").sections["figures"])
    assert "Figure tuned and filtered judged tuned, no filter as configured Trades 3,588 7,176 10,764 " in found
    assert "Expectancy a trade, net +0.040\xa0R −0.020 to +0.106\xa0R +0.020\xa0R" in found
    assert "Win rate minus break-even +0.7\xa0points" in found
    assert "One factor: gamma levels +0.012\xa0R" in found


def test_stress_that_leaves_nothing_says_so() -> None:
    found = words(read("long").sections["stress"])
    assert "COVID 2020-02-20 to 2020-04-30 212 −0.080\xa0R −0.320 to +0.184\xa0R nothing" in found
    assert "US election 2016 2016-10-25 to 2016-11-22 0 undecidable: no trades undecidable" in found
    assert "One bar late 3,600 +0.020\xa0R −0.038 to +0.084\xa0R 50\xa0%" in found
