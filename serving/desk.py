"""The live service without its sockets: events in, decisions out, one trading day after another.

Everything runs on one event loop and nothing waits in here. An event is written down before the engine's answer to it
leaves, an answer is written down before anybody hears it: what a crash interrupts is run again from there.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from mia_ml.core.moments import MINUTE, NONE
from mia_ml.settings.serve import Serve
from mia_ml.store import rules as screening
from mia_ml.store.rules import Rules
from serving import events as records
from serving import journal, recovery, wire
from serving.acting import PASSED, RECOVERED, Acting
from serving.arrivals import Arrivals
from serving.decisions import Journal
from serving.events import PRICED
from serving.fleet import Fleet
from serving.guards.clock import AnchoredClock
from serving.guards.feed_health import FeedHealth, Feeds, Gap
from serving.journal import DayLog, Role
from serving.merge import FOREVER
from serving.metrics import Metrics
from serving.output import Cause, Output, Publish
from serving.rail import CHAMPION, STANDBY, Contender, Verdict
from serving.trading_day import TABLE_OF, TradingDay, record_of
from serving.unavailable import Unavailable

NS_PER_MS = 1_000_000
DAYS, DECISIONS, ENGINE = "days", "decisions", "engine"
"""Folders of the state."""
STORE = "store"
"""Name of the feed that the tables are, of a day that is begun in its middle."""


class Follower(Protocol):
    """Who follows what is decided: the paper accounts."""

    def champion_is(self, contender: Contender, day: int) -> None:
        """From here on in a trading day. Raises Unavailable."""

    def follow(self, day: TradingDay, out: list[tuple[Verdict, bool]]) -> None:
        """Decisions that are out, and whether each is acted upon."""

    def end(self, day: TradingDay, contenders: Iterable[Contender], bars: int) -> None:
        """A trading day is over, which had so many bars. Raises Unavailable: it is ended again."""


class Rows(NamedTuple):
    """Consecutive rows of one table and symbol from a feed, RECORDs with position, ts_recv and values."""

    table: str
    symbol: str
    records: np.ndarray

    def until(self, ts_ns: int, bound: int) -> "Rows":
        """Up to a moment; with what lies beyond `bound`, in the future, which is nowhere else."""
        ts = self.records["ts_event"]
        return self._replace(records=self.records[(ts <= ts_ns) | (ts > bound)])

    def behind(self, position: int) -> "Rows":
        return self._replace(records=self.records[self.records["position"] > position])

    def beyond(self, ts_ns: int, bound: int) -> "Rows":
        ts = self.records["ts_event"]
        return self._replace(records=self.records[(ts > ts_ns) & (ts <= bound)])


class Core(NamedTuple):
    """What a desk is made of. rules: of the screening. state: folder of what must not be forgotten."""

    serve: Serve
    rules: Rules
    state: Path
    fleet: Fleet
    acting: Acting
    metrics: Metrics


class Desk:
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

    # the day

    def open_day(self, at: int, stored: list[Rows] | None = None) -> recovery.Recovered:
        """Begin the trading day at a position of the calendar, or go on with it.

        stored: what the tables hold of a day that is begun here in its middle; what it led to is told to nobody.
        """
        session = self.core.fleet.market.sessions[at]
        number = int(session["day"])
        log, found = DayLog.open(self.core.state / DAYS / str(number), number)
        self._remember(log, number, begun=bool(found))
        if not log.about.contract and self.core.serve.contract != "auto":
            log.about.contract = self.core.serve.contract
        arrivals = Arrivals(log, session, self.core.rules, self.core.fleet.champion.content.grace_ns, self._hold_ns)
        if at:
            arrivals.closed(int(self.core.fleet.market.sessions["close_ns"][at - 1]) + 1)
        self.core.fleet.ready_for(number)
        day = TradingDay(arrivals, self.core.fleet.rails, self.core.fleet.market.root, self.core.fleet.market.trades)
        arrivals.latest_ns = self._latest_ns()
        recovered = recovery.recover(day, found, self.journal)
        self.day = day
        if stored and not found:
            lane = day.lane(STORE, True)
            mine = [
                part for part in stored if not day.refuses(part.table, part.symbol, int(part.records["ts_event"][0]))
            ]
            day.portion(lane, {part.table: part.records for part in mine}, time.monotonic_ns())
            day.take_prints()
        if STORE in day.lanes:
            arrivals.leave(day.lanes[STORE])
            arrivals.merge.forget(day.lanes[STORE].number)
        known = {role.version: role.role for role in log.about.roles}
        for contender in self.core.fleet:
            if known.get(contender.version) != contender.role:
                self.take_up(contender)
        for name, lane in day.lanes.items():
            self._positions[name] = max(lane.position, self._positions.get(name, 0))
        for verdict, line in recovered.told:
            self._out.append((verdict, line.live.act))
        self._decide(recovered.missing, Cause(arrivals.frontier, None, 0), recovered=True)
        self.settle()
        return recovered

    def finish_day(self) -> None:
        """The exchange has closed."""
        day = self._today()
        self._decide(day.clock(day.arrivals.close_ns, time.monotonic_ns()), Cause(day.arrivals.close_ns, None, 0))
        self.settle()
        self._follower.end(day, self.core.fleet, sum(rows.size for rows in day.rails[0].rows))
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

    # what comes in

    def resume_after(self, feed: str) -> int:
        """The position of a feed that is written down; it goes on behind it."""
        return self._positions.get(feed, 0)

    def take(self, feed: str, events: list[wire.Event], ts_recv_ns: int) -> wire.Reply:
        """Take a message of a feed. What it says is written down when this returns. Raises Unavailable."""
        perf_ns = time.perf_counter_ns()
        if self._stuck:
            self.settle()
        accepted = duplicates = 0
        refused: list[wire.Refusal] = []
        first = position = self.resume_after(feed)
        latest, priced, count = 0, False, 0
        if self._live:
            ts_recv_ns = self.clock.now_ns()  # which no step of the wall clock moves
        bound = self._look_ahead()
        try:
            for e in events:
                ts = e.ts_event
                day = self.day
                if day is None or day.arrivals.close_ns < ts <= bound:  # what lies in the future ends no day
                    day = self.turn_to(min(ts, bound))
                if isinstance(e, wire.Clock):
                    ts = min(ts, ts_recv_ns) if self._live else ts
                    self._decide(day.clock(ts, time.monotonic_ns()), Cause(ts, None, perf_ns))
                    continue
                if e.position <= position:
                    duplicates += 1
                    continue
                if e.position > position + 1 and position:
                    self._miss(feed, position, e.position, ts)
                ts_recv = ts_recv_ns if self._live else NONE if e.ts_recv is None else e.ts_recv
                reason, text = self._take_one(day, feed, e, ts_recv, perf_ns)
                self._positions[feed] = position = e.position
                count += 1
                if ts <= bound:
                    latest = max(latest, ts)
                    priced = priced or type(e) is wire.Trade or type(e) is wire.Book
                else:
                    self.clock.saw(ts)  # perhaps the feed is right and this clock is not
                if reason == 0:
                    accepted += 1
                else:
                    refused.append(wire.Refusal(position, text))
        finally:  # also of a message that only a part of was taken: the rest is sent again
            self._heard(feed, first, count, latest, priced, duplicates, refused)
        self.settle()
        return wire.Reply(position, accepted, duplicates, refused)

    def take_portion(self, feed: str, screened: bool, rows: list[Rows]) -> None:
        """Take many events of a feed, in its order. Raises Unavailable: then those behind `resume_after` are not in."""
        if self._stuck:
            self.settle()
        bound = self._look_ahead()
        while rows:
            day = self.turn_to(min(bound, *(int(part.records["ts_event"].min()) for part in rows)))
            close = day.arrivals.close_ns
            today = [part.until(close, bound) for part in rows]
            rows = [part for part in (part.beyond(close, bound) for part in rows) if part.records.size]
            self._take_today(day, feed, screened, [part for part in today if part.records.size])

    def awaits_others(self, feed: str, ts_ns: int) -> bool:
        """Whether other feeds have still to reach the end of the trading day that a feed is about to leave."""
        day = self.day
        if day is None or ts_ns <= day.arrivals.close_ns or feed not in day.lanes:
            return False
        merge, now = day.arrivals.merge, time.monotonic_ns()
        return any(lane != day.lanes[feed].number for lane in merge.awaited(day.arrivals.close_ns, now))

    def connected(self, feed: str, on: bool) -> None:
        """A feed has come or gone; nobody waits for one that has."""
        self._health(feed).connected = on
        if not on and self.day is not None and feed in self.day.lanes:
            self.day.arrivals.leave(self.day.lanes[feed])

    def rejected(self, feed: str, reason: str) -> None:
        """A feed has a vendor row that is no event."""
        self._health(feed).refuse(reason)

    def failed(self, feed: str, why: str) -> None:
        """A feed has ended on an error: nobody acts on what it no longer tells."""
        self.core.acting.standing.add(f"feed:{feed}", f"feed {feed}: {why}", self.now_ns())

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
            self._due = None
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
            self._decide(day.wait_over(time.monotonic_ns()), Cause(day.arrivals.frontier, None, 0))
        self.settle()

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

    # inside

    def _take_today(self, day: TradingDay, feed: str, screened: bool, rows: list[Rows]) -> None:
        perf_ns = time.perf_counter_ns()
        lane, first = day.lane(feed, screened), self.resume_after(feed)
        refused: list[wire.Refusal] = []
        found: dict[str, list[np.ndarray]] = {}
        for part in rows:
            ts = part.records["ts_event"]
            text = day.refuses(part.table, part.symbol, int(ts[ts <= day.arrivals.latest_ns].max(initial=ts.min())))
            if text:
                refused += [wire.Refusal(0, text)] * part.records.size
            else:
                found.setdefault(part.table, []).append(part.records)
        joined = {table: parts[0] if len(parts) == 1 else _by_position(parts) for table, parts in found.items()}
        for records_of in joined.values():
            records_of["feed"] = lane.number
            if self._live:
                records_of["ts_recv"] = self.clock.now_ns()
        times = np.concatenate([part.records["ts_event"] for part in rows])
        latest = int(times[times <= day.arrivals.latest_ns].max(initial=0))
        if times.max() > day.arrivals.latest_ns:
            self.clock.saw(int(times.max()))
        self._decide(day.portion(lane, joined, time.monotonic_ns()), Cause(latest, None, perf_ns))
        self._positions[feed] = max(int(part.records["position"].max()) for part in rows)
        for records_of in joined.values():
            refused += [wire.Refusal(0, reason_text(code)) for code in records_of["reason"].tolist() if code]
        count = sum(part.records.size for part in rows)
        self._health(feed, first).position = self._positions[feed] - count  # a source may number as it likes
        self._heard(feed, first, count, latest, bool(latest and joined.keys() & set(PRICED)), 0, refused)
        self.settle()

    def _take_one(self, day: TradingDay, feed: str, e: wire.Event, ts_recv: int, perf_ns: int) -> tuple[int, str]:
        lane = day.lanes.get(feed) or day.lane(feed, False)
        table = TABLE_OF[type(e)]
        symbol = e.symbol  # type: ignore[union-attr]
        if symbol != day.arrivals.contract:
            text = day.refuses(table, symbol, e.ts_event)
            if text:
                return -1, text
        reason, verdicts = -1, list[Verdict]()
        if type(e) is wire.Trade:
            reason, verdicts = day.trade(lane, e, ts_recv)
        elif type(e) is wire.Book:
            reason, verdicts = day.book(lane, e, ts_recv)
        if reason < 0:
            table, record = record_of(e, lane.number, ts_recv)
            verdicts = day.portion(lane, {table: record}, time.monotonic_ns())
            reason = int(record["reason"][0])
        if verdicts:
            stamped = None if ts_recv == NONE else ts_recv
            self._decide(verdicts, Cause(e.ts_event, stamped, perf_ns))
        return reason, reason_text(reason) if reason else ""

    def _decide(self, verdicts: list[Verdict], cause: Cause, recovered: bool = False) -> None:
        if not verdicts:
            return
        day = self._today()
        for verdict in sorted(verdicts, key=lambda v: (int(v.row["ts"][0]), v.contender.role != CHAMPION)):
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

    def _heard(
        self, feed: str, first: int, count: int, latest: int, priced: bool, twice: int, refused: list[wire.Refusal]
    ) -> None:
        self._latest_event = max(self._latest_event, latest)
        now = self.now_ns()
        health = self._health(feed, first)
        if count:
            health.took(count, self._positions[feed], latest, now, priced)
        if self._live and latest:
            self.clock.saw(latest)
        if twice:
            health.repeated(twice)
        for refusal in refused:
            health.refuse(refusal.reason)

    def _miss(self, feed: str, after: int, before: int, ts_ns: int) -> None:
        """Events of a feed never came: nobody acts on the bars that lack them."""
        gap = Gap(feed, before - after - 1, after, before)
        self.core.acting.standing.add(f"gap:{feed}", str(gap), self.now_ns(), ts_ns)

    def _health(self, feed: str, first: int | None = None) -> FeedHealth:
        return self.feeds.feed(feed, self.resume_after(feed) if first is None else first)

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


def _by_position(parts: list[np.ndarray]) -> np.ndarray:
    joined = np.concatenate(parts)
    return joined[np.argsort(joined["position"], kind="stable")]


def reason_text(code: int) -> str:
    """A reason of a RECORD in words.

    >>> reason_text(5), reason_text(64)
    ('price off the tick grid', 'late: its bar had closed')
    """
    return records.REASONS.get(code) or screening.REASONS[code]
