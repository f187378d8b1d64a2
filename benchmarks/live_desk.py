"""Event to decision through the live service's desk, without its sockets, as the service runs it.

Timed is `Desk.take`: an event is judged, screened, packed and run through the engine, which is when it has been taken,
and handed to the operating system for the day's log, which is when it can be answered. Of one that closes a bar: until
its decision is taken (the compiled call has returned with score, models, action), and until its line has been written
and published. What the service does when its loop is free is done here between two events, and not in their time: a
bar's end is rehearsed, and the paper account follows what is out. Nothing is forced to the disk (`serve.sync: never`):
how long that takes is the disk's affair.

The garbage collector is as in the service: what is there at the start is frozen, then it runs when it wants to, and its
second generation once a second between two events.
"""

import contextlib
import gc
import itertools
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import live_world
from benchmarks.figures import Figure
from benchmarks.live_world import LiveWorld
from benchmarks.market import PARAMS, FullDay
from mia_ml import settings
from mia_ml.core.moments import MINUTE
from mia_ml.settings.serve import Serve
from mia_ml.single.road import Road
from mia_ml.store.rules import Rules
from serving.app.metrics import Metrics
from serving.day.acting import Acting
from serving.day.days import Core
from serving.day.desk import Desk
from serving.day.fleet import Fleet
from serving.day.history import Market, Snapshots
from serving.day.output import Cause
from serving.day.rail import CHAMPION, Contender, Verdict
from serving.day.recovery import Recovered
from serving.day.trading_day import TradingDay
from serving.guards.clock import AnchoredClock
from serving.guards.standing import Standing
from serving.intake import wire
from serving.intake.rows import Rows
from serving.papers import books as papers
from serving.papers.books import Papers

FEED = "benchmark"
DAYS = 3
WARM_UP = 5_000
EVENTS = 300_000
BEFORE_CASH_NS = 15 * MINUTE
IDLE_S, IDLE_EVENTS, IDLE_CLOSES = 0.002, 2_000, 600
INCLUDED = "judging, screening, engine and log included"
COLLECT_NS = 1_000_000_000


class TimedDesk(Desk):
    """A desk that says when it had last taken a decision, whether its score crossed, and when its line was out; what
    follows a decision waits until `rest`."""

    def __init__(self, core: Core, clock: AnchoredClock, kept: Papers) -> None:
        super().__init__(core, clock, [self._published], self)
        self.taken_ns = self.decided_ns = self.published_ns = 0
        self.crossed = False
        self._papers = kept
        self._timed: set[int] = set()
        self._waiting: list[Callable[[], None]] = []

    def open_day(self, at: int, stored: list[Rows] | None = None) -> Recovered:
        recovered = super().open_day(at, stored)
        for rail in self._today().rails:
            if id(rail) not in self._timed:
                self._timed.add(id(rail))
                rail.closed = self._noted(rail.closed)  # type: ignore[method-assign, assignment]
        return recovered

    def _noted(self, closed: Callable[[Road, int], list[Verdict]]) -> Callable[[Road, int], list[Verdict]]:
        """`Rail.closed`, to which the compiled call has just returned with rows and decisions."""

        def noted(road: Road, count: int) -> list[Verdict]:
            if count:
                self.decided_ns = self.decided_ns or time.perf_counter_ns()
            return closed(road, count)

        return noted

    def rest(self, until_ns: int) -> None:
        """What the service does while its loop is free: it looks at its clock 20 times a second, so that a bar's end
        does not come unawares however far away the next event is."""
        while self._waiting:
            self._waiting.pop(0)()
        if self.close_is_next:
            self.rehearse()
        ends = -(-(self.now_ns() + 1) // MINUTE) * MINUTE
        if self.rehearsal.is_due(min(until_ns, ends - 1)):
            self.rehearsal.go(self._today(), ends - 1)

    def settle(self) -> None:
        self.taken_ns = time.perf_counter_ns()
        super().settle()

    def champion_is(self, contender: Contender, day: int) -> None:
        self._papers.champion_is(contender, day)

    def follow(self, day: TradingDay, out: list[tuple[Verdict, bool]]) -> None:
        stood, printed = self.core.acting.standing.episodes(), day.take_prints()
        self._waiting.append(lambda: self._papers.follow(day, out, stood, printed))

    def end(self, day: TradingDay, bars: int) -> None:
        self.rest(0)
        self._papers.end(day, bars, self.core.acting.standing.episodes())

    def _decide(self, verdicts: list[Verdict], cause: Cause, recovered: bool = False) -> None:
        if verdicts:
            self.decided_ns = self.decided_ns or time.perf_counter_ns()
            self.crossed = any(verdict.decision["crossing"][0] for verdict in verdicts)
        super()._decide(verdicts, cause, recovered)

    def _published(self, number: int, line: bytes) -> None:
        self.published_ns = time.perf_counter_ns()


class Taken(NamedTuple):
    """Of some events, ns until the engine had it and until it could be answered; of those that closed a bar, until it
    was decided and until the line was out, 0 for the others; whether the models were asked."""

    run: np.ndarray
    whole: np.ndarray
    decided: np.ndarray
    out: np.ndarray
    crossed: np.ndarray

    @property
    def closing(self) -> np.ndarray:
        return self.decided > 0


def serve_settings(**changes: object) -> Serve:
    """The shipped ones, moved by events."""
    chosen = settings.load(PARAMS).serve.model_dump(by_alias=True)
    return Serve.model_validate({**chosen, "clock": "event", **changes})


def desk(world: LiveWorld, state: Path) -> TimedDesk:
    """A desk on the days before, that has seen nothing of its own yet; the version's paper account follows it."""
    serve, content = serve_settings(sync="never"), world.content
    market = Market(content, world.tables, state / "days", int(world.rows["ts"][-1]))
    contender = Contender("benchmark/1", "0" * 64, CHAMPION, "", content, content.scorer())
    fleet = Fleet(market, Snapshots(state / "engine"), [contender], lambda what, n: None)
    clock = AnchoredClock(serve.guards.skew_ms * 1_000_000)
    acting = Acting(Standing(), serve.guards, state / "drift", clock.now_ns)
    acting.know(contender.version, content)
    core = Core(serve, Rules(), state, fleet, acting, Metrics())
    return TimedDesk(core, clock, papers.in_folder(state, market.sessions, 0.95))


_LAST: list[wire.Event] = [wire.Clock(0)]


def timed(desk: TimedDesk, events: Iterable[list[wire.Event]], idle_s: float = 0.0) -> Taken:
    """Feed messages of one event each."""
    taken = []
    clock, take, collected = time.perf_counter_ns, desk.take, time.perf_counter_ns()
    for message, after in itertools.pairwise([*events, _LAST]):
        if idle_s:
            time.sleep(idle_s)
        desk.decided_ns = 0
        start = clock()
        take(FEED, message, 0)
        end = clock()
        decided = desk.decided_ns
        if decided:
            taken.append((0, end - start, decided - start, desk.published_ns - start, desk.crossed))
        else:
            taken.append((desk.taken_ns - start, end - start, 0, 0, False))
        desk.rest(after[0].ts_event)
        if end - collected > COLLECT_NS:
            gc.collect(1)
            collected = end
    return Taken(*(np.array(column) for column in zip(*taken, strict=True)))


def events(full: FullDay, world: LiveWorld, count: int = EVENTS) -> Iterator[Figure]:
    """Events around the cash open of a full day that close no bar, back to back and after idle."""
    at = int(np.searchsorted(full.plan.sessions["day"], full.day.day))
    ts = np.sort(np.concatenate([columns["ts_event"] for columns in live_world.tables_of(full.day).values()]))
    opens = int(full.plan.sessions["rth_open_ns"][at]) - BEFORE_CASH_NS
    first = int(np.searchsorted(ts, opens))
    with _at_work(world) as made:
        for rows in live_world.portions_of(full.day, slice(0, first)):
            made.take_portion(FEED, False, rows)
        last = first + WARM_UP + count + IDLE_EVENTS
        messages = _messages(live_world.events_of(full.day, 1, slice(first, last)))
        taken = timed(made, messages[: WARM_UP + count])
        idle = timed(made, messages[WARM_UP + count :], IDLE_S)
    plain = ~taken.closing & (np.arange(taken.whole.size) >= WARM_UP)
    note = f"{plain.sum():,} events that close no bar, until the engine has them, at full ES intensity"
    yield from _pair("live_desk_taken", taken.run[plain], (None, 10.0), note)
    yield from _pair("live_desk_event", taken.whole[plain], (None, 10.0), f"the same, {INCLUDED}: until answered")
    quiet = idle.whole[~idle.closing]
    note = f"{quiet.size:,} events, each after {IDLE_S * 1e3:.0f} ms asleep"
    yield from _pair("live_desk_event_after_idle", quiet, (None, None), note)


def closes(world: LiveWorld, most_days: int = DAYS, idle_closes: int = IDLE_CLOSES) -> Iterator[Figure]:
    """Events that close a bar whose score crosses, so that 600 trees are asked, back to back and after idle."""
    with _at_work(world) as made:
        days, first, parts = world.days(), 1, []
        for _ in range(most_days):
            messages = _messages(live_world.events_of(next(days), first))
            first += len(messages)
            parts.append(timed(made, messages))
            gc.unfreeze()
        idle = _after_idle(made, _messages(live_world.events_of(next(days), first)), idle_closes)
    taken = _together(parts)
    asked, others = taken.crossed, taken.closing & ~taken.crossed
    plain = np.percentile(taken.out[others], 99) / 1e3
    note = (
        f"{asked.sum():,} bars that the trees were asked about, until the line is out, {INCLUDED}; p99 of "
        f"{others.sum():,} other bars {plain:.0f} us"
    )
    yield from _pair("live_desk_close", taken.out[asked], (None, 60.0), note)
    yield from _pair("live_desk_decided", taken.decided[asked], (None, 60.0), "the same until the scorer has returned")
    note = f"{idle.crossed.sum():,} bars, each event after {IDLE_S * 1e3:.0f} ms asleep"
    yield from _pair("live_desk_close_after_idle", idle.out[idle.crossed], (None, None), note)


@contextlib.contextmanager
def _at_work(world: LiveWorld) -> Iterator[TimedDesk]:
    with tempfile.TemporaryDirectory(prefix="mia-benchmark-desk-") as folder:
        made = desk(world, Path(folder))
        try:
            yield made
        finally:
            made.close()
            gc.unfreeze()


def _messages(events: Iterable[wire.Event]) -> list[list[wire.Event]]:
    """Of one event each; from here on the collector does not look at them."""
    gc.disable()
    messages = [[event] for event in events]
    gc.enable()
    gc.collect()
    gc.freeze()
    return messages


def _after_idle(desk: TimedDesk, messages: list[list[wire.Event]], most: int) -> Taken:
    """The events that end a minute, each after a sleep; what lies between goes by without one."""
    minute = np.array([message[0].ts_event for message in messages]) // MINUTE
    parts, before = [], 0
    for at in (np.flatnonzero(np.diff(minute)) + 1).tolist()[:most]:
        if at > before:
            timed(desk, messages[before:at])
        parts.append(timed(desk, messages[at : at + 1], IDLE_S))
        before = at + 1
    return _together(parts)


def _together(parts: list[Taken]) -> Taken:
    return Taken(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _pair(name: str, taken: np.ndarray, targets: tuple[float | None, float | None], note: str) -> Iterator[Figure]:
    for share, value, target in zip((50, 99), np.percentile(taken, [50, 99]) / 1e3, targets, strict=True):
        yield Figure(f"{name}_p{share}_us", float(value), "us", target, at_least=False, note=note)
