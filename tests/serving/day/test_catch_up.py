"""Before the first live event: the interrupted day, then today from its log or from the tables, at full speed."""

import msgspec
import pytest

from mia_ml.core.moments import MINUTE
from serving.day.catch_up import begun_in, catch_up, rows_of
from serving.day.decisions import Kept
from serving.day.desk import Desk
from serving.guards.clock import AnchoredClock
from serving.intake.journal import about
from tests.serving import live_world
from tests.serving.live_world import decision_of

SECOND = 1_000_000_000


class Clock:
    """A wall clock that stands where it is put."""

    def __init__(self, ns):
        self.ns = ns

    def made(self):
        return AnchoredClock(2 * SECOND, wall=lambda: self.ns, monotonic=lambda: self.ns)


class Shown:
    def __init__(self):
        self.days = []

    def __call__(self, what, n):
        self.days.append((what, n))


class Ended(live_world.Nobody):
    def __init__(self):
        self.days = []

    def end(self, day, bars):
        self.days.append((day.day, bars))


def begin(world, state, clock, tables=None, follower=None, **changes):
    made = clock.made()
    desk = live_world.desk(
        state, tables or world.before, world.content, today_ns=clock.ns, clock=made, follower=follower, **changes
    )
    core = desk.core._replace(serve=live_world.serve_settings(clock="wall"))
    desk = Desk(core, made, [], follower or live_world.Nobody())
    shown = Shown()
    catch_up(desk, shown)
    return desk, shown.days


@pytest.fixture
def half(rolling, tmp_path):
    """The tables of the days before and the first half of today, as a store has them at noon; when; events since."""
    day = rolling.days[0]
    now = day.open_ns + (day.close_ns - day.open_ns) // 2 // MINUTE * MINUTE
    tables = tmp_path / "tables"
    live_world.shutil.copytree(rolling.before, tables)
    for table in ("trades", "book", "options", "vix"):
        for path in (rolling.tables / table).rglob(f"{live_world.iso(day.day)}.parquet"):
            columns = live_world.parquet.read_file(path, table)
            kept = columns["ts_event"] <= now
            if path.parent.name in (day.contract, "SPX", "VIX"):
                live_world.parquet.write(
                    tables, table, path.parent.name, day.day, {name: column[kept] for name, column in columns.items()}
                )
    after = [e for e in rolling.events if now < e.ts_event <= day.close_ns]
    return tables, now, after


def kept(state):
    return [msgspec.json.decode(line, type=Kept) for line in live_world.on_disk(state)]


def test_today_comes_from_the_tables_and_only_what_is_decided_from_here_on_leaves(rolling, half, tmp_path):
    tables, now, after = half
    clock = Clock(now + SECOND)
    state = tmp_path / "live"
    desk, _ = begin(rolling, state, clock, tables)
    assert desk.day.day == rolling.days[0].day
    assert desk.day.arrivals.contract == rolling.days[0].contract
    assert desk.day.take_prints().tape["ts_event"].size == 0
    assert live_world.on_disk(state) == []
    reached = desk.day.rails[0].engine.last_close_ns  # the bar of the last price the store has
    assert now - 10 * MINUTE < reached <= now
    for position, e in enumerate(after, 1):
        clock.ns = max(clock.ns, e.ts_event)
        desk.take("ws", [msgspec.structs.replace(e, position=position)], 0)
    number, close, wanted = desk.day.arrivals.number, rolling.days[0].close_ns, rolling.research.decisions["ts"]
    clock.ns = close + SECOND
    desk.tick()
    from_here = [line for line, ts in zip(rolling.lines, wanted, strict=True) if reached < ts <= close]
    told = [decision_of(line) for line in live_world.on_disk(state)]
    assert told == from_here
    desk.close()
    clock.ns = close - SECOND
    again, _ = begin(rolling, state, clock, tables)  # today has a log now: the tables are not read again
    assert [decision_of(line) for line in live_world.on_disk(state)] == told
    assert again.day.arrivals.number == number
    assert again.day.arrivals.merge.lanes == 1  # nothing waits for the store


def test_without_a_store_today_begins_empty(rolling, tmp_path):
    clock = Clock(rolling.days[0].open_ns + 90 * MINUTE)
    desk, _ = begin(rolling, tmp_path, clock)
    assert desk.day.day == rolling.days[0].day
    assert desk.day.arrivals.number == 0
    assert not live_world.on_disk(tmp_path)


def test_a_day_that_was_interrupted_is_finished_before_today_begins(rolling, tmp_path):
    first = rolling.days[0]
    events = [e for e in rolling.events if e.ts_event <= first.close_ns]
    desk = rolling.desk(tmp_path)
    for k in range(0, 6000, 500):
        desk.take("ws", events[k : k + 500], 0)
    number = desk.journal.number
    desk.close()
    ended = Ended()
    clock = Clock(rolling.days[1].open_ns + 5 * MINUTE)
    desk, shown = begin(rolling, tmp_path, clock, follower=ended)
    assert ended.days == [(first.day, 1380)]
    assert shown == [(str(first.day), 6000)]
    assert about(tmp_path / "days" / str(first.day)).finished
    assert (desk.day.day, desk.resume_after("ws")) == (rolling.days[1].day, 6000)
    lines = kept(tmp_path)
    assert [line.number for line in lines] == list(range(1, 1381))
    assert not any(line.live.act for line in lines[number:])
    assert begun_in(tmp_path) == [first.day, rolling.days[1].day]


def test_a_clock_that_lies_before_the_last_day_begun_opens_the_day_it_shows(rolling, tmp_path):
    desk, _ = begin(rolling, tmp_path, Clock(rolling.days[1].open_ns + MINUTE))
    desk.close()
    desk, _ = begin(rolling, tmp_path, Clock(rolling.days[0].open_ns + MINUTE))
    assert desk.day.day == rolling.days[0].day


def test_where_only_events_move_time_nothing_is_begun_that_was_not(rolling, tmp_path):
    desk = rolling.desk(tmp_path)
    shown = Shown()
    catch_up(desk, shown)
    assert (desk.day, shown.days) == (None, [])
    desk.take("ws", rolling.events[:3000], 0)
    desk.close()
    desk = rolling.desk(tmp_path)
    catch_up(desk, shown)
    assert (desk.day.day, desk.resume_after("ws"), shown.days) == (
        rolling.days[0].day,
        3000,
        [(str(rolling.days[0].day), 3000)],
    )


def test_rows_of_the_tables_are_numbered_over_all_tables_indices_first(rolling):
    plan = live_world.table_days.plan(rolling.tables, "ES", "cme_globex", False)
    found = rows_of(plan.days[-1])
    assert [part.table for part in found[-2:]] in (["trades", "book"], ["book", "trades"])
    assert {part.symbol for part in found} == {plan.days[-1].contract, "SPX", "VIX"}
    positions = [position for part in found for position in part.records["position"].tolist()]
    assert positions == list(range(1, len(positions) + 1))
