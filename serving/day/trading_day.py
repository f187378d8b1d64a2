"""One trading day at work: arrivals on their way to the rails, and what the rails say back.

Everything here is a function of what arrived: run again from the log, it gives the same verdicts.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from mia_ml.core.errors import ConfigError
from mia_ml.core.instruments import root_of
from mia_ml.core.moments import MINUTE, NONE
from mia_ml.core.tables import Columns
from mia_ml.datasets.days import INDEX
from serving.day.quick import Quick
from serving.day.rail import Rail, Verdict
from serving.intake import events, wire
from serving.intake.arrivals import Arrivals, Lane
from serving.intake.events import PRICED, RECORD
from serving.intake.merge import FOREVER, Found
from serving.intake.tape import spans, tape_of

_OTHER_CONTRACT = "another contract than the one that is traded"


class Printed(NamedTuple):
    """What the paper accounts are filled at: prints (ns UTC, points), or native bars (RECORDs)."""

    prints: list[tuple[int, float]]
    bars: list[np.ndarray]

    @property
    def tape(self) -> Columns:
        """As canonical columns: `ts_event` and `price`, or those of bars."""
        bars = np.concatenate([np.zeros(0, RECORD["bars"]), *self.bars])
        if bars.size:
            return events.columns("bars", bars)
        table = np.array(self.prints, np.dtype([("ts", "i8"), ("px", "f8")]))
        return {"ts_event": table["ts"].copy(), "price": table["px"].copy()}


class TradingDay:
    """arrivals: of the day. rails: what they are for; the list may change between two events. settled: is told the
    contract as soon as it is known."""

    def __init__(self, arrivals: Arrivals, rails: list[Rail], root: str, settled: Callable[[int, str], None]) -> None:
        self.arrivals = arrivals
        self.rails = rails
        self.lanes: dict[str, Lane] = {}
        self.prints: list[tuple[int, float]] = []
        """Accepted prints since whoever needs them last took them: ns UTC, points."""
        self.bars: list[np.ndarray] = []
        """The same of native bars, RECORDs."""
        self._quick = Quick(arrivals, rails)
        self._root = root
        self._settled = settled
        if arrivals.contract:
            settled(self.day, arrivals.contract)

    @property
    def day(self) -> int:
        return int(self.arrivals.session["day"])

    def refuses(self, table: str, symbol: str, ts: int) -> str:
        """Why rows of a symbol up to `ts` are none of this day's, empty when they are. The first price settles the
        contract: one that comes from the day before, or from the future, does not."""
        if table not in PRICED:
            return "" if symbol == INDEX[table] else f"{table} of {INDEX[table]} are used here"
        about = self.arrivals.log.about
        if symbol == about.contract:
            return ""
        if about.contract:
            return f"{_OTHER_CONTRACT}, {about.contract}"
        try:
            if root_of(symbol) != self._root:
                return f"no contract of {self._root}"
        except ConfigError as error:
            return str(error)
        if not self.arrivals.frontier <= ts <= self.arrivals.latest_ns:
            return events.REASONS[events.FUTURE if ts > self.arrivals.latest_ns else events.BEHIND]
        about.contract = symbol
        self.arrivals.log.describe()
        self._settled(self.day, symbol)
        return ""

    def lane(self, name: str, screened: bool) -> Lane:
        """The place of a feed on this day."""
        if name not in self.lanes:
            self.lanes[name] = self.arrivals.lane(name, screened)
        return self.lanes[name]

    def trade(self, lane: Lane, e: wire.Trade, ts_recv: int) -> tuple[int, list[Verdict]]:
        """One print by the quick way: its reason, -1 when it has to take the other, and what it closed."""
        if not self.arrivals.trade(lane, e, ts_recv):
            return -1, []
        ts = e.ts_event
        reason, verdicts = self._quick.take(lane, "trades", e.position, ts)
        if not reason:
            self.prints.append((ts, e.price))
        return reason, verdicts

    def book(self, lane: Lane, e: wire.Book, ts_recv: int) -> tuple[int, list[Verdict]]:
        """The same for a snapshot."""
        if not self.arrivals.book(lane, e, ts_recv):
            return -1, []
        return self._quick.take(lane, "book", e.position, e.ts_event)

    def index(self, lane: Lane, e: wire.Options | wire.Vix, ts_recv: int) -> int:
        """One row of an index by the quick way: its reason, -1 when it has to take the other. It closes nothing: it
        waits for the first price that is not earlier."""
        table = TABLE_OF[type(e)]
        counts = self.arrivals.index(lane, table, e, ts_recv)
        return -1 if counts is None else self._quick.wait(lane, table, e.position, counts)

    def portion(self, lane: Lane, found: Found, now_ns: int) -> list[Verdict]:
        """Many records of a lane; `now_ns` is monotonic. Their `reason` is filled."""
        return self._run(self.arrivals.portion(lane, found, now_ns))

    def clock(self, until: int, now_ns: int) -> list[Verdict]:
        """Nothing before `until`, ns UTC, is still to come."""
        until = min(until, self.arrivals.close_ns)
        verdicts = self._run(self.arrivals.release(now_ns, until))
        for rail in self.rails:
            verdicts += rail.clock(until)
        self._closed(until)
        return verdicts

    def wait_over(self, now_ns: int) -> list[Verdict]:
        """What has waited long enough for other lanes."""
        if self.arrivals.merge.earliest == FOREVER:
            return []
        return self._run(self.arrivals.release(now_ns))

    def rehearse(self) -> list[Verdict]:
        """What the bars under way would lead to if they closed as they are, and crossed. Nothing is changed by it."""
        return self._quick.rehearse()

    def is_over(self, ts: int) -> bool:
        """Whether an event at `ts`, ns UTC, lies behind the bar under way."""
        return ts >= self.rails[0].engine.last_close_ns + MINUTE

    def take_prints(self) -> Printed:
        """What was printed since the last call."""
        printed = Printed(self.prints, self.bars)
        self.prints, self.bars = [], []
        return printed

    def replay(self, found: Found, until: int, now_ns: int) -> list[Verdict]:
        """Run what a log holds, of which `until` had been reached at least; what still waited waits again, from
        `now_ns` on, monotonic."""
        arrivals = self.arrivals
        arrivals.number = max((int(records["number"].max()) for records in found.values()), default=0)
        accepted = {
            table: events.those(records, np.isin(records["reason"], (0, events.LATE)))
            for table, records in found.items()
        }
        priced = [
            events.those(records, records["reason"] == 0) for table, records in accepted.items() if table in PRICED
        ]
        for records in priced:
            for lane in np.unique(records["feed"]):
                arrivals.merge.reach(int(lane), int(records["ts_event"][records["feed"] == lane].max()), now_ns)
        for table, records in accepted.items():
            if records.size:
                arrivals.merge.add(table, records, now_ns)
        verdicts = self._run(arrivals.release(NONE, until), until)
        self._closed(max(until, arrivals.frontier))
        return verdicts

    def _closed(self, reached: int) -> None:
        """Whatever is earlier than the last bar that the engine closed comes too late; before the open none has."""
        self.arrivals.closed(min(int(self.rails[0].engine.last_close_ns), reached))

    def _run(self, released: Found, until: int | None = None) -> list[Verdict]:
        verdicts = []
        for part in spans(released):
            tape = tape_of(part)
            self.prints += zip(tape.trade_ts.tolist(), tape.price.tolist(), strict=True)
            if "bars" in part:
                self.bars.append(part["bars"][part["bars"]["reason"] == 0])
            verdicts += [verdict for rail in self.rails for verdict in rail.run(tape)]
        if until is not None:
            verdicts += [verdict for rail in self.rails for verdict in rail.clock(until)]
        return verdicts


def record_of(e: wire.Event, feed: int, ts_recv: int) -> tuple[str, np.ndarray]:
    """An event that has no quick way as a RECORD array of length one, and its table."""
    table = TABLE_OF[type(e)]
    record = np.zeros(1, RECORD[table])
    record["feed"], record["position"], record["ts_recv"] = feed, e.position, ts_recv  # type: ignore[union-attr]
    for name, value in _values(e):
        record[name] = wire.NAN if value is None else value
    return table, record


def _values(e: wire.Event) -> Iterator[tuple[str, float | int | None]]:
    if isinstance(e, wire.Book):
        yield "ts_event", e.ts_event
        for name in ("bid_px", "ask_px", "bid_sz", "ask_sz"):
            for level, value in enumerate(getattr(e, name)):
                yield f"{name}_{level:02d}", value
        return
    for name in e.__struct_fields__:
        if name not in ("position", "symbol", "ts_recv"):
            yield name, getattr(e, name)


TABLE_OF = {
    wire.Trade: "trades",
    wire.Book: "book",
    wire.Options: "options",
    wire.Vix: "vix",
    wire.Bar: "bars",
}
