"""Charts inside a page: readable, their own ids, the page's colours, no byte that depends on when they were drawn."""

import re
import xml.etree.ElementTree as ElementTree

import matplotlib
import pytest
from matplotlib.figure import Figure

from mia_ml.reports import svg


def draw(figure: Figure, narrow: bool) -> None:
    axes = figure.subplots()
    axes.plot([0, 1, 2], [0, 1, -1], "o-", color=svg.ACCENT, label="a <b> & $\\frac{$")
    axes.set_title("narrow" if narrow else "wide")
    axes.legend()


def chart(key: str = "one", heights_px: tuple[int | None, int] = (200, 300)) -> svg.Chart:
    return svg.Chart(key, "Title & <more>", "What it shows.", heights_px, draw)


def elements(text: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(f"<page>{text}</page>").iter("svg"))


def test_a_wide_page_and_a_narrow_one_each_have_their_form() -> None:
    wide, narrow = elements(svg.inline(chart()))
    assert (wide.get("viewBox"), narrow.get("viewBox")) == ("0 0 860 200", "0 0 400 300")
    assert "wide" in [text.text for text in wide.iter("text")]
    assert "narrow" in [text.text for text in narrow.iter("text")]
    (half,) = elements(svg.inline(chart(heights_px=(None, 300))))
    assert half.get("viewBox") == "0 0 400 300"


def test_a_reader_who_does_not_see_it_is_told() -> None:
    for element in elements(svg.inline(chart())):
        assert element.get("role") == "img"
        title, text = list(element)[:2]
        assert (title.tag, title.text, text.tag, text.text) == ("title", "Title & <more>", "desc", "What it shows.")
        assert element.get("aria-labelledby") == f"{title.get('id')} {text.get('id')}"


def test_names_are_text_and_nothing_else() -> None:
    element, _ = elements(svg.inline(chart()))
    assert "a <b> & $\\frac{$" in [text.text for text in element.iter("text")]


def test_charts_of_a_page_share_no_id() -> None:
    text = svg.inline(chart("one")) + svg.inline(chart("two"))
    ids = re.findall(r' id="(.+?)"', text)
    assert len(ids) == len(set(ids)) > 8
    used = re.findall(r'(?:href="|url\()#(.+?)["\)]', text)
    assert used
    assert set(used) <= set(ids)


def test_colours_are_the_variables_of_the_page() -> None:
    text = svg.inline(chart())
    assert "var(--accent)" in text
    assert "var(--muted)" in text
    assert not re.search(r"#[0-9a-fA-F]{6}", text)
    assert "DejaVu" not in text
    assert "http" not in text


def test_the_same_bytes_whatever_was_drawn_before(monkeypatch: pytest.MonkeyPatch) -> None:
    first = svg.inline(chart())
    svg.inline(chart("other"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path"}):
        assert svg.inline(chart()) == first
