"""A desk that starts again by the wall clock: what was closed stays closed, what is found late is not acted upon."""

import numpy as np
import pytest

from mia_ml.core.moments import MINUTE
from serving.day.acting import PASSED, RECOVERED
from serving.day.decisions import _KEPT
from serving.intake import wire
from serving.unavailable import Unavailable
from tests.serving import live_world
from tests.serving.day.wall_days import S, Time, by_the_wall, changed, first, live_through, rerun
from tests.serving.listening import Listener


def begun(world, state, listener, n):
    """A desk that has lived through the first `n` events of a day by the clock, the time, and all of the events."""
    day = world.days[0]
    events = [e for e in world.events if day.open_ns < e.ts_event <= day.close_ns]
    time = Time(day.open_ns - 600 * S)
    desk = by_the_wall(world, state, time, listener)
    list(live_through(desk, time, events[:n], np.random.default_rng(0)))
    return desk, time, events


def test_by_the_clock_a_crash_and_a_restart_keep_out_what_came_too_late(rolling, tmp_path):
    """Bars that the clock closed stay closed: an event that comes after the restart does not get into them."""
    listener = Listener()
    desk, time, events = begun(rolling, tmp_path, listener, 2000)
    time.ns = events[1999].ts_event + 5 * MINUTE
    desk.tick()
    sent = len(listener.lines)
    desk = by_the_wall(rolling, tmp_path, time, listener)
    live_world.reopened(desk)
    assert len(listener.lines) == sent
    trade = first(rolling, wire.Trade)
    backs = changed(trade, position=1, ts_event=events[1999].ts_event + 1)
    assert desk.take("again", [backs], 0).accepted == 0
    desk = by_the_wall(rolling, tmp_path, time, listener)
    live_world.reopened(desk)  # and the log is still what the decisions came from
    assert len(listener.lines) == sent


def test_what_a_restart_finds_and_what_it_closes_too_late_is_not_acted_upon(rolling, tmp_path, monkeypatch):
    listener = Listener()
    desk, time, events = begun(rolling, tmp_path, listener, 900)

    def full(*_):
        raise Unavailable("full")

    monkeypatch.setattr(desk.journal, "write", full)
    over = events[899].ts_event // MINUTE + 2
    prints = [n for n in range(900, len(events)) if type(events[n]) is wire.Trade]
    n = next(n for n in prints if events[n].ts_event // MINUTE >= over)
    time.ns = events[n].ts_event + 1_000_000
    with pytest.raises(Unavailable):  # without a tick: it is an event that closes the bar
        desk.take("ws", [changed(events[n], position=901)], 0)
    sent = len(listener.lines)
    desk = live_world.reopened(by_the_wall(rolling, tmp_path, time, listener))
    found = [_KEPT.decode(line).live for line in listener.lines[sent:]]
    assert found
    assert all(live.recovered and RECOVERED in live.why and not live.act for live in found)
    sent = len(listener.lines)
    time.ns = (time.ns // MINUTE + 5) * MINUTE + 500_000_000
    desk.tick()
    found = [_KEPT.decode(line).live for line in listener.lines[sent:]]
    assert len(found) >= 5
    assert not any(live.recovered or live.act for live in found[:-1])
    assert [PASSED in live.why for live in found] == [True] * (len(found) - 1) + [False]
    assert listener.of("mia-ml/1") == rerun(rolling, tmp_path, rolling.days[0])[: len(listener.lines)]
