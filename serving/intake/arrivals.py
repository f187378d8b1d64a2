"""Between a feed and the engine: every arrival is judged, numbered, written down, and put in order.

    late, from the future, behind    `mia_ml.single.arrival`
    screened                         by the very rules of ingest, feed by feed, unless its rows were screened before

One event of the only feed of prices, in order, takes the quick way, and so does one row of an index: `trade`, `book` or
`index` puts it into `slots`, from where `mia_ml.single` screens and runs it, and `keep` writes it down. All else takes
`portion`, as does every portion of many events. Both judge by the same kernels and leave the same records.
"""

import dataclasses
import struct

import numpy as np

from mia_ml.core.moments import NONE
from mia_ml.core.tables import Batch
from mia_ml.single import arrival
from mia_ml.store.rules import Rules
from mia_ml.store.screen import Screen
from serving.intake import events, wire
from serving.intake.events import LATE, PRICED, RECORD
from serving.intake.journal import DayLog, FeedName
from serving.intake.merge import FOREVER, Found, Merge

_TRADE = struct.Struct("=qqqqqqdqqq")
_BOOK = struct.Struct("=qqqqqq10d10q")
_INDEX = {"vix": struct.Struct("=qqqqqqd"), "options": struct.Struct("=qqqqqq7d")}


class Lane:
    """A feed's place on a trading day. position: its last one that is written down."""

    def __init__(self, name: str, number: int, screened: bool) -> None:
        self.name = name
        self.number = number
        self.screened = screened
        self.position = 0
        self.screens: dict[str, Screen] = {}


class Arrivals:
    """One trading day of one contract.

    session: SESSION record. frontier: the latest moment, ns UTC, that the engine has been told of.
    """

    def __init__(self, log: DayLog, session: np.void, rules: Rules, grace_ns: int, hold_ns: int) -> None:
        self.log = log
        self.session = session
        self.close_ns = int(session["close_ns"])
        self.number = 0
        self.frontier = NONE
        self.merge = Merge(hold_ns)
        self.latest_ns = FOREVER
        """Beyond it an event is from the future; moved by whoever has a clock."""
        self.rules = dataclasses.replace(rules, unique_sequence=False)  # positions say what was sent twice
        self._grace_ns = grace_ns
        self.slots = {table: np.zeros(1, RECORD[table]) for table in ("trades", "book", *_INDEX)}
        """The event that takes the quick way, a RECORD of each table."""
        self._bytes = {table: slot.data.cast("B") for table, slot in self.slots.items()}
        self._words = {table: arrival.words_of(self.slots[table]) for table in _INDEX}
        self._only: Lane | None = None

    @property
    def contract(self) -> str:
        return self.log.about.contract

    def lane(self, name: str, screened: bool) -> Lane:
        """The place of a feed, which is written down before its first event."""
        feeds = self.log.about.feeds
        names = [feed.name for feed in feeds]
        if name not in names:
            feeds.append(FeedName(name, screened))
            self.log.describe()
            names.append(name)
        return Lane(name, names.index(name), screened)

    def trade(self, lane: Lane, e: wire.Trade, ts_recv: int) -> bool:
        """Put a print into its slot; False when the quick way is not for it."""
        ts = e.ts_event
        if not self._is_plain(lane, ts, ts_recv):
            return False
        origin = self.number + 1, lane.number, e.position, ts_recv, 0
        _TRADE.pack_into(self._bytes["trades"], 0, *origin, ts, e.price, e.size, e.side, e.sequence)
        return True

    def book(self, lane: Lane, e: wire.Book, ts_recv: int) -> bool:
        """The same for a snapshot."""
        ts = e.ts_event
        if not self._is_plain(lane, ts, ts_recv):
            return False
        origin, sizes = (self.number + 1, lane.number, e.position, ts_recv, 0), (*e.bid_sz, *e.ask_sz)
        try:
            _BOOK.pack_into(self._bytes["book"], 0, *origin, ts, *e.bid_px, *e.ask_px, *sizes)
        except struct.error:  # a level that is absent
            _BOOK.pack_into(self._bytes["book"], 0, *origin, ts, *wire.or_nan((*e.bid_px, *e.ask_px)), *sizes)
        return True

    def index(self, lane: Lane, table: str, e: wire.Options | wire.Vix, ts_recv: int) -> int | None:
        """The same for a row of an index; from when it counts, ns UTC. None when the quick way is not for it: it is
        late, from the future, or of no moment of this day."""
        words = self._words[table]
        origin = self.number + 1, lane.number, e.position, ts_recv, 0
        _INDEX[table].pack_into(self._bytes[table], 0, *origin, e.ts_event, *wire.figures(e))
        arrival.judge(words, True, self._by_clock, self.frontier, self.latest_ns, self._grace_ns)
        reason, counts = words[0, arrival.REASON : arrival.TS + 1].tolist()
        return None if reason or counts > self.close_ns else counts

    def keep(self, lane: Lane, table: str, position: int, reason: int) -> None:
        """Write down what is in a slot. reason: of `store.rules`, 0 for what goes on or waits."""
        self.number += 1
        if reason:
            self.slots[table]["reason"] = reason
        self.log.append(table, self._bytes[table])
        if position > lane.position:
            lane.position = position

    def portion(self, lane: Lane, found: Found, now_ns: int) -> Found:
        """Judge and write down many records of one lane; those that may go on now, of it and of others, by table.

        found: RECORDs by table with feed, position, ts_recv and values, each table in the lane's order.
        """
        priced = NONE
        if self._only is not None:  # the quick way does not say how far it came
            self.merge.reach(self._only.number, self.frontier, now_ns)
        for table, records in found.items():
            if not records.size:
                continue
            arrival.judge(
                arrival.words_of(records),
                table not in PRICED,
                self._by_clock,
                self.frontier,
                self.latest_ns,
                self._grace_ns,
            )
            self._screen(lane, table, records)
            records["number"] = np.arange(self.number + 1, self.number + 1 + records.size)
            self.number += records.size
            self.log.append(table, records.tobytes())
            lane.position = max(lane.position, int(records["position"].max()))
            if table in PRICED:
                priced = max(priced, int(records["ts_event"][records["reason"] == 0].max(initial=NONE)))
            used = records[(records["reason"] == 0) | (records["reason"] == LATE)]
            if used.size:
                self.merge.add(table, used, now_ns)
        if priced != NONE:
            self.merge.reach(lane.number, priced, now_ns)
            self._only = lane if self.merge.lanes == 1 else None
        return self.release(now_ns)

    def release(self, now_ns: int, until: int = NONE) -> Found:
        """What may go on: everything before it has come, or counts up to `until`, which nothing is to come before.

        Nothing does before the first price has said which contract it is a day of.
        """
        if not self.contract:
            return {}
        released = self.merge.release(max(self.merge.safe(now_ns), until))
        for records in released.values():
            times = records["ts_event"][records["reason"] == 0]
            if times.size:
                self.frontier = max(self.frontier, int(times[-1]))
        return released

    def leave(self, lane: Lane) -> None:
        """A feed has gone, or has no more: nobody waits for it."""
        if self._only is lane:
            self._only = None
        self.merge.leave(lane.number)

    def closed(self, until: int) -> None:
        """A clock has closed every bar up to `until`: nothing earlier can be used any more."""
        self.frontier = max(self.frontier, until)

    def _is_plain(self, lane: Lane, ts: int, ts_recv: int) -> bool:
        """Whether a price may take the quick way: nothing stands between it and the engine but rows of an index."""
        return (
            lane is self._only
            and self.frontier <= ts <= self.latest_ns
            and ts <= self.close_ns
            and ts_recv - ts <= self._grace_ns
            and (ts < self.merge.earliest or not self.merge.prices_wait)
        )

    @property
    def _by_clock(self) -> bool:
        return self.latest_ns != FOREVER

    def _screen(self, lane: Lane, table: str, records: np.ndarray) -> None:
        judged = records["reason"] == 0
        if lane.screened or not judged.any():
            return
        part = records if judged.all() else records[judged]
        screen = self.screen_of(lane, table)
        batch = Batch(table, self.contract, events.columns(table, part), lane.name, part["position"].copy())
        records["reason"][judged] = screen.check(batch).reason

    def screen_of(self, lane: Lane, table: str) -> Screen:
        """The rules at work on one table of a lane, with what they have seen."""
        if table not in lane.screens:
            symbol = self.contract if table in PRICED else table.upper()
            lane.screens[table] = Screen(table, symbol, self.rules)
        return lane.screens[table]
