"""Rows of several tables, files and days as one sequence of events.

Each stream hands out chunks of rows, and with each a moment before which it has nothing more. What lies before the
earliest of those moments is complete: it is numbered in event order and handed on. A row further back than its stream
promised takes its place among what comes next.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mia_ml.core.moments import NONE
from mia_ml.core.tables import Columns
from mia_ml.features import intake
from serving.feeds.feed import Arrival
from serving.intake.event_order import RANKS

RANK = dict(zip(("trades", "book", "options", "vix", "late", "bars"), RANKS, strict=True))
END_NS = int(np.iinfo(np.int64).max)


class Rows(NamedTuple):
    """Rows of one table and symbol in their order: when each is an event, int64 ns, and its rank at that time."""

    table: str
    symbol: str
    columns: Columns
    when: np.ndarray
    rank: np.ndarray

    def part(self, span: slice) -> "Rows":
        columns = {name: values[span] for name, values in self.columns.items()}
        return Rows(self.table, self.symbol, columns, self.when[span], self.rank[span])


Chunk = tuple[list[Rows], int]
"""Rows of a stream, and the moment (ns) before which no row follows."""


@dataclass(frozen=True)
class Stream:
    """A source that is read when its time comes. starts_ns: no row of it is earlier."""

    starts_ns: int
    chunks: Callable[[], Iterator[Chunk]]


class Block(NamedTuple):
    """Numbered events, at most one Arrival a table and symbol: positions follow each other from the first.

    when: int64 ns by position.
    """

    first: int
    arrivals: list[Arrival]
    when: np.ndarray

    def part(self, first: int, end: int) -> tuple[Arrival, ...]:
        """The events with positions from `first` to before `end`."""
        found = []
        for each in self.arrivals:
            a, b = np.searchsorted(each.positions, (first, end))
            if a < b:
                columns = {name: values[a:b] for name, values in each.columns.items()}
                found.append(Arrival(each.table, each.symbol, columns, each.positions[a:b]))
        return tuple(found)


class Timing:
    """When rows of a table are events: at `ts_event`, or on arrival when their bar had closed by then.

    A row behind the one before it counts as of that one's time, so a table keeps its order.
    """

    def __init__(self, grace_ns: int) -> None:
        self._grace_ns = grace_ns
        self._seen: dict[tuple[str, str], int] = {}

    def rows(self, table: str, symbol: str, columns: Columns) -> Rows:
        """The next rows of a table and symbol, late ones moved to where they arrived."""
        ts = columns["ts_event"]
        rank = np.full(ts.size, RANK[table], np.int8)
        if not ts.size:
            return Rows(table, symbol, columns, ts, rank)
        late = None
        recv = columns.get("ts_recv")
        if recv is not None and (recv - ts > self._grace_ns).any():
            late = intake.is_late(ts, recv, self._grace_ns)
        before = self._seen.get((table, symbol), NONE)
        in_time = ts if late is None else np.where(late, before, ts)
        when = np.maximum(np.maximum.accumulate(in_time), before)
        self._seen[table, symbol] = int(when[-1])
        if late is None or recv is None or not late.any():
            return Rows(table, symbol, columns, when, rank)
        when[late], rank[late] = recv[late], RANK["late"]
        order = np.lexsort((rank, when))
        moved = {name: values[order] for name, values in columns.items()}
        return Rows(table, symbol, moved, when[order], rank[order])


def merged(streams: list[Stream]) -> Iterator[Block]:
    """The events of all streams in event order, numbered from 1. A step reads one chunk of one stream."""
    waiting = sorted(streams, key=lambda stream: stream.starts_ns)
    reading: list[tuple[int, int, Iterator[Chunk]]] = []  # until when it was read, its number, the rest of it
    opened, first, complete_ns = 0, 1, NONE
    held: list[Rows] = []
    while waiting or reading:
        if waiting and (not reading or waiting[0].starts_ns <= min(reading)[0]):
            reading.append((waiting[0].starts_ns, opened, waiting.pop(0).chunks()))
            opened += 1
        until, number, rest = reading.pop(reading.index(min(reading, key=lambda each: each[:2])))
        chunk = next(rest, None)
        if chunk is not None:
            held += [rows._replace(when=np.maximum(rows.when, complete_ns)) for rows in chunk[0] if rows.when.size]
            reading.append((max(until, chunk[1]), number, rest))
        complete_ns = min([each[0] for each in reading] + [stream.starts_ns for stream in waiting[:1]], default=END_NS)
        ready, held = _split(held, complete_ns)
        if ready:
            yield _numbered(ready, first)
            first += sum(rows.when.size for rows in ready)


def _split(held: list[Rows], until_ns: int) -> tuple[list[Rows], list[Rows]]:
    ready, later = [], []
    for rows in held:
        cut = int(np.searchsorted(rows.when, until_ns, side="left" if until_ns < END_NS else "right"))
        if cut:
            ready.append(rows.part(slice(0, cut)))
        if cut < rows.when.size:
            later.append(rows.part(slice(cut, None)))
    return ready, later


def _numbered(ready: list[Rows], first: int) -> Block:
    when = np.concatenate([rows.when for rows in ready])
    order = np.lexsort((np.concatenate([rows.rank for rows in ready]), when))
    positions = np.empty(when.size, np.int64)
    positions[order] = np.arange(first, first + when.size)
    same: dict[tuple[str, str, tuple[str, ...]], list[tuple[Columns, np.ndarray]]] = {}
    start = 0
    for rows in ready:
        own = positions[start : start + rows.when.size]
        same.setdefault((rows.table, rows.symbol, tuple(rows.columns)), []).append((rows.columns, own))
        start += rows.when.size
    arrivals = [Arrival(table, symbol, *_joined(parts)) for (table, symbol, _), parts in same.items()]
    return Block(first, arrivals, when[order])


def _joined(parts: list[tuple[Columns, np.ndarray]]) -> tuple[Columns, np.ndarray]:
    if len(parts) == 1:
        return parts[0]
    columns = {name: np.concatenate([part[name] for part, _ in parts]) for name in parts[0][0]}
    positions = np.concatenate([own for _, own in parts])
    if (positions[1:] > positions[:-1]).all():
        return columns, positions
    order = np.argsort(positions)
    return {name: values[order] for name, values in columns.items()}, positions[order]
