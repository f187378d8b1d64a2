"""The desk: what it answers, a day by the wall clock, a disk that is full, the turn of the day."""

import errno
import os
import shutil

import msgspec
import numpy as np
import pytest

from mia_ml.core.errors import DataError
from mia_ml.core.moments import MINUTE, NONE
from mia_ml.datasets import days as table_days
from mia_ml.features.stream import Engine
from serving.day.acting import PASSED, RECOVERED
from serving.day.decisions import _KEPT
from serving.day.rail import CHAMPION, STANDBY
from serving.day.trading_day import record_of
from serving.guards.clock import AnchoredClock
from serving.intake import journal, wire
from serving.intake.events import FUTURE, LATE
from serving.intake.rows import Rows
from serving.intake.tape import tape_of
from serving.unavailable import Unavailable
from tests import small_world
from tests.serving import live_world
from tests.serving.live_world import decision_of
from tests.serving.test_crashes import Listener, exactly, started

S = 10**9


# what it answers


@pytest.fixture
def desk(rolling, tmp_path):
    return rolling.desk(tmp_path)


def first(world, kind, n=0):
    return [e for e in world.events if type(e) is kind][n]


def changed(e, **values):
    return msgspec.structs.replace(e, **values)


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


# portions, feeds and the store


def rows_of(world, n, **values):
    """The first n prints as rows of a table."""
    trades = [e for e in world.events if type(e) is wire.Trade][:n]
    found = np.concatenate([record_of(changed(e, position=k, **values), 0, NONE)[1] for k, e in enumerate(trades, 1)])
    return Rows("trades", trades[0].symbol, found)


def test_rows_of_a_portion_that_are_none_of_the_day_are_refused_and_the_others_are_not(rolling, desk):
    rows = rows_of(rolling, 10)
    rows.records["price"][3] += 0.1
    other = Rows("trades", "ESZ9", rows_of(rolling, 14).records[10:])
    desk.take_portion("file", False, [rows, other])
    health = desk.feeds.feed("file")
    assert desk.resume_after("file") == 14
    assert health.events == 14
    assert dict(health.refused) == {
        "price off the tick grid": 1,
        "another contract than the one that is traded, ESH4": 4,
    }
    desk.take_portion("file", False, [Rows("trades", "ESH4", rows_of(rolling, n).records[n - 1 :]) for n in (16, 15)])
    printed = desk.day.take_prints()
    assert printed.tape["price"].size == 9 + 2
    assert (np.diff(printed.tape["ts_event"]) >= 0).all()
    assert printed.bars == []
    assert desk.day.take_prints().tape["price"].size == 0


def test_a_feed_that_is_about_to_leave_the_day_waits_for_one_that_has_not(rolling, tmp_path):
    desk = rolling.desk(tmp_path, hold_ms=3_600_000)
    assert not desk.awaits_others("one", rolling.days[0].close_ns + 1)
    rows = rows_of(rolling, 20)
    desk.take_portion("one", True, [rows])
    beyond = desk.day.arrivals.close_ns + 1
    assert not desk.awaits_others("one", beyond)  # there is nobody else
    desk.take_portion("two", True, [Rows("trades", "ESH4", rows_of(rolling, 25).records[20:])])
    assert desk.awaits_others("one", beyond)
    assert not desk.awaits_others("one", beyond - 1)
    assert not desk.awaits_others("three", beyond)
    desk.connected("two", False)
    desk.day.arrivals.merge._hold_ns = 0  # its silence has been long enough
    desk.tick()
    assert not desk.awaits_others("one", beyond)


def test_a_day_that_is_begun_in_its_middle_stands_on_what_the_store_has_of_it(rolling, tmp_path):
    """What the store's rows led to is told to nobody; what comes behind them is decided as if all had been heard."""
    listener = Listener()
    desk = rolling.desk(tmp_path, publish=[listener])
    at = int(np.searchsorted(desk.core.fleet.market.sessions["day"], rolling.days[0].day))
    head, rest = rolling.events[:4000], rolling.events[4000:6000]
    stored = {}
    for e in head:
        table, record = record_of(e, 0, NONE)
        stored.setdefault((table, e.symbol), []).append(record)
    rows = [Rows(table, symbol, np.concatenate(parts)) for (table, symbol), parts in stored.items()]
    desk.open_day(at, stored=rows)
    assert listener.lines == []
    reached = desk.day.rails[0].engine.last_close_ns
    desk.take("ws", rest, 0)
    wanted = [
        line for line, ts in zip(rolling.lines, rolling.research.rows["ts"].tolist(), strict=True) if ts > reached
    ]
    assert listener.of("mia-ml/1") == wanted[: len(listener.lines)]
    assert len(listener.lines) > 50
    before = list(listener.lines)
    started(rolling, tmp_path, listener)  # and a start leaves it at that
    assert listener.lines == before


# by the wall clock


class Time:
    """A machine's clocks, moved by hand."""

    def __init__(self, ns):
        self.ns = ns
        self.began = ns

    def clock(self, skew_ms=2_000):
        return AnchoredClock(skew_ms * 1_000_000, wall=lambda: self.ns, monotonic=lambda: self.ns - self.began + 1)


def by_the_wall(world, state, time, listener, **changes):
    desk = world.desk(state, publish=[listener], clock=time.clock(), **{"hold_ms": 0} | changes)
    desk.core.acting.now_ns = desk.clock.now_ns
    desk._live = True
    return desk


def live_through(desk, time, events, rng, late=0.0):
    """Each event some milliseconds after its moment, some after their bar, and a tick a second."""
    coming, came = [], 0
    for e in events:
        came = max(came, e.ts_event + int(rng.integers(1, 40)) * 1_000_000)
        behind = rng.random() < late
        coming.append(((e.ts_event // MINUTE + 1) * MINUTE + 400_000_000 if behind else came, e))
    coming.sort(key=lambda each: each[0])
    for position, (came, e) in enumerate(coming, desk.resume_after("ws") + 1):
        tick = max(time.ns // S + 1, came // S - 90) * S  # of a long silence the last seconds are enough
        while tick < came:
            time.ns = max(time.ns, tick)
            desk.tick()
            tick += S
        time.ns = max(time.ns, came)
        yield desk.take("ws", [changed(e, position=position)], 0)


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


def rerun(world, state, day):
    """What research makes of what was written down."""
    tape = tape_of(
        {
            table: found[np.argsort(found["ts_event"], kind="stable")]
            for table, found in journal.read(state / "days" / str(day.day)).items()
        }
    )
    plan = small_world.plan(world.tables)
    engine = Engine(world.content.engine_params(), plan.sessions, plan.contracts)
    for before in plan.days:
        if before.day < day.day:
            engine.run(table_days.tape_of(before, world.content.grace_ns), before.close_ns)
    rows = engine.run(tape, day.close_ns)
    rows = rows[rows["day"] == day.day]
    scorer = world.content.scorer()
    taken = scorer.decide(rows)
    return [
        live_world.decisions.decided(rows[k : k + 1], taken[k : k + 1], day.contract, scorer) for k in range(rows.size)
    ]


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


def test_by_the_clock_a_crash_and_a_restart_keep_out_what_came_too_late(rolling, tmp_path):
    """Bars that the clock closed stay closed: an event that comes after the restart does not get into them."""
    listener = Listener()
    day = rolling.days[0]
    events = [e for e in rolling.events if day.open_ns < e.ts_event][:3000]
    time = Time(day.open_ns - 600 * S)
    desk = by_the_wall(rolling, tmp_path, time, listener)
    list(live_through(desk, time, events[:2000], np.random.default_rng(0)))
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
    day = rolling.days[0]
    events = [e for e in rolling.events if day.open_ns < e.ts_event][:2000]
    time = Time(day.open_ns - 600 * S)
    desk = by_the_wall(rolling, tmp_path, time, listener)
    list(live_through(desk, time, events[:900], np.random.default_rng(0)))

    def full(*_):
        raise Unavailable("full")

    monkeypatch.setattr(desk.journal, "write", full)
    over = events[899].ts_event // MINUTE + 2
    n = next(n for n in range(900, 2000) if events[n].ts_event // MINUTE >= over and type(events[n]) is wire.Trade)
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
    assert listener.of("mia-ml/1") == rerun(rolling, tmp_path, day)[: len(listener.lines)]


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
