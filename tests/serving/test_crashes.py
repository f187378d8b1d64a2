"""The service abandoned at any point: nothing is decided twice, nothing is lost, and what was sent stays as it was.

A crash is a desk that is left lying with whatever it had not written; at a listener it looks like a connection that
ends. MIA_KILLS says how often the long tests are cut off (100 for the whole).
"""

import os
import shutil

import msgspec
import numpy as np
import pytest

from mia_ml.settings import load
from serving.day.rail import CHAMPION, SHADOW
from serving.intake import wire
from serving.intake.journal import DayLog
from tests import small_world
from tests.scoring import small
from tests.serving import live_world
from tests.serving.listening import Listener, exactly, started
from tests.serving.live_world import on_disk

KILLS = int(os.environ.get("MIA_KILLS", "4"))


def lived(world, state, rng, kills, listener, **changes):
    """All events and the end, by lives that end in the middle; each sends again from somewhere before."""
    stops = [*np.sort(rng.integers(1, len(world.events), kills)).tolist(), len(world.events)]
    for stop in stops:
        desk = started(world, state, listener, **changes)
        at = max(desk.resume_after("ws") - int(rng.integers(0, 30)), 0)
        while at < stop:
            n = 1 if rng.random() < 0.3 else int(rng.integers(1, 400))
            desk.take("ws", world.events[at : at + n], 0)
            at += n
    desk.take("ws", [world.end], 0)
    return desk


@pytest.mark.parametrize("seed", [0, 1])
def test_two_days_and_a_roll_with_crashes_anywhere(rolling, tmp_path, seed):
    listener = Listener()
    lived(rolling, tmp_path, np.random.default_rng(seed), KILLS, listener)
    exactly(rolling, tmp_path, listener)


def test_a_day_with_late_events_and_gaps_with_crashes_anywhere(faulty, tmp_path):
    listener = Listener()
    lived(faulty, tmp_path, np.random.default_rng(2), KILLS, listener)
    exactly(faulty, tmp_path, listener)


@pytest.fixture(scope="module")
def three(rolling):
    """A champion, a shadow with features of its own, and one that shares the champion's; what research says of each."""
    features = load(small_world.SHIPPED).features.model_dump()
    features["order_book_imbalance"] |= {"top_weight": 0.3, "deep_weight": 0.7}
    other = small.content(rolling.content.ensemble, features=features)
    plain = small.content(None)
    versions = {"mia-ml/1": (rolling.content, CHAMPION), "mia-ml/2": (other, SHADOW), "mia-ml/3": (plain, SHADOW)}
    days = [day.day for day in rolling.days]
    wanted = {name: live_world.research(content, rolling.tables, days).lines for name, (content, _) in versions.items()}
    assert len(set(map(tuple, wanted.values()))) == 3
    return versions, wanted


def test_three_versions_with_crashes_anywhere(rolling, three, tmp_path):
    versions, wanted = three
    listener = Listener()
    desk = lived(rolling, tmp_path, np.random.default_rng(3), KILLS, listener, versions=versions)
    assert len(desk.core.fleet.rails) == 2
    for name, lines in wanted.items():
        assert listener.of(name) == lines
    assert on_disk(tmp_path) == listener.lines
    order = [live_world.decisions._KEPT.decode(line) for line in listener.lines]
    assert [line.version for line in order[::3]] == ["mia-ml/1"] * (len(order) // 3)
    ts = [line.head.ts for line in order]
    assert ts == sorted(ts)


# a crash inside of what is written down


class Crash(BaseException):
    """The process ends here."""


class Disk:
    """Counts the calls that change the disk, and ends the process at one of them: before it, or right after."""

    CALLS = ("write", "replace", "fdatasync", "fsync", "truncate", "ftruncate")

    def __init__(self, monkeypatch):
        self.n = 0
        self.at = (-1, False)
        for name in self.CALLS:
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, call):
        def counted(*arguments):
            self.n += 1
            if self.at == (self.n, False):
                raise Crash
            found = call(*arguments)
            if self.at == (self.n, True):
                raise Crash
            return found

        return counted

    def arm(self, at, after):
        self.n, self.at = 0, (at, after)


def at_the_turn(world):
    """Where the second day's events begin."""
    return next(n for n, e in enumerate(world.events) if e.ts_event > world.days[0].close_ns)


def turned(desk, events):
    """The last of a day and the first of the next, a few at a time."""
    for k in range(0, len(events), 3):
        desk.take("ws", events[k : k + 3], 0)


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_every_call_around_the_turn_of_the_day(rolling, tmp_path, monkeypatch, after):
    """The end of a day, its snapshot, the new day's folder, its first rows: each write is the last one once."""
    turn = at_the_turn(rolling)
    around = rolling.events[turn - 6 : turn + 60]
    known, listener = tmp_path / "known", Listener()
    desk = started(rolling, known, listener, sync="always")
    for k in range(0, turn - 6, 1000):
        desk.take("ws", rolling.events[k : min(k + 1000, turn - 6)], 0)
    desk.close()
    before = list(listener.lines)
    whole = tmp_path / "whole"
    shutil.copytree(known, whole)
    disk, once = Disk(monkeypatch), Listener()
    once.lines = list(before)
    desk = started(rolling, whole, once, sync="always")
    disk.arm(-1, False)
    turned(desk, around)
    calls = disk.n
    assert calls > 20
    assert len(once.lines) > len(before) + 5
    wanted = once.of("mia-ml/1")
    assert wanted == rolling.lines[: len(wanted)]
    step = max(1, calls // (7 if KILLS < 100 else 10**6))
    for at in range(1, calls + 1, step):
        state, heard = tmp_path / f"{at}-{after}", Listener()
        heard.lines = list(before)
        shutil.copytree(known, state)
        desk = started(rolling, state, heard, sync="always")
        disk.arm(at, after)
        with pytest.raises(Crash):
            turned(desk, around)
        disk.arm(-1, False)
        desk = started(rolling, state, heard, sync="always")
        safe = desk.resume_after("ws")
        assert turn - 6 <= safe <= turn + 60
        turned(desk, rolling.events[safe : turn + 60])
        assert heard.of("mia-ml/1") == wanted
        assert on_disk(state) == heard.lines
        shutil.rmtree(state)


@pytest.mark.parametrize("fail", ["before the journal is written", "before anybody is told", "while some were told"])
def test_a_crash_between_the_log_the_journal_and_the_listeners(rolling, tmp_path, monkeypatch, fail):
    listener = Listener()
    desk = started(rolling, tmp_path, listener)
    # the last event of this message closes several bars at once
    first = next(
        n
        for n, (a, b) in enumerate(zip(rolling.events, rolling.events[1:], strict=False))
        if b.ts_event // 60_000_000_000 - a.ts_event // 60_000_000_000 >= 3 and a.ts_event > rolling.days[0].open_ns
    )
    desk.take("ws", rolling.events[:first], 0)
    sent = len(listener.lines)

    def crash(*_):
        raise Crash

    if fail == "before the journal is written":
        monkeypatch.setattr(desk.journal, "write", crash)
    elif fail == "before anybody is told":
        desk.output.publish[:] = [crash]
    else:

        def once(number, line):
            if number > sent + 1:
                raise Crash
            listener(number, line)

        desk.output.publish[:] = [once]
    with pytest.raises(Crash):
        desk.take("ws", rolling.events[first : first + 3], 0)
    desk = started(rolling, tmp_path, listener)
    assert desk.resume_after("ws") == first + 3
    assert len(listener.lines) >= sent + 3
    desk.take("ws", rolling.events[first + 3 : first + 500], 0)
    assert listener.of("mia-ml/1") == rolling.lines[: len(listener.lines)]
    assert on_disk(tmp_path) == listener.lines


def test_a_killed_process_at_the_turn_knows_its_feeds_though_the_new_day_has_nothing(rolling, tmp_path):
    """Positions go on over the days, and so does what is known of them."""
    turn = at_the_turn(rolling)
    listener = Listener()
    desk = started(rolling, tmp_path, listener)
    for k in range(0, turn, 1000):
        desk.take("ws", rolling.events[k : min(k + 1000, turn)], 0)
    desk.take("ws", [wire.Clock(rolling.days[1].open_ns)], 0)
    assert desk.day.day == rolling.days[1].day
    desk = started(rolling, tmp_path, listener)
    assert desk.resume_after("ws") == turn
    DayLog.open(tmp_path / "days" / "20240311", 20240311)  # a folder that a crash left before it said anything
    desk = started(rolling, tmp_path, listener)
    assert desk.resume_after("ws") == turn


def test_what_is_sent_again_of_a_day_that_is_over_is_refused(rolling, tmp_path):
    """A feed that begins anew, under another name: nothing of the old day gets into the new one."""
    turn = at_the_turn(rolling)
    listener = Listener()
    desk = started(rolling, tmp_path, listener)
    for k in range(0, turn, 1000):
        desk.take("ws", rolling.events[k : min(k + 1000, turn)], 0)
    desk.take("ws", [wire.Clock(rolling.days[1].open_ns - 600 * 10**9)], 0)
    prices = [e for e in rolling.events[turn - 200 : turn] if type(e) in (wire.Trade, wire.Book)]
    reply = desk.take("again", prices, 0)
    assert reply.accepted == 0
    assert len(reply.refused) == len(prices)
    assert desk.day.arrivals.contract == ""  # and none of it says what is traded today
    desk.take("ws", rolling.events[turn : turn + 1], 0)
    assert desk.take("again", [msgspec.structs.replace(prices[-1], position=10**6)], 0).accepted == 0
    for k in range(turn + 1, len(rolling.events), 1000):
        desk.take("ws", rolling.events[k : k + 1000], 0)
    desk.take("ws", [rolling.end], 0)
    exactly(rolling, tmp_path, listener)


def test_what_a_clock_had_closed_stays_closed_after_a_restart(rolling, tmp_path):
    listener = Listener()
    desk = started(rolling, tmp_path, listener)
    desk.take("ws", rolling.events[:1000], 0)
    reached = rolling.events[999].ts_event
    desk.take("ws", [wire.Clock(reached + 5 * 60_000_000_000)], 0)
    sent = len(listener.lines)
    for _ in range(2):  # the second start runs what the first let in
        desk = started(rolling, tmp_path, listener)
        behind = [e for e in rolling.events[1000:] if type(e) is wire.Trade][:1]
        behind = [msgspec.structs.replace(e, position=1001, ts_event=reached + 1, ts_recv=None) for e in behind]
        assert desk.take("ws", behind, 0).accepted == 0
    assert len(listener.lines) == sent
