"""The live page in a real browser: what it shows is what was sent, live, and it goes on behind what it has."""

import pytest

sync_api = pytest.importorskip("playwright.sync_api")

from tests.serving.page import recorded, stand_in  # noqa: E402
from tests.serving.page.windows import Open, champions, more, shown  # noqa: E402

expect = sync_api.expect


def test_shows_what_was_sent(desk: stand_in.Desk, look: Open) -> None:
    line = champions(desk)[-1]
    decision = line["decision"]
    seen = look()
    expect(seen.field("score")).to_have_text(shown(decision["score"]))
    expect(seen.field("score-under")).to_contain_text(f"threshold {decision['threshold']:.3f}")
    expect(seen.field("decision-score")).to_have_text(shown(decision["score"]))
    for term, value in decision["contributions"].items():
        expected = "\u2013" if value is None else shown(value)
        expect(seen.page.locator(f"#decision [data-term='{term}']")).to_have_text(expected)
    expect(seen.page.locator("#decision .contributions")).to_contain_text("absent")
    expect(seen.field("equity")).to_have_text("100,312.50")
    expect(seen.field("equity-under")).to_have_text("today +312.50 USD")
    expect(seen.field("session")).to_have_text(decision["session"])
    expect(seen.field("regime")).to_have_text(decision["regime"])
    expect(seen.page.locator("#equity-legend")).to_contain_text("99,870.00 USD")
    expect(seen.page.locator("#versions")).to_contain_text("promote +48.0 [+13.0, +83.0]")
    expect(seen.page.locator("#feeds")).to_contain_text("late: its bar had closed 3, off grid 1")
    expect(seen.page.locator("#latency-said")).to_contain_text(f"{len(desk.lines)} decisions")
    expect(seen.page.locator("#clock-exchange")).to_have_text("08:25:00")
    expect(seen.page.locator("#clock-utc")).to_have_text("13:25:00")
    assert seen.numbers() == [line["number"] for line in reversed(champions(desk))]
    assert not seen.errors


def test_probabilities_stand_against_their_pass_mark(desk: stand_in.Desk, look: Open) -> None:
    desk.lines = recorded.numbered(recorded.decisions(60))
    asked = [line["decision"] for line in desk.lines if line["decision"]["probability"] is not None]
    assert asked, "the seed has a crossing"
    seen = look()
    for model, value in {**asked[-1]["models"], "ensemble": asked[-1]["probability"], "pass mark": 0.433}.items():
        expect(seen.page.locator(f"#filter [data-model='{model}']")).to_have_text(f"{value:.3f}")
    crossings = [line for line in desk.lines if line["decision"]["crossing"]]
    assert seen.page.locator("#score-chart path.mark[data-number]").count() == len(crossings)
    seen.page.locator("#which").select_option("crossings")
    expect(seen.rows()).to_have_count(len(crossings))


def test_updates_without_a_reload(desk: stand_in.Desk, look: Open) -> None:
    seen = look()
    expect(seen.rows()).to_have_count(25)
    seen.page.evaluate("window.stayed = true")
    new = more(desk, 2)
    desk.champion()["paper"] |= {"equity_usd": 100_400.0, "day_usd": 400.0}
    desk.add(new)
    expect(seen.rows()).to_have_count(27)
    expect(seen.field("score")).to_have_text(shown(new[-1]["decision"]["score"]))
    expect(seen.field("equity")).to_have_text("100,400.00")
    assert seen.page.evaluate("window.stayed")


def test_goes_on_where_it_was_when_the_service_comes_back(
    desk: stand_in.Desk, server: stand_in.Server, look: Open
) -> None:
    seen = look()
    expect(seen.rows()).to_have_count(25)
    last = desk.lines[-1]["number"]
    server.stop()
    expect(seen.page.locator("#flags")).to_contain_text("DISCONNECTED")
    expect(seen.page.locator("#banners")).to_contain_text("what is shown is as of")
    desk.asked.clear()
    desk.add(more(desk, 3))
    desk.again = 4
    server.start()
    seen.page.get_by_role("button", name="Try now").click()
    expect(seen.rows()).to_have_count(28)
    expect(seen.page.locator("#flags")).not_to_contain_text("DISCONNECTED")
    desk.add(more(desk, 1))
    expect(seen.rows()).to_have_count(29)
    assert desk.asked[0] == last, "only what is new is asked for; what comes twice all the same counts once"
    assert seen.numbers() == [line["number"] for line in reversed(champions(desk))]


def test_a_service_that_began_anew_is_not_mixed_with_the_old(
    desk: stand_in.Desk, server: stand_in.Server, look: Open
) -> None:
    seen = look()
    expect(seen.rows()).to_have_count(25)
    server.stop()
    desk.lines = recorded.numbered(recorded.decisions(4, seed=77))
    server.start()
    expect(seen.rows()).to_have_count(4)
    expect(seen.field("score")).to_have_text(shown(desk.lines[-1]["decision"]["score"]))


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("wrong", "does not know this token"),
        ("feed", "needs the scope read"),
        ("two words", "letters, digits"),
    ],
)
def test_a_wrong_token_is_told(server: stand_in.Server, look: Open, token: str, said: str) -> None:
    seen = look(None)
    seen.page.locator("#token").fill(server.tokens.get(token, token))
    seen.page.keyboard.press("Enter")
    expect(seen.page.locator("#door-said")).to_contain_text(said)
    expect(seen.page.locator("#desk")).to_be_hidden()


def test_a_token_is_kept_for_the_tab_and_never_in_an_address(server: stand_in.Server, look: Open) -> None:
    seen = look(None)
    seen.page.locator("#token").fill(server.tokens["read"])
    seen.page.keyboard.press("Enter")
    expect(seen.rows()).to_have_count(25)
    seen.page.reload()
    expect(seen.rows()).to_have_count(25)
    assert not [url for url in seen.requests if server.tokens["read"] in url]
    seen.page.get_by_role("button", name="Leave").click()
    expect(seen.page.locator("#token")).to_be_focused()
    assert seen.page.evaluate("sessionStorage.length") == 0
    assert seen.rows().count() == 0


def test_a_new_day_starts_clean(desk: stand_in.Desk, look: Open) -> None:
    seen = look()
    expect(seen.rows()).to_have_count(25)
    line = more(desk, 1)[0]
    line["decision"]["day"] = desk.status["day"] = 20231227
    desk.add([line])
    expect(seen.rows()).to_have_count(1)
    expect(seen.page.locator("#day")).to_have_text("2023-12-27")


def test_the_chart_is_read_by_keys(desk: stand_in.Desk, look: Open) -> None:
    seen = look()
    expect(seen.rows()).to_have_count(25)
    seen.page.locator("#score-chart svg").focus()
    for _ in range(3):
        seen.page.keyboard.press("ArrowLeft")
    line = champions(desk)[-4]
    expect(seen.page.locator("#score-readout")).to_contain_text(shown(line["decision"]["score"]))
    seen.page.keyboard.press("Enter")
    expect(seen.field("decision-score")).to_have_text(shown(line["decision"]["score"]))
    expect(seen.page.locator("#decision")).to_contain_text("NOT THE LATEST")
    desk.add(more(desk, 1))
    expect(seen.rows()).to_have_count(26)
    expect(seen.field("decision-score")).to_have_text(shown(line["decision"]["score"]))
    seen.page.keyboard.press("Escape")
    expect(seen.field("decision-score")).to_have_text(shown(desk.lines[-1]["decision"]["score"]))


def test_a_service_that_is_starting_is_waited_for(desk: stand_in.Desk, server: stand_in.Server, look: Open) -> None:
    seen = look()
    expect(seen.rows()).to_have_count(25)
    server.stop()
    desk.starting = "today's events are run again"
    server.start()
    expect(seen.page.locator("#banners")).to_contain_text("today's events are run again")
    assert len(seen.numbers()) == 25
    desk.starting = ""
    desk.add(more(desk, 1))
    expect(seen.rows()).to_have_count(26)
    expect(seen.page.locator("#flags")).to_have_text("READYSYNTHETIC")
