"""The desk: what it answers, a day by the wall clock, a disk that is full, the turn of the day."""

import errno
import os
import shutil

import msgspec
import numpy as np
import pytest

from mia_ml.core.errors import DataError
from mia_ml.core.moments import MINUTE
from serving.day.decisions import _KEPT
from serving.day.rail import CHAMPION, STANDBY
from serving.intake import journal, wire
from serving.intake.events import FUTURE, LATE
from serving.unavailable import Unavailable
from tests.serving import live_world
from tests.serving.day.wall_days import S, Time, by_the_wall, changed, first, live_through, rerun
from tests.serving.listening import Listener, exactly, started
from tests.serving.live_world import decision_of

# what it answers


def test_a_reply_says_what_became_of_every_event(rolling, desk):
    head = rolling.events[:50]
    reply = desk.take("ws", head, 0)
    assert (reply.position, reply.accepted, reply.duplicates, reply.refused) == (50, 50, 0, [])
    reply = desk.take("ws", rolling.events[40:60], 0)
    assert (reply.position, reply.accepted, reply.duplicates) == (60, 10, 10)
    trade = changed(first(rolling, wire.Trade), ts_event=rolling.events[60].ts_event)
    bad = [
        changed(trade, position=61, price=trade.price + 0.1),
        changed(trade, position=62, size=0),
        changed(trade, position=63, symbol="ESZ9"),
        changed(trade, position=64, symbol="CLH4"),
        changed(trade, position=65, symbol="rubbish"),
        wire.Vix(position=66, symbol="VXN", ts_event=trade.ts_event, value=13.0),
        changed(trade, position=67, ts_event=rolling.days[0].open_ns),
        changed(trade, position=68, symbol="NQH4"),
    ]
    reply = desk.take("ws", bad, 0)
    assert (reply.position, reply.accepted) == (68, 0)
    assert [refusal.position for refusal in reply.refused] == list(range(61, 69))
    reasons = [refusal.reason for refusal in reply.refused]
    assert reasons[0] == "price off the tick grid"
    assert reasons[1] == "size not positive"
    assert reasons[2] == "another contract than the one that is traded, ESH4"
    assert all("\n" not in reason and reason for reason in reasons)
    assert reasons[5] == "vix of VIX are used here"
    assert reasons[6] == "behind the event before it"
    assert desk.resume_after("ws") == 68
    assert desk.resume_after("other") == 0
    health = desk.feeds.feed("ws")
    assert (health.events, health.duplicates, sum(health.refused.values())) == (68, 10, 8)


def test_a_gap_stands_against_acting_until_the_bars_that_hold_it_are_over(rolling, desk):
    desk.take("ws", rolling.events[:100], 0)
    assert not desk.core.acting.standing
    desk.take("ws", rolling.events[110:111], 0)
    assert desk.core.acting.standing.texts() == ["gap: 10 events missing between 100 and 111 of ws"]
    desk.take("ws", rolling.events[111:1500], 0)
    assert not desk.core.acting.standing


def test_a_contract_that_is_given_is_the_only_one(rolling, tmp_path):
    desk = rolling.desk(tmp_path, contract="ESZ4")
    trade = first(rolling, wire.Trade)
    reply = desk.take("ws", [trade], 0)
    assert reply.refused[0].reason == "another contract than the one that is traded, ESZ4"
    assert desk.take("ws", [changed(trade, position=trade.position + 1, symbol="ESZ4")], 0).accepted == 1


def test_a_moment_beyond_the_calendar_is_refused_in_one_line(rolling, desk):
    with pytest.raises(DataError, match="lies outside the trading days") as one:
        desk.take("ws", [wire.Clock((1 << 62) - 1)], 0)
    assert "\n" not in str(one.value)
    assert desk.take("ws", rolling.events[:10], 0).accepted == 10


def test_a_clock_before_the_open_closes_nothing_to_the_opening_auction(rolling, desk):
    book = first(rolling, wire.Book)
    opens = rolling.days[0].open_ns
    for position, minutes in ((1, 30), (2, 10)):
        early = changed(book, position=position, ts_event=opens - minutes * MINUTE, ts_recv=None)
        assert desk.take("ws", [early], 0).accepted == 1
        desk.take("ws", [wire.Clock(opens - minutes * MINUTE + MINUTE)], 0)


def test_who_only_stands_by_says_nothing_and_is_not_written(rolling, tmp_path):
    listener = Listener()
    versions = {"mia-ml/1": (rolling.content, CHAMPION), "mia-ml/2": (rolling.content, STANDBY)}
    desk = started(rolling, tmp_path, listener, versions=versions)
    desk.take("ws", rolling.events[:3000], 0)
    assert {_KEPT.decode(line).version for line in listener.lines} == {"mia-ml/1"}
    desk = started(rolling, tmp_path, listener, versions=versions)
    desk.take("ws", rolling.events[3000:4000], 0)
    assert listener.of("mia-ml/1") == rolling.lines[: len(listener.lines)]


def test_a_line_names_its_cause_and_what_stands_against_it(rolling, tmp_path):
    sent = []
    desk = rolling.desk(tmp_path, publish=[lambda number, line: sent.append(line)])
    desk.core.acting.standing.add("manual", "stand down: a drill", 0)
    for e in rolling.events[:1500]:
        before = len(sent)
        desk.take("ws", [e], 0)
        for line in sent[before:]:
            live = msgspec.json.decode(line)["live"]
            assert live["ts_event"] == e.ts_event
            assert live["latency_us"] > 0
            assert not live["act"]
            assert "stand down: a drill" in live["why"]
    assert len(sent) > 100


# by the wall clock


@pytest.fixture(scope="module")
def wall_day(rolling, tmp_path_factory):
    """The first day by the clock: what was answered and sent, with late events and quiet minutes."""
    state, listener = tmp_path_factory.mktemp("wall"), Listener()
    day = rolling.days[0]
    time = Time(day.open_ns - 600 * S)
    desk = by_the_wall(rolling, state, time, listener)
    events = [e for e in rolling.events if day.open_ns < e.ts_event <= day.close_ns][:6000]
    replies = list(live_through(desk, time, events, np.random.default_rng(0), late=0.02))
    return state, listener, time, replies


def test_by_the_clock_quiet_minutes_close_and_late_events_count(rolling, wall_day):
    state, listener, time, replies = wall_day
    day = rolling.days[0]
    lines = listener.of("mia-ml/1")
    closed = (time.ns - rolling.content.grace_ns - day.open_ns) // MINUTE
    assert len(lines) == closed  # every minute that has passed, whether anything happened in it or not
    found = journal.read(state / "days" / str(day.day))
    late = sum(int((records["reason"] == LATE).sum()) for records in found.values())
    assert late > 20
    assert late == sum(bool(reply.refused) for reply in replies)
    assert lines == rerun(rolling, state, day)[: len(lines)]
    assert lines != rolling.lines[: len(lines)]  # what was late is missing


def test_the_clock_alone_ends_the_day_and_begins_the_next(rolling, wall_day, tmp_path):
    state, listener, time, _ = wall_day
    own, heard = tmp_path / "live", Listener()
    shutil.copytree(state, own)
    (day, after) = rolling.days
    heard.lines = list(listener.lines)
    clock = Time(time.ns)
    desk = live_world.reopened(by_the_wall(rolling, own, clock, heard))
    clock.ns = day.close_ns - MINUTE
    desk.tick()
    clock.ns = day.close_ns + 100_000_000  # within the grace the day goes on
    desk.tick()
    assert desk.day.day == day.day
    clock.ns = day.close_ns + 300_000_000
    desk.tick()
    assert desk.day.day == after.day
    assert heard.of("mia-ml/1") == rerun(rolling, own, day)
    assert journal.about(own / "days" / str(day.day)).finished
    events = [e for e in rolling.events if after.open_ns < e.ts_event][:1500]
    replies = list(live_through(desk, clock, events, np.random.default_rng(1)))
    assert all(reply.accepted for reply in replies)
    assert journal.about(own / "days" / str(after.day)).contract == after.contract


def test_an_event_of_the_future_is_refused_and_one_within_the_skew_is_not(rolling, tmp_path):
    e = first(rolling, wire.Trade, 10)
    time = Time(e.ts_event - 3 * S)
    desk = by_the_wall(rolling, tmp_path, time, Listener())
    future = "from the future by this machine's clock"
    assert desk.take("early", [changed(e, position=1)], 0).refused[0].reason == future
    assert desk.day.arrivals.contract == ""  # nor does it say what is traded
    past = first(rolling, wire.Trade)
    assert desk.take("ws", [changed(past, position=1, ts_event=time.ns), changed(e, position=2)], 0).accepted == 1
    time.ns += 2 * S
    desk.tick()
    assert desk.take("ws", [changed(e, position=3)], 0).accepted == 1
    (day,) = (tmp_path / "days").iterdir()
    assert journal.read(day)["trades"]["reason"].tolist() == [0, FUTURE, 0]


# a disk that is full


class Full:
    """A disk that fails its calls now and then: with an error, or having taken a part."""

    def __init__(self, monkeypatch, rng):
        self.rng, self.on, self.refused = rng, False, 0
        write = os.write

        def patched(file, data):
            if self.on and self.rng.random() < 0.5:
                self.refused += 1
                if self.rng.random() < 0.5 and len(data) > 1:
                    write(file, bytes(data)[: int(self.rng.integers(1, len(data)))])
                    self.on = self.on and self.rng.random() < 0.9
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(file, data)

        replace = os.replace

        def replaced(*arguments):
            if self.on and self.rng.random() < 0.5:
                self.refused += 1
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return replace(*arguments)

        monkeypatch.setattr(os, "write", patched)
        monkeypatch.setattr(os, "replace", replaced)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_full_disk_is_unavailable_and_then_all_goes_on(rolling, tmp_path, monkeypatch, seed):
    rng = np.random.default_rng(seed)
    listener = Listener()
    desk = started(rolling, tmp_path, listener)
    disk = Full(monkeypatch, rng)
    at, unavailable = 0, []
    while at < len(rolling.events):
        n = int(rng.integers(1, 300))
        disk.on = rng.random() < 0.3
        try:
            reply = desk.take("ws", rolling.events[at : at + n], 0)
        except Unavailable as line:
            unavailable.append(str(line))
            continue  # the sender sends it again
        assert reply.position >= min(at + n, len(rolling.events))
        at = reply.position
    disk.on = False
    desk.take("ws", [rolling.end], 0)
    assert len(unavailable) > 10
    assert all("No space left on device" in line and "\n" not in line for line in unavailable)
    exactly(rolling, tmp_path, listener)
    assert desk.feeds.feed("ws").gaps == 0
    assert not desk.core.acting.standing


def test_nothing_is_heard_of_what_could_not_be_written(rolling, tmp_path, monkeypatch):
    listener = Listener()
    desk = started(rolling, tmp_path, listener)
    desk.take("ws", rolling.events[:1000], 0)
    sent = len(listener.lines)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        for _ in range(3):
            with pytest.raises(Unavailable):
                desk.take("ws", rolling.events[1000:1500], 0)
            with pytest.raises(Unavailable):
                desk.tick()
        assert len(listener.lines) == sent
    desk.tick()
    assert len(listener.lines) > sent
    assert desk.take("ws", rolling.events[1000:1500], 0).duplicates == 500
    assert [decision_of(line) for line in listener.lines] == rolling.lines[: len(listener.lines)]
