"""Live by the wall clock, with a clock of the test's own: a feed that stops, a clock that jumps, a feed that raves.

A service is put in front of the desk as it stands, and its minutes are run through in a moment.
"""

import asyncio
import contextlib
import types

import msgspec
import pytest

from mia_ml.core.moments import MINUTE
from mia_ml.store.rules import Rules
from serving import service as services
from serving.day.decisions import Kept
from serving.day.trading_day import record_of
from serving.guards.clock import AnchoredClock
from serving.intake import wire
from serving.intake.events import FUTURE, REASONS
from serving.intake.rows import Rows
from serving.service import Service, Wanted
from serving.versions.chosen import Lookout
from tests.serving import live_world

SECOND = 1_000_000_000


class Time:
    """Of a machine whose wall clock may be set. ns."""

    def __init__(self, wall_ns: int) -> None:
        self.wall_ns, self.monotonic_ns = wall_ns, 0

    def clock(self, skew_ns: int) -> AnchoredClock:
        return AnchoredClock(skew_ns, wall=lambda: self.wall_ns, monotonic=lambda: self.monotonic_ns)

    def pass_(self, ns: int) -> None:
        self.wall_ns += ns
        self.monotonic_ns += ns


class Live:
    """A service in wall mode, stepped by hand: its ticks, and what it watches.

    shapes: prints and snapshots of the market, of which the feed sends one a second, as of now.
    """

    def __init__(self, service: Service, time: Time, shapes: list[wire.Event]) -> None:
        self.service, self.time, self.shapes = service, time, shapes

    @property
    def desk(self):
        return self.service._desk

    def event(self, ahead_ns: int = 0) -> wire.Event:
        """The next one of the feed."""
        position = self.service.resume_after("es") + 1
        now = self.desk.clock.now_ns()
        changes = {"position": position, "ts_event": now + ahead_ns, "ts_recv": None}
        return msgspec.structs.replace(self.shapes[position % len(self.shapes)], **changes)

    def step(self, ns: int, feed: bool = True) -> None:
        """So much time passes."""
        for _ in range(ns // SECOND):
            self.time.pass_(SECOND)
            if feed:
                self.service.take("es", [self.event()], 0)
            self.desk.tick()
            self.service._look_around(self.desk)

    def lines(self) -> list[Kept]:
        return [msgspec.json.decode(line, type=Kept) for line in self.service.decisions(0, 10_000)]

    def standing(self) -> str:
        return " | ".join(self.service.ready())


@pytest.fixture
def live(market, tmp_path, monkeypatch):
    """Makes a service that stands at its first day's open plus some hours, with what its feed will bring."""

    @contextlib.asynccontextmanager
    async def make(after_ns: int):
        day = market.world.days[0]
        time = Time(day.open_ns + after_ns)
        monkeypatch.setattr(services, "AnchoredClock", time.clock)
        monkeypatch.setattr(services, "time", types.SimpleNamespace(time_ns=lambda: time.wall_ns))
        for name in ("TICK_S", "WATCH_S"):
            monkeypatch.setattr(services, name, 1e9)
        guards = {**live_world.serve_settings().guards.model_dump(), "range_most": 1_000}
        serve = live_world.serve_settings(
            clock="wall", state=str(tmp_path / "live"), tables=str(market.world.before), poll_s=1e9, guards=guards
        )
        lookout = Lookout("mia-ml", "", tmp_path / "record", tmp_path / "live" / "bundles")
        wanted = Wanted(str(market.bundle), ())
        service = Service(serve, Rules(), wanted, lookout, tmp_path, 0.95, lambda what, n: None)
        await service.start()
        kinds = (wire.Trade, wire.Book)
        shapes = [e for e in market.world.events if time.wall_ns < e.ts_event <= day.close_ns and type(e) in kinds]
        try:
            yield Live(service, time, shapes[:40])
        finally:
            await service.stop()

    return make


HOUR = 3600 * SECOND
MORNING = 15 * HOUR  # from the open


def test_a_feed_that_stops_for_five_minutes(live):
    async def run():
        async with live(MORNING) as service:
            service.step(5 * MINUTE)
            assert service.standing() == ""
            heard = len(service.lines())
            assert all(not line.live.why or "score is NaN" in line.live.why[0] for line in service.lines()[-4:])
            service.step(30 * SECOND, feed=False)
            assert service.standing() == ""
            service.step(270 * SECOND, feed=False)
            assert "feed es: no priced event for 300 s, 30 s are borne" in service.standing()
            silent = service.lines()[heard:]
            assert len(silent) >= 4
            assert not any(line.live.act for line in silent)
            assert all(any("no priced event" in why for why in line.live.why) for line in silent)
            service.step(SECOND)
            assert service.standing() == ""
            service.step(MINUTE)
            assert not any("no priced event" in why for why in service.lines()[-1].live.why)

    asyncio.run(run())


def test_a_clock_that_jumps_moves_no_event_and_ends_when_it_comes_back(live):
    async def run():
        async with live(MORNING) as service:
            service.step(3 * MINUTE)
            service.time.wall_ns += HOUR
            heard = len(service.lines())
            service.step(3 * MINUTE)
            assert "the wall clock jumped by +3600.000 s" in service.standing()
            jumped = service.lines()[heard:]
            assert len(jumped) == 3
            assert not any(line.live.act for line in jumped)
            assert all(any("the wall clock jumped" in why for why in line.live.why) for line in jumped)
            ends = [line.head.ts for line in service.lines()][-6:]
            assert ends == list(range(ends[0], ends[-1] + 1, MINUTE))
            service.time.wall_ns -= HOUR
            service.step(SECOND)
            assert service.standing() == ""

    asyncio.run(run())


def test_a_wall_clock_is_believed_when_the_feed_agrees_with_it(live):
    """The machine had slept: its monotonic clock stood still, the market did not."""

    async def run():
        async with live(MORNING) as service:
            service.step(3 * MINUTE)
            service.time.wall_ns += 10 * SECOND
            for _ in range(70):
                service.time.pass_(SECOND)
                event = service.event(ahead_ns=service.time.wall_ns - service.desk.clock.now_ns())
                service.service.take("es", [event], 0)
                service.desk.tick()
                service.service._look_around(service.desk)
            assert service.standing() == ""
            assert service.desk.clock.now_ns() == service.time.wall_ns

    asyncio.run(run())


def test_a_feed_that_raves_of_the_future_ends_no_day(live):
    """Not by prints, portions nor clocks: today goes on, and nothing that was said is believed."""

    async def run():
        async with live(MORNING) as service:
            service.step(3 * MINUTE)
            day, heard = service.desk.day.day, len(service.lines())
            far = service.event(ahead_ns=30 * HOUR)
            assert [told.reason for told in service.service.take("es", [far], 0).refused] == [REASONS[FUTURE]]
            table, record = record_of(service.event(ahead_ns=30 * HOUR), 0, 0)
            service.desk.take_portion("es", False, [Rows(table, far.symbol, record)])
            service.service.take("es", [wire.Clock(far.ts_event)], 0)
            assert service.desk.day.day == day
            assert len(service.lines()) <= heard + 1
            assert service.desk.feeds.feed("es").last_ts_event_ns < far.ts_event
            service.step(3 * MINUTE)
            assert service.desk.day.day == day
            assert len(service.lines()) == heard + 3
            assert service.desk.feeds.feed("es").refused[REASONS[FUTURE]] == 2
            assert service.standing() == ""

    asyncio.run(run())
