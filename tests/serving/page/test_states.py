"""The live page in every state: it says what is wrong, fits and can be read, and what it is sent cannot harm it."""

import re
from pathlib import Path

import pytest

sync_api = pytest.importorskip("playwright.sync_api")

from tests.serving.page import browser, recorded, stand_in  # noqa: E402
from tests.serving.page.windows import Open, more, shown  # noqa: E402

expect = sync_api.expect


def test_hostile_text_stays_text(desk: stand_in.Desk, look: Open) -> None:
    evil = "<img src=x onerror='window.owned=1'><script>window.owned=1</script>\"'&"
    hostile = recorded.version(evil, "shadow", verdict=recorded.verdict(evil, 1.0, 2.0))
    hostile |= {"overridden": evil, "members": [evil], "seal": evil}
    desk.status["versions"].append(hostile)
    desk.status |= {"stand_down": [evil], "why": [evil], "ready": False, "registry": evil, "contract": evil}
    desk.status["feeds"].append(recorded.feed(evil, refused={evil: 2}))
    line = more(desk, 1)[0]
    line["decision"] |= {"session": evil, "regime": evil, "fingerprint": evil, "contributions": {evil: 0.1}}
    line["decision"] |= {"models": {evil: 0.5}, "probability": 0.5, "pass_mark": 0.4, "action": "signal", "crossing": 1}
    line["live"]["why"] = [evil]
    desk.add([line | {"version": evil, "overridden": evil}])
    seen = look()
    for part in (
        "#banners",
        "#decision",
        "#filter",
        "#versions",
        "#feeds",
        "#score-readout",
        "#contract",
        "#decisions",
    ):
        expect(seen.page.locator(part)).to_contain_text(evil.replace("_", " "))
    assert seen.page.evaluate("window.owned") is None
    assert seen.page.locator("main img, header img, #banners img, main script").count() == 0
    assert not seen.errors


@pytest.mark.parametrize(
    ("size", "colours", "scenario"),
    [
        ("laptop", "light", "eight"),
        ("laptop", "dark", "trouble"),
        ("phone", "light", "trouble"),
        ("phone", "dark", "eight"),
    ],
)
def test_fits_and_can_be_read(
    desk: stand_in.Desk, server: stand_in.Server, look: Open, tmp_path: Path, size: str, colours: str, scenario: str
) -> None:
    chosen = stand_in.scenario(scenario)
    desk.lines, desk.status = chosen.lines, chosen.status
    seen = look(size=size, colours=colours)
    expect(seen.rows()).to_have_count(30)
    seen.page.screenshot(path=tmp_path / "page.png", full_page=True)
    wide, window = seen.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window
    out = (
        "nodes => nodes.filter(node => node.getBoundingClientRect().right > innerWidth + 1).map(node => node.outerHTML)"
    )
    assert seen.page.eval_on_selector_all("main *:not(.chart *, option)", out) == []
    contrast = seen.page.evaluate(browser.CONTRAST)
    assert contrast["low"] == []
    assert contrast["looked"] > 150
    assert seen.errors == []
    assert seen.failed == []
    own = (server.url, server.url.replace("http", "ws", 1), "data:")
    assert [url for url in seen.requests if not url.startswith(own)] == []


def test_every_state_is_said(desk: stand_in.Desk, look: Open) -> None:
    seen = look()
    flags, banners = seen.page.locator("#flags"), seen.page.locator("#banners")
    expect(flags).to_have_text("READYSYNTHETIC")
    expect(seen.page).to_have_title(re.compile("READY.*SYNTHETIC"))
    desk.champion()["overridden"] = "the desk insists"
    desk.status |= {
        "ready": False, "why": ["warming up"], "stand_down": ["feed es-ticks stopped"], "last_good_bundle": True,
        "registry": "MLflow does not answer",
    }  # fmt: skip
    for flag in ("STAND DOWN", "OVERRIDDEN CHAMPION", "NOT READY", "LAST GOOD BUNDLE", "REGISTRY", "SYNTHETIC"):
        expect(flags).to_contain_text(flag)
    expect(flags).not_to_contain_text("READYSYN")
    for reason in ("the desk insists", "warming up", "feed es-ticks stopped", "MLflow does not answer"):
        expect(banners).to_contain_text(reason)
    seen.page.mouse.wheel(0, 5000)
    expect(flags).to_be_in_viewport()
    expect(seen.page.locator("#versions")).to_contain_text("OVERRIDDEN: the desk insists")
    desk.status |= {"versions": [], "synthetic": False}
    expect(flags).to_contain_text("NO CHAMPION")
    expect(flags).not_to_contain_text("SYNTHETIC")


def test_a_new_champion_is_marked(desk: stand_in.Desk, look: Open) -> None:
    seen = look()
    expect(seen.rows()).to_have_count(25)
    old, new = desk.status["versions"]
    old["role"], new["role"] = "standby", "champion"
    desk.add([line | {"version": "mia-ml/4"} for line in more(desk, 2)])
    expect(seen.rows()).to_have_count(27)
    expect(seen.page.locator("#score-chart .change-name")).to_have_text("mia-ml/4")
    expect(seen.field("equity")).to_have_text("99,870.00")
    assert "does not score" in seen.page.locator("#versions").inner_text() or new["against_champion"]


def test_missing_scores_are_said(desk: stand_in.Desk, look: Open) -> None:
    desk.lines = recorded.numbered(recorded.decisions(12, holes=(5, 11)))
    seen = look()
    expect(seen.field("score")).to_have_text("\u2013")
    expect(seen.page.locator("#decision .why")).to_contain_text("book older than 60 s")
    seen.page.locator("#which").select_option("holes")
    expect(seen.rows()).to_have_count(2)
    assert seen.page.locator("#score-chart path.hole").get_attribute("d").count("M") == 2
    assert "NaN" not in seen.page.locator("body").inner_html()


def test_an_empty_day_without_shadows(desk: stand_in.Desk, look: Open) -> None:
    desk.lines, desk.status["versions"] = [], desk.status["versions"][:1]
    seen = look()
    expect(seen.page.locator("#decision")).to_have_text("No decision yet on this day.")
    expect(seen.page.locator("#versions")).to_contain_text("No shadow scores beside the champion.")
    expect(seen.rows()).to_have_count(0)
    desk.add(more(desk, 1))
    expect(seen.rows()).to_have_count(1)
    assert seen.errors == []


def test_thousands_of_decisions_end_with_the_last(desk: stand_in.Desk, look: Open) -> None:
    seen = look()
    expect(seen.rows()).to_have_count(25)
    desk.add(more(desk, 5000))
    expect(seen.page.locator("#count")).to_have_text("1 to 30 of 5,025", timeout=20_000)
    expect(seen.field("score")).to_have_text(shown(desk.lines[-1]["decision"]["score"]))
    assert seen.page.locator("#decisions tbody tr").count() == 30
    assert len(seen.page.locator("#score-chart path.score").get_attribute("d")) < 60_000


def test_colours_can_be_chosen(look: Open) -> None:
    seen = look()
    ground = "getComputedStyle(document.body).backgroundColor"
    light = seen.page.evaluate(ground)
    button = seen.page.get_by_role("button", name="Theme")
    button.click()
    button.click()
    expect(button).to_have_text("dark")
    assert seen.page.evaluate(ground) != light
    seen.page.reload()
    assert seen.page.evaluate(ground) != light
