"""Random tapes that do what feeds do: ties, quiet minutes, unknown sides, empty and one-sided books, late events."""

import numpy as np

from mia_ml.core.moments import MINUTE, NS
from mia_ml.features import intake

GRACE = NS


def tables(seed, session, minutes=90, trades=1500, snapshots=3000, start_minute=0, price=5000.0):
    """Canonical columns of part of a trading day, from a seed."""
    rng = np.random.default_rng(seed)
    start = int(session["open_ns"]) + start_minute * MINUTE
    quiet = rng.choice(minutes, minutes // 6, replace=False)

    def times(n):
        minute = rng.choice(np.setdiff1d(np.arange(minutes), quiet), n)
        ts = start + minute * MINUTE + rng.integers(0, 600, n) * 100_000_000  # a coarse clock makes ties the rule
        return np.sort(ts)

    level = price + 0.25 * np.cumsum(rng.integers(-1, 2, snapshots))
    book_ts = times(snapshots)
    book = {"ts_event": book_ts, "bid_px_00": level - 0.25, "ask_px_00": level}
    for name in intake.BOOK_SIZES:
        book[name] = rng.integers(1, 80, snapshots)
    for name in intake.BOOK_SIZES[:5]:
        book[name][rng.random(snapshots) < 0.03] = 0
    empty = rng.random(snapshots) < 0.02
    for name in intake.BOOK_SIZES:
        book[name][empty] = 0
    book["bid_px_00"][empty] = np.nan

    trade_ts = times(trades)
    at = np.searchsorted(book_ts, trade_ts).clip(0, snapshots - 1)
    side = rng.choice(np.array([-1, 0, 1], np.int8), trades, p=[0.45, 0.1, 0.45])
    size = rng.geometric(0.3, trades).astype(np.int64)
    size[rng.random(trades) < 0.03] *= 90
    delay = np.where(rng.random(trades) < 0.02, rng.integers(1, 200, trades) * NS, 1000)
    columns = {"ts_event": trade_ts, "price": level[at], "size": size, "side": side, "ts_recv": trade_ts + delay}

    n = minutes // 2
    options_ts = times(n)
    options = {
        "ts_event": options_ts,
        "underlying_px": np.full(n, price - 40.0),
        "call_wall": np.full(n, price - 20.0),
        "put_wall": np.full(n, price - 60.0),
        "zero_gamma": price - 40.0 + rng.normal(0, 3, n),
        "call_volume": rng.integers(0, 500, n).astype(float),
        "put_volume": rng.integers(0, 700, n).astype(float),
    }
    for name in ("call_wall", "put_wall", "zero_gamma"):
        options[name][rng.random(n) < 0.2] = np.nan
    vix_ts = times(n)
    vix = {"ts_event": vix_ts, "value": 16 + np.cumsum(rng.normal(0, 0.3, n))}
    return {"trades": columns, "book": book, "options": options, "vix": vix}


def tape(*days):
    """One tape of the tables of consecutive days."""
    joined = {
        name: {column: np.concatenate([day[name][column] for day in days]) for column in days[0][name]}
        for name in days[0]
    }
    return intake.tape(**joined, grace_ns=GRACE)


def chop(events, cuts):
    """A tape cut after each of the given numbers of events, in event order."""
    times = intake.times_of(events)
    kinds = np.concatenate([np.full(ts.size, rank) for ts, rank in zip(times, (3, 4, 2, 1, 0, -1), strict=True)])
    order = np.lexsort((kinds, np.concatenate(times)))
    table = np.concatenate([np.full(ts.size, k) for k, ts in enumerate(times)])[order]
    before = [0] * len(times)
    for cut in [*sorted(cuts), order.size]:
        after = [int(np.count_nonzero(table[:cut] == k)) for k in range(len(times))]
        yield intake.take(events, tuple(slice(a, b) for a, b in zip(before, after, strict=True)))
        before = after


def events_one_by_one(events):
    """(EVENT record, time) of every event of a tape, in event order."""
    from mia_ml.features import live
    from mia_ml.features.stream import event_record

    for part in chop(events, range(1, sum(ts.size for ts in intake.times_of(events)))):
        if part.late.size:
            ts = int(part.late[0])
            yield event_record(live.LATE, ts), ts
        elif part.vix.size:
            ts = int(part.vix["ts_event"][0])
            yield event_record(live.VIX_VALUE, ts, vix=part.vix), ts
        elif part.options.size:
            ts = int(part.options["ts_event"][0])
            yield event_record(live.OPTIONS, ts, options=part.options), ts
        elif part.trade_ts.size:
            ts = int(part.trade_ts[0])
            yield event_record(live.TRADE, ts, price=part.price, size=part.size, side=part.side), ts
        elif part.book_ts.size:
            ts = int(part.book_ts[0])
            sizes = np.concatenate(part.sizes)
            yield event_record(live.BOOK, ts, bid=part.bid, ask=part.ask, sizes=sizes), ts
        else:
            ts = int(part.bars["ts_event"][0])
            yield event_record(live.BAR_CLOSED, ts, bars=part.bars), ts
