"""What the service says of itself has what the page and the contract of its state ask for."""

import json

import pytest

from mia_ml.features.clock import SESSIONS
from mia_ml.features.volatility import REGIMES
from serving.app.status import Status
from serving.day.rail import CHAMPION, SHADOW, STANDBY
from serving.papers import books as papers
from tests.scoring import small
from tests.serving import live_world
from tests.serving.live_world import bring

STATE = {
    *("time_ns", "clock", "synthetic", "instrument", "contract", "day", "ready", "why", "stand_down", "session"),
    *("regime", "feeds", "versions", "latency_us", "listeners", "decisions", "last_good_bundle", "registry"),
}
FEED = {"name", "connected", "position", "events", "per_second", "last_ts_event", "age_s", "refused", "gaps"}
VERSION = {"version", "role", "seal", "overridden", "threshold", "members", "terms", "paper", "against_champion"}
PAPER = {"equity_usd", "day_usd", "position", "entry_price", "trades", "mean_r"}


class Told(live_world.Nobody):
    """Who follows the desk as the service does, for its status."""

    def begin(self, desk, state):
        self.papers = papers.in_folder(state, desk.core.fleet.market.sessions, 0.95)
        self.status = Status(desk, self.papers)
        self.desk = desk

    def champion_is(self, contender, day):
        self.papers.champion_is(contender, day)

    def follow(self, day, out):
        self.papers.follow(day, out, {}, day.take_prints())
        self.status.seen([verdict for verdict, _ in out])

    def plain(self, why=()):
        return self.status.plain(list(why), 3, True, "ok")


def begin(world, state, **roles):
    told = Told()
    contents = {"champion": world.content, "shadow": small.content(None), "standby": small.content(None)}
    versions = {f"mia-ml/{n}": (contents[role], role) for n, role in enumerate(roles.values() or [CHAMPION], 1)}
    desk = world.desk(state, follower=told, versions=versions)
    told.begin(desk, state)
    live_world.reopened(desk)
    return told


def test_before_the_first_event_there_is_nothing_to_show(rolling, tmp_path):
    told = begin(rolling, tmp_path)
    state = told.plain(["starting"])
    assert set(state) == STATE
    assert (state["ready"], state["why"]) == (False, ["starting"])
    assert (state["contract"], state["day"], state["session"], state["regime"], state["feeds"]) == ("", 0, "", "", [])
    assert state["decisions"] == {"number": 0, "today": 0}
    assert state["versions"][0]["paper"] is None
    told.papers.close()


def test_the_state_is_what_the_last_decision_was_and_goes_into_json(rolling, tmp_path):
    told = begin(rolling, tmp_path, a=CHAMPION, b=SHADOW, c=STANDBY)
    first = [e for e in rolling.events if e.ts_event <= rolling.days[0].close_ns][:8000]
    bring(rolling, told.desk, first)
    told.desk.core.acting.standing.add("manual", "by hand", 0)
    state = told.plain()
    json.dumps(state, allow_nan=False)
    last = rolling.research.decisions[rolling.research.decisions["ts"] <= told.desk.day.rails[0].engine.last_close_ns][
        -1
    ]
    assert set(state) == STATE
    assert (state["ready"], state["listeners"], state["last_good_bundle"]) == (True, 3, True)
    assert (state["time_ns"], state["clock"]) == (first[-1].ts_event, "event")
    assert (state["instrument"], state["contract"], state["day"]) == ("ES", "ESH4", rolling.days[0].day)
    assert (state["synthetic"], state["stand_down"]) == (True, ["by hand (since 1970-01-01T00:00:00Z)"])
    assert (state["session"], state["regime"]) == (SESSIONS[last["session"]], REGIMES[last["regime"]])
    (one,) = state["feeds"]
    assert set(one) >= FEED
    assert (one["name"], one["position"], one["events"]) == ("ws", 8000, 8000)
    assert [(each["version"], each["role"]) for each in state["versions"]] == [
        ("mia-ml/1", "champion"),
        ("mia-ml/2", "shadow"),
        ("mia-ml/3", "standby"),
    ]
    champion, shadow, standby = state["versions"]
    assert set(champion) >= VERSION
    assert set(champion["paper"]) == PAPER == set(shadow["paper"])
    assert champion["threshold"] == last["threshold"]
    assert champion["members"] == ["forest", "boosted", "logistic"]
    assert shadow["members"] == []
    assert len(champion["terms"]) > 5
    assert (standby["paper"], standby["threshold"]) == (None, None)
    assert champion["against_champion"] is None
    assert {"verdict", "days", "mean", "low", "high", "unit"} == set(shadow["against_champion"])
    told.papers.close()


@pytest.mark.parametrize("stays", [True, False])
def test_todays_decisions_are_the_lines_of_the_day_whoever_took_them(rolling, tmp_path, stays):
    """Also after a restart that has other versions, and with decisions that only the restart found."""
    told = begin(rolling, tmp_path, a=CHAMPION, b=SHADOW)
    first = [e for e in rolling.events if e.ts_event <= rolling.days[0].close_ns]
    bring(rolling, told.desk, first[:6000])
    path = told.desk.journal.path(rolling.days[0].day)

    def lines():
        return len(path.read_bytes().splitlines())

    assert told.plain()["decisions"]["today"] == lines() > 300
    told.desk.close()
    told.papers.close()
    if stays:
        kept = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(kept[:-10]))
    again = begin(rolling, tmp_path, a=CHAMPION, **({"b": SHADOW} if stays else {}))
    assert again.plain()["decisions"]["today"] == lines() > 300
    bring(rolling, again.desk, first[6000:])
    assert again.plain()["decisions"] == {"number": lines(), "today": lines()}
    bring(rolling, again.desk, [e for e in rolling.events if e.ts_event > rolling.days[0].close_ns][:1])
    assert again.plain()["day"] == rolling.days[1].day
    assert again.plain()["decisions"]["today"] == again.desk.journal.number - lines()
    again.desk.finish_day()
    assert again.plain()["decisions"] == {"number": again.desk.journal.number, "today": 0}
    again.papers.close()
