"""A rehearsed close changes nothing, and is due once, shortly before a minute ends."""

import numpy as np
import pytest

from mia_ml.core.moments import MINUTE
from serving.day.rail import CHAMPION, SHADOW
from serving.day.rehearsal import BEFORE_NS
from serving.day.trading_day import TradingDay
from serving.intake import wire
from tests.scoring import small
from tests.serving import live_world
from tests.serving.day.wall_days import Time, by_the_wall, changed
from tests.serving.listening import Listener, started


def test_a_day_rehearsed_at_random_gives_the_lines_of_research(rolling, tmp_path):
    """Two versions, each with an engine of its own."""
    listener, rng = Listener(), np.random.default_rng(1)
    features = {**rolling.content.features, "order_book_imbalance": {"top_weight": 0.3, "deep_weight": 0.7}}
    other = small.content(None, features=features)
    desk = started(
        rolling, tmp_path, listener, versions={"mia-ml/1": (rolling.content, CHAMPION), "mia-ml/2": (other, SHADOW)}
    )
    over = 0
    for at, event in enumerate(rolling.events):
        desk.take("ws", [event], 0)
        if rng.random() < 0.01 or at < 3:
            desk.rehearsal.go(desk.day, event.ts_event)
        if desk.close_is_next:
            desk.rehearse()
            over += 1
    assert over > 100
    desk.take("ws", [rolling.end], 0)
    assert listener.of("mia-ml/1") == rolling.lines
    days = [day.day for day in rolling.days]
    assert listener.of("mia-ml/2") == live_world.research(other, rolling.tables, days).lines


def test_it_is_due_once_before_the_minute_ends(rolling, tmp_path):
    desk = rolling.desk(tmp_path)
    desk.take("ws", rolling.events[:100], 0)
    minute = desk.now_ns() // MINUTE * MINUTE
    due = [minute + MINUTE - BEFORE_NS - 1, minute + MINUTE - BEFORE_NS, minute + MINUTE - 1]
    assert [desk.rehearsal.is_due(ts) for ts in due] == [False, True, True]
    desk.rehearsal.go(desk.day, due[1])
    assert [desk.rehearsal.is_due(ts) for ts in (*due, due[1] + MINUTE)] == [False, False, False, True]


def test_a_row_of_an_index_behind_the_bar_says_that_its_close_is_next(rolling, tmp_path, monkeypatch):
    rehearsed = []
    monkeypatch.setattr(TradingDay, "rehearse", lambda day: rehearsed.append(1) or [])
    desk = rolling.desk(tmp_path)
    desk.rehearse()  # there is no day yet
    desk.take("ws", rolling.events[:100], 0)
    ends = desk.day.rails[0].engine.last_close_ns + MINUTE
    position = desk.resume_after("ws")
    for more, (ts, value, expected) in enumerate(
        ((ends - 1, 13.0, False), (ends, 13.0, True), (ends, 0.0, False), (ends + 1, 13.0, True)), 1
    ):
        row = wire.Vix(position=position + more, symbol="VIX", ts_event=ts, value=value)
        desk.take("ws", [row], 0)
        assert desk.close_is_next == expected
    desk.rehearse()
    assert (rehearsed, desk.close_is_next) == ([1], False)


@pytest.mark.parametrize(("wall", "expected"), [(False, 0), (True, 1)])
def test_it_is_the_clock_that_has_it_rehearsed(rolling, tmp_path, monkeypatch, wall, expected):
    """Not prices, whose time may run at any pace."""
    rehearsed = []
    monkeypatch.setattr(TradingDay, "rehearse", lambda day: rehearsed.append(1) or [])
    time = Time(rolling.days[0].open_ns + 30 * MINUTE - BEFORE_NS - 1)
    desk = by_the_wall(rolling, tmp_path, time, Listener()) if wall else rolling.desk(tmp_path)
    desk.take("ws", [changed(rolling.events[0], ts_event=time.ns)], 0)
    desk.tick()
    assert rehearsed == []
    time.ns += BEFORE_NS
    desk.take("ws", [changed(rolling.events[1], ts_event=time.ns)], 0)
    desk.tick()
    desk.tick()
    assert len(rehearsed) == expected
