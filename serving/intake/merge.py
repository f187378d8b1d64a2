"""Several feeds as one tape: events wait until everything that comes before them has come.

A lane is a feed, in event order by itself. What happened up to W may go on, where

    W = min over the lanes that brought prices of the last price's time

and nothing waits longer than `hold` for a lane that has been silent as long. Rows of an index (options, VIX)
and the arrival of a late event keep nobody waiting: they go on just before the first price that is not earlier. With
one lane of prices no price ever waits.
"""

from collections import deque
from typing import NamedTuple

import numpy as np

from mia_ml.core.moments import NONE
from serving.intake.events import LATE, PRICED

FOREVER = np.iinfo(np.int64).max
Found = dict[str, np.ndarray]
"""RECORD arrays by table."""


def key_of(records: np.ndarray) -> np.ndarray:
    """When records count, ns UTC: a late event by its arrival."""
    if (records["reason"] == LATE).any():
        return np.where(records["reason"] == LATE, records["ts_recv"], records["ts_event"])
    return records["ts_event"]


class Waiting(NamedTuple):
    """Records of one table with their keys, and the least and the greatest of these, since they are looked at often."""

    table: str
    keys: np.ndarray
    records: np.ndarray
    first: int
    last: int

    @classmethod
    def of(cls, table: str, keys: np.ndarray, records: np.ndarray) -> "Waiting":
        return cls(table, keys, records, int(keys.min()), int(keys.max()))


class Merge:
    """hold_ns: how long an event waits for other lanes, by a monotonic clock that every call is told as `now_ns`."""

    def __init__(self, hold_ns: int) -> None:
        self._hold_ns = hold_ns
        self._reached: dict[int, int] = {}
        self._heard: dict[int, int] = {}
        self._gone: set[int] = set()
        self._waiting: list[Waiting] = []
        self._patience: deque[tuple[int, int]] = deque()  # until when something waits, and for what
        self.earliest = FOREVER
        """The first moment that waits, FOREVER when nothing does."""
        self.prices_wait = False
        """Whether anything but rows of an index waits."""
        self.changes = 0
        """How often what waits has changed."""

    @property
    def lanes(self) -> int:
        """How many feeds brought prices."""
        return len(self._reached)

    def reach(self, lane: int, ts_ns: int, now_ns: int) -> None:
        """Nothing of a lane before `ts_ns` is still to come."""
        self._reached[lane] = max(ts_ns, self._reached.get(lane, NONE))
        self._heard[lane] = now_ns
        self._gone.discard(lane)

    def leave(self, lane: int) -> None:
        """A lane has ended: when it has been silent for as long as anything waits, nothing waits for it any more."""
        if lane in self._reached:
            self._gone.add(lane)

    def forget(self, lane: int) -> None:
        """A lane that brings nothing any more, whatever comes: nothing waits for it, not even once."""
        self._gone.discard(lane)
        self._reached.pop(lane, None)
        self._heard.pop(lane, None)

    def awaited(self, until: int, now_ns: int) -> list[int]:
        """Lanes that have not reached a moment and have not been silent for long."""
        behind = [lane for lane, reached in self._reached.items() if reached < until]
        return [lane for lane in behind if self._heard[lane] + self._hold_ns > now_ns]

    def add(self, table: str, records: np.ndarray, now_ns: int) -> None:
        """Accepted or late records of one lane, in its order."""
        keys = key_of(records)
        waiting = Waiting.of(table, keys, records)
        self._waiting.append(waiting)
        self.changes += 1
        self.prices_wait = self.prices_wait or table in PRICED
        self.earliest = min(self.earliest, waiting.first)
        prices = keys[records["reason"] == 0] if table in PRICED else keys[:0]
        if prices.size:  # what keeps nobody waiting waits for a price, however long it takes
            self._patience.append((now_ns + self._hold_ns, int(prices.max())))

    def add_row(self, table: str, record: np.ndarray, ts: int) -> None:
        """An accepted row of an index, an array of length one that counts from `ts`."""
        self._waiting.append(Waiting(table, record["ts_event"], record, ts, ts))
        self.changes += 1
        self.earliest = min(self.earliest, ts)

    def safe(self, now_ns: int) -> int:
        """Up to where everything has come, or was waited for long enough."""
        for lane in [lane for lane in self._gone if self._heard[lane] + self._hold_ns <= now_ns]:
            self._gone.discard(lane)
            del self._reached[lane], self._heard[lane]
        until = min(self._reached.values(), default=NONE)
        while self._patience and self._patience[0][0] <= now_ns:
            ts = self._patience[0][1]
            if self.awaited(ts, now_ns):
                break
            until = max(until, ts)
            self._patience.popleft()
        return until

    def numbers(self) -> np.ndarray:
        """Of the arrivals that wait, int64."""
        return np.concatenate([np.zeros(0, np.int64), *(waiting.records["number"] for waiting in self._waiting)])

    def index_rows(self, most: int) -> list[tuple[str, np.ndarray]] | None:
        """All that waits, as arrays of length one with their tables, if that is up to `most` accepted rows of an index
        and nothing else."""
        if self.prices_wait or len(self._waiting) > most or sum(each.records.size for each in self._waiting) > most:
            return None
        if any((each.records["reason"] != 0).any() for each in self._waiting):
            return None
        return [(each.table, each.records[k : k + 1]) for each in self._waiting for k in range(each.records.size)]

    def forgo(self, until: int) -> None:
        """What waits and counts up to `until` has gone on already."""
        if max(waiting.last for waiting in self._waiting) > until:
            self.release(until)
            return
        self.changes += 1
        self._waiting.clear()
        self._patience.clear()
        self.prices_wait, self.earliest = False, FOREVER

    def release(self, until: int) -> Found:
        """What waits and counts up to `until`, by table, each in order of time; no table without records."""
        if self.earliest > until:
            return {}
        self.changes += 1
        parts: dict[str, list[np.ndarray]] = {}
        left = []
        for waiting in self._waiting:
            table, keys, records, first, last = waiting
            if last <= until:
                parts.setdefault(table, []).append(records)
            elif first > until:
                left.append(waiting)
            else:
                due = keys <= until
                parts.setdefault(table, []).append(records[due])
                left.append(Waiting.of(table, keys[~due], records[~due]))
        self._waiting = left
        self.prices_wait = any(waiting.table in PRICED for waiting in left)
        self.earliest = min((waiting.first for waiting in left), default=FOREVER)
        if not left:
            self._patience.clear()
        return {table: _in_order(found) for table, found in parts.items()}


def _in_order(parts: list[np.ndarray]) -> np.ndarray:
    joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if joined.size == 1:
        return joined
    keys = key_of(joined)
    return joined if (keys[1:] >= keys[:-1]).all() else joined[np.argsort(keys, kind="stable")]
