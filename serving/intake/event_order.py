"""A tape as the events a feed would have delivered, one after another or in random portions."""

from collections.abc import Iterator

import numpy as np

from mia_ml.features import intake, live
from mia_ml.features.tape import Tape

# The kinds of `intake.times_of` in its order.
KINDS = (live.TRADE, live.BOOK, live.OPTIONS, live.VIX_VALUE, live.LATE, live.BAR_CLOSED)
RANKS = (3, 4, 2, 1, 0, -1)
"""Of those kinds among events of one time."""
_BLOCK = 1 << 16
"""Events turned into Python values at a time, which take ten times the memory of columns."""


def event_order(events: Tape) -> tuple[np.ndarray, np.ndarray]:
    """For every event in event order: the table it stands in (as in `intake.times_of`), and its row there."""
    times = intake.times_of(events)
    rank = np.concatenate([np.full(ts.size, r) for ts, r in zip(times, RANKS, strict=True)])
    order = np.lexsort((rank, np.concatenate(times)))
    table = np.concatenate([np.full(ts.size, k) for k, ts in enumerate(times)])[order]
    row = np.concatenate([np.arange(ts.size) for ts in times])[order]
    return table, row


def single_events(events: Tape) -> Iterator[tuple[np.ndarray, int]]:
    """Every event as (EVENT record, its time). The record is overwritten by the next one."""
    table, row = event_order(events)
    packer = live.Packer()
    read = 0
    counts = np.zeros(len(KINDS), np.int64)
    while read < table.size:
        tables = table[read : read + _BLOCK]
        first, counts = counts, counts + np.bincount(tables, minlength=len(KINDS))
        block = intake.take(events, tuple(slice(int(a), int(b)) for a, b in zip(first, counts, strict=True)))
        rows = row[read : read + _BLOCK] - first[tables]
        yield from _packed(packer, block, tables.tolist(), rows.tolist())
        read += tables.size


def _packed(packer: live.Packer, block: Tape, tables: list[int], rows: list[int]) -> Iterator[tuple[np.ndarray, int]]:
    times = [ts.tolist() for ts in intake.times_of(block)]
    price, size, side = block.price.tolist(), block.size.tolist(), block.side.tolist()
    bid, ask = block.bid.tolist(), block.ask.tolist()
    sizes = np.stack(block.sizes, axis=1).tolist()
    records = {2: block.options, 3: block.vix, 5: block.bars}
    for k, i in zip(tables, rows, strict=True):
        ts = times[k][i]
        if k == 0:
            packer.trade(ts, price[i], size[i], side[i])
        elif k == 1:
            packer.book(ts, bid[i], ask[i], sizes[i])
        elif k == 4:
            packer.moment(live.LATE, ts)
        else:
            packer.row(KINDS[k], records[k][i])
        yield packer.record, ts


def random_portions(events: Tape, rng: np.random.Generator, mean_events: int = 2000) -> Iterator[Tape]:
    """The tape cut at random places, between any two events in event order; some portions are empty."""
    table, _ = event_order(events)
    cuts = np.sort(rng.integers(0, table.size + 1, max(1, table.size // mean_events)))
    counts = np.zeros((len(KINDS), cuts.size + 2), np.int64)
    ends = np.concatenate([[0], cuts, [table.size]])
    for k in range(len(KINDS)):
        counts[k] = np.searchsorted(np.flatnonzero(table == k), ends, side="left")
    for part in range(ends.size - 1):
        yield intake.take(events, tuple(slice(int(c[part]), int(c[part + 1])) for c in counts))
