"""A tape as the events a feed would have delivered, one after another or in random portions."""

from collections.abc import Iterator

import numpy as np

from mia_ml.features import intake, live
from mia_ml.features.tape import Tape

# The kinds of `intake.times_of` in its order, and their rank among events of one time.
_KINDS = (live.TRADE, live.BOOK, live.OPTIONS, live.VIX_VALUE, live.LATE, live.BAR_CLOSED)
_RANKS = (3, 4, 2, 1, 0, 5)


def event_order(events: Tape) -> tuple[np.ndarray, np.ndarray]:
    """For every event in event order: the table it stands in (as in `intake.times_of`), and its row there."""
    times = intake.times_of(events)
    rank = np.concatenate([np.full(ts.size, r) for ts, r in zip(times, _RANKS, strict=True)])
    order = np.lexsort((rank, np.concatenate(times)))
    table = np.concatenate([np.full(ts.size, k) for k, ts in enumerate(times)])[order]
    row = np.concatenate([np.arange(ts.size) for ts in times])[order]
    return table, row


def single_events(events: Tape) -> Iterator[tuple[np.ndarray, int]]:
    """Every event as (EVENT record, its time). The record is overwritten by the next one."""
    table, row = event_order(events)
    times = [ts.tolist() for ts in intake.times_of(events)]
    event = np.zeros(1, live.EVENT)
    trade = (event["price"], event["size"], event["side"])
    trades = (events.price, events.size, events.side)
    sizes = event["sizes"][0]
    for k, i in zip(table.tolist(), row.tolist(), strict=True):
        ts = times[k][i]
        event["kind"] = _KINDS[k]
        event["ts"] = ts
        if k == 0:
            for field, column in zip(trade, trades, strict=True):
                field[0] = column[i]
        elif k == 1:
            event["bid"] = events.bid[i]
            event["ask"] = events.ask[i]
            for level, column in enumerate(events.sizes):
                sizes[level] = column[i]
        elif k == 2:
            event["options"] = events.options[i]
        elif k == 3:
            event["vix"] = events.vix[i]
        elif k == 5:
            event["bars"] = events.bars[i]
        yield event, ts


def random_portions(events: Tape, rng: np.random.Generator, mean_events: int = 2000) -> Iterator[Tape]:
    """The tape cut at random places, between any two events in event order; some portions are empty."""
    table, _ = event_order(events)
    cuts = np.sort(rng.integers(0, table.size + 1, max(1, table.size // mean_events)))
    counts = np.zeros((len(_KINDS), cuts.size + 2), np.int64)
    ends = np.concatenate([[0], cuts, [table.size]])
    for k in range(len(_KINDS)):
        counts[k] = np.searchsorted(np.flatnonzero(table == k), ends, side="left")
    for part in range(ends.size - 1):
        yield intake.take(events, tuple(slice(int(c[part]), int(c[part + 1])) for c in counts))
