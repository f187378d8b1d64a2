"""Trading days one after another: begun, gone on with after a crash, lived by the clock, finished.

Everything runs on one event loop and nothing waits in here. An event is written down before the engine's answer to it
leaves, an answer is written down before anybody hears it: what a crash interrupts is run again from there.
"""

import contextlib
import time
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from mia_ml.core.errors import MiaError
from mia_ml.core.moments import MINUTE
from mia_ml.settings.serve import Serve
from mia_ml.store.rules import Rules
from serving.app.metrics import Metrics
from serving.day import recovery
from serving.day.acting import PASSED, RECOVERED, Acting
from serving.day.decisions import Journal
from serving.day.fleet import Fleet
from serving.day.output import Cause, Output, Publish
from serving.day.rail import CHAMPION, STANDBY, Contender, Verdict
from serving.day.trading_day import TradingDay
from serving.guards.clock import NS_PER_MS, AnchoredClock
from serving.guards.feed_health import Feeds
from serving.intake import journal
from serving.intake.arrivals import Arrivals
from serving.intake.journal import DayLog, Role
from serving.intake.merge import FOREVER
from serving.intake.rows import Rows
from serving.unavailable import Unavailable

DAYS, DECISIONS, ENGINE = "days", "decisions", "engine"
"""Folders of the state."""
ABSENT_NS = 5_000 * NS_PER_MS
"""How long after a restart a feed is waited for that has not come back."""
STORE = "store"
"""Name of the feed that the tables are, of a day that is begun in its middle."""


class Follower(Protocol):
    """Who follows what is decided: the paper accounts."""

    def champion_is(self, contender: Contender, day: int) -> None:
        """From here on in a trading day."""

    def follow(self, day: TradingDay, out: list[tuple[Verdict, bool]]) -> None:
        """Decisions that are out, and whether each is acted upon."""

    def end(self, day: TradingDay, bars: int) -> None:
        """A trading day is over, which had so many bars. Raises Unavailable: it is ended again."""


class Core(NamedTuple):
    """What a desk is made of. rules: of the screening. state: folder of what must not be forgotten."""

    serve: Serve
    rules: Rules
    state: Path
    fleet: Fleet
    acting: Acting
    metrics: Metrics


class Days:
    """publish: who is told of each line that is written. follower: who follows what is out."""

    def __init__(self, core: Core, clock: AnchoredClock, publish: list[Publish], follower: Follower) -> None:
        self.core = core
        self.clock = clock
        self.journal = Journal(core.state / DECISIONS)
        self.output = Output(self.journal, publish, core.serve.sync != "never")
        self.feeds = Feeds(core.fleet.market.sessions, core.serve.guards.stale_s, self.clock.now_ns())
        self.day: TradingDay | None = None
        self._follower = follower
        self._live = core.serve.clock == "wall"
        self._sync = core.serve.sync
        self._stuck = False
        self._due: int | None = None
        """A moment of the next day that could not begin yet: it is tried again as time passes."""
        self._latest_event = 0
        self._positions: dict[str, int] = {}
        self._out: list[tuple[Verdict, bool]] = []
        self._absent: set[str] = set()
        """Feeds of a day that was gone on with, of which nothing has been heard since."""
        self._absent_until_ns = 0

    def open_day(self, at: int, stored: list[Rows] | None = None) -> recovery.Recovered:
        """Begin the trading day at a position of the calendar, or go on with it.

        stored: what the tables hold of a day that is begun here in its middle; what it led to is told to nobody.
        """
        day, found = self._begun(at)
        try:
            recovered = recovery.recover(day, found, self.journal)
            self.day = day
            if stored and not found:
                self._live_through(day, stored)
            if STORE in day.lanes:
                day.arrivals.leave(day.lanes[STORE])
                day.arrivals.merge.forget(day.lanes[STORE].number)
            known = {role.version: role.role for role in day.arrivals.log.about.roles}
            for contender in self.core.fleet:
                if known.get(contender.version) != contender.role:
                    self.take_up(contender)
        except MiaError:
            self.day = None
            self.core.fleet.rails.clear()  # they have seen a part of it
            with contextlib.suppress(Unavailable):
                day.arrivals.log.close()
            raise
        self._absent = {name for name in day.lanes if name != STORE}
        self._absent_until_ns = time.monotonic_ns() + ABSENT_NS
        for name, lane in day.lanes.items():
            self._positions[name] = max(lane.position, self._positions.get(name, 0))
        for verdict, line in recovered.told:
            self._out.append((verdict, line.live.act))
        self._decide(recovered.missing, Cause(day.arrivals.frontier, None, 0), recovered=True)
        self.settle()
        return recovered

    def _begun(self, at: int) -> tuple[TradingDay, dict[str, np.ndarray]]:
        """A trading day on its log, with engines that have seen the days before; and what the log holds."""
        fleet, session = self.core.fleet, self.core.fleet.market.sessions[at]
        number = int(session["day"])
        log, found = DayLog.open(self.core.state / DAYS / str(number), number)
        self._remember(log, number, begun=bool(found))
        if not log.about.contract and self.core.serve.contract != "auto":
            log.about.contract = self.core.serve.contract
        arrivals = Arrivals(log, session, self.core.rules, fleet.champion.content.grace_ns, self._hold_ns)
        if at:
            arrivals.closed(int(fleet.market.sessions["close_ns"][at - 1]) + 1)
        fleet.ready_for(number)
        arrivals.latest_ns = self._latest_ns()
        return TradingDay(arrivals, fleet.rails, fleet.market.root, fleet.market.trades), found

    def _live_through(self, day: TradingDay, stored: list[Rows]) -> None:
        """What the store has of a day, told to nobody."""
        lane = day.lane(STORE, True)
        mine = [part for part in stored if not day.refuses(part.table, part.symbol, int(part.records["ts_event"][0]))]
        day.portion(lane, {part.table: part.records for part in mine}, time.monotonic_ns())
        day.take_prints()

    def finish_day(self) -> None:
        """The exchange has closed."""
        day = self._today()
        self._decide(day.clock(day.arrivals.close_ns, time.monotonic_ns()), Cause(day.arrivals.close_ns, None, 0))
        self.settle()
        self._follower.end(day, sum(rows.size for rows in day.rails[0].rows))
        day.arrivals.log.about.finished = True
        day.arrivals.log.describe()
        day.arrivals.log.sync()
        day.arrivals.log.close()
        self.core.fleet.finished(day.day)
        self.day = None

    def turn_to(self, ts_ns: int) -> TradingDay:
        """The trading day of a moment; the one before is finished, days without events are passed over."""
        if self.day is not None and ts_ns <= self.day.arrivals.close_ns:
            return self.day
        at = self.core.fleet.market.at(ts_ns)
        self._due = ts_ns
        if self.day is not None:
            self.finish_day()
        self.open_day(at)
        self._due = None
        return self._today()

    def now_ns(self) -> int:
        """The service's time, ns UTC: of the clock, or of the last event where only events move it."""
        if self._live:
            return self.clock.now_ns()
        return self._latest_event

    def tick(self) -> None:
        """Time passes: in live, bars close by the clock, and whoever waited long enough goes on. Raises Unavailable."""
        self.settle()
        if self._due is not None:
            self.turn_to(self._due)
        day = self.day
        if self._live:
            now = self.clock.now_ns()
            if day is None or now > day.arrivals.close_ns + self._grace_ns:
                day = self.turn_to(now)
            self._look_ahead()
            until = now - self._grace_ns
            if until >= day.rails[0].engine.last_close_ns + MINUTE:
                self._decide(day.clock(until, time.monotonic_ns()), Cause(until, None, 0))
        if day is not None:
            self._forget_absent(day)
            self._decide(day.wait_over(time.monotonic_ns()), Cause(day.arrivals.frontier, None, 0))
        self.settle()

    def _forget_absent(self, day: TradingDay) -> None:
        """A feed that has not come back after a restart is no longer waited for."""
        if self._absent and time.monotonic_ns() > self._absent_until_ns:
            for name in self._absent & day.lanes.keys():
                day.arrivals.leave(day.lanes[name])
            self._absent.clear()

    def settle(self) -> None:
        """Write down what came and what was decided, then let it out. Raises Unavailable when it cannot be written."""
        self._stuck = True
        if self.day is not None:
            log = self.day.arrivals.log
            started = time.perf_counter_ns()
            wrote = log.flush()
            if self._sync == "always" or (self._sync == "decision" and self._out):
                log.sync()
            if wrote:
                self.core.metrics.flush.observe((time.perf_counter_ns() - started) / 1e3)
        if self._out:
            self.output.settle()
            out, self._out = self._out, []
            self._follower.follow(self._today(), out)
            for verdict, _ in out:
                self.core.acting.after(verdict)
        self._stuck = False

    def close(self) -> None:
        """Write down the rest and go."""
        self.settle()
        if self.day is not None:
            self.day.arrivals.log.sync()
            self.day.arrivals.log.close()
        self.journal.close()

    def _decide(self, verdicts: list[Verdict], cause: Cause, recovered: bool = False) -> None:
        if not verdicts:
            return
        day = self._today()
        if len(verdicts) > 1:
            verdicts = sorted(verdicts, key=lambda v: (int(v.row["ts"][0]), v.contender.role != CHAMPION))
        for verdict in verdicts:
            by = verdict.contender
            if by.role == STANDBY:
                continue
            too_late = self._too_late(int(verdict.row["ts"][0]), recovered)
            live = self.core.acting.live_of(verdict, cause, recovered, too_late)
            self.output.add(verdict, day.arrivals.contract, live)
            self._out.append((verdict, live.act))
            if live.latency_us is not None:
                self.core.metrics.latency.observe(live.latency_us)

    def _too_late(self, closed_ns: int, recovered: bool) -> str:
        """Why nobody can act on the bar that ended at `closed_ns` any more; empty while somebody can."""
        if not self._live:
            return ""
        if recovered:
            return RECOVERED
        return PASSED if self.clock.now_ns() - closed_ns > MINUTE + self._grace_ns else ""

    def _remember(self, log: DayLog, day: int, begun: bool) -> None:
        """How far the feeds were when a day began: as this process knows, or the last folder before."""
        if not begun:
            before = [path for path in (self.core.state / DAYS).glob("[0-9]*") if (path / "day.json").is_file()]
            last = max((path for path in before if int(path.name) < day), default=None)
            known = journal.positions(last) if last is not None and not self._positions else self._positions
            log.about.positions = log.about.positions | known
            log.describe()
        for feed, position in log.about.positions.items():
            self._positions[feed] = max(position, self._positions.get(feed, 0))

    def take_up(self, contender: Contender) -> None:
        """Write down who decides from here on."""
        day = self._today()
        since = day.rails[0].engine.last_close_ns if day.arrivals.number else int(day.arrivals.session["open_ns"])
        day.arrivals.log.about.roles.append(Role(contender.version, contender.role, since))
        day.arrivals.log.describe()
        if contender.role == CHAMPION:
            self._follower.champion_is(contender, day.day)

    def _today(self) -> TradingDay:
        if self.day is None:
            raise Unavailable("no trading day is open yet: try again")
        return self.day

    def _look_ahead(self) -> int:
        """What is from the future is judged by the time of now, also when nothing ticked for long; the bound of it."""
        bound = self._latest_ns()
        if self.day is not None:
            self.day.arrivals.latest_ns = bound
        return bound

    def _latest_ns(self) -> int:
        """Beyond it an event is from the future."""
        return self.clock.now_ns() + self.core.serve.guards.skew_ms * NS_PER_MS if self._live else FOREVER

    @property
    def _grace_ns(self) -> int:
        return self.core.fleet.champion.content.grace_ns

    @property
    def _hold_ns(self) -> int:
        return self.core.serve.hold_ms * NS_PER_MS
