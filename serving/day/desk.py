"""The live service without its sockets: what comes in, from feeds that send one event and from those that send many."""

import time

import numpy as np

from mia_ml.core.moments import NONE
from mia_ml.store import rules as screening
from serving.day.days import Core, Days, Follower
from serving.day.output import Cause, Publish
from serving.day.rail import Verdict
from serving.day.rehearsal import Rehearsal
from serving.day.trading_day import TABLE_OF, TradingDay, record_of
from serving.guards.clock import AnchoredClock
from serving.guards.feed_health import FeedHealth, Gap
from serving.intake import events as records
from serving.intake import wire
from serving.intake.events import PRICED
from serving.intake.rows import Rows


class Desk(Days):
    """Days, and what happens on them."""

    def __init__(self, core: Core, clock: AnchoredClock, publish: list[Publish], follower: Follower) -> None:
        super().__init__(core, clock, publish, follower)
        self.rehearsal = Rehearsal(core.acting)
        self.close_is_next = False
        """Whether a row of an index has just said that the bar is over: the next price closes it."""

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
                ts, day = e.ts_event, self.day
                if day is None or day.arrivals.close_ns < ts <= bound:  # what lies in the future ends no day
                    day = self.turn_to(min(ts, bound))
                if isinstance(e, wire.Clock):
                    ts = min(ts, ts_recv_ns) if self._live else ts
                    self._decide(day.clock(ts, time.monotonic_ns()), Cause(ts, None, perf_ns))
                    continue
                if e.position != position + 1:
                    if e.position <= position:
                        duplicates += 1
                        continue
                    if position:
                        self._miss(feed, position, e.position, ts)
                ts_recv = ts_recv_ns if self._live else NONE if e.ts_recv is None else e.ts_recv
                reason, text = self._take_one(day, feed, e, ts_recv, perf_ns)
                self._positions[feed] = position = e.position
                count += 1
                if ts > bound:
                    self.clock.saw(ts)  # perhaps the feed is right and this clock is not
                else:
                    if ts > latest:
                        latest = ts
                    if type(e) is wire.Trade or type(e) is wire.Book:
                        priced = True
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

    def tick(self) -> None:
        super().tick()
        if self._live and self.day is not None and self.rehearsal.is_due(self.now_ns()):
            self.rehearsal.go(self.day, self.now_ns())

    def rehearse(self) -> None:
        """To be called when `close_is_next` and there is time: what that row pushed out of the caches comes back."""
        self.close_is_next = False
        if self.day is not None:
            self.day.rehearse()

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
        elif type(e) is wire.Options or type(e) is wire.Vix:
            reason = day.index(lane, e, ts_recv)
            self.close_is_next = reason == 0 and day.is_over(e.ts_event)
        if reason < 0:
            table, record = record_of(e, lane.number, ts_recv)
            verdicts = day.portion(lane, {table: record}, time.monotonic_ns())
            reason = int(record["reason"][0])
        if verdicts:
            stamped = None if ts_recv == NONE else ts_recv
            self._decide(verdicts, Cause(e.ts_event, stamped, perf_ns))
        return reason, reason_text(reason) if reason else ""

    def _heard(
        self, feed: str, first: int, count: int, latest: int, priced: bool, twice: int, refused: list[wire.Refusal]
    ) -> None:
        self._absent.discard(feed)
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


def _by_position(parts: list[np.ndarray]) -> np.ndarray:
    joined = np.concatenate(parts)
    return joined[np.argsort(joined["position"], kind="stable")]


def reason_text(code: int) -> str:
    """A reason of a RECORD in words.

    >>> reason_text(5), reason_text(64)
    ('price off the tick grid', 'late: its bar had closed')
    """
    return records.REASONS.get(code) or screening.REASONS[code]
