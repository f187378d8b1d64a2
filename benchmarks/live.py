"""Live latency: from plain values to the rows they complete, packing and bar closes included.

Events of a full day around the cash open, in event order, each packed into the engine's event record as a feed adapter
would and pushed. The garbage collector rests meanwhile, as it does in the live service between bars.
"""

import functools
import gc
import time
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.figures import Figure
from benchmarks.market import FullDay
from mia_ml.core.moments import MINUTE
from mia_ml.features import intake, live
from mia_ml.features.stream import Engine
from mia_ml.features.tape import Tape
from serving.intake import event_order as feed

EVENTS = 300_000
BEFORE_CASH_NS = 15 * MINUTE
IDLE_S = 0.002
IDLE_SAMPLES = 2_000
WARM_UP = 2_000
TRADE, BOOK = 0, 1  # positions in `intake.times_of`

Push = Callable[[], np.ndarray]


def latency(day: FullDay, events: int = EVENTS, idle_samples: int = IDLE_SAMPLES) -> Iterator[Figure]:
    at = int(np.searchsorted(day.plan.sessions["day"], day.day.day))
    start = int(day.plan.sessions["rth_open_ns"][at]) - BEFORE_CASH_NS
    earlier, later = intake.split(day.tape, start)
    engine = day.engine()
    engine.run(earlier)
    taken, rows = back_to_back(engine, later, events)
    note = f"{taken.size:,} events, {rows} bar closes, packing included"
    p50, p99 = np.percentile(taken, [50, 99]) / 1e3
    yield Figure("live_event_p50_us", float(p50), "us", 4.0, at_least=False, note=note)
    yield Figure("live_event_p99_us", float(p99), "us", 10.0, at_least=False, note=note)
    idle = after_idle(engine, later, taken.size, idle_samples)
    p50, p99 = np.percentile(idle, [50, 99]) / 1e3
    note = f"{idle.size:,} events, each after {IDLE_S * 1e3:.0f} ms asleep"
    yield Figure("live_event_after_idle_p50_us", float(p50), "us", note=note)
    yield Figure("live_event_after_idle_p99_us", float(p99), "us", note=note)


def calls(engine: Engine, events: Tape, first: int, count: int) -> Iterator[Push]:
    """For each event a call that packs its plain values and pushes it."""
    packer = live.Packer()
    push, pack_trade, pack_book, record = engine.push, packer.trade, packer.book, packer.record
    table, row = feed.event_order(events)
    ends = [int(np.count_nonzero(table[: first + count] == k)) for k in range(6)]
    part = intake.take(events, tuple(slice(0, end) for end in ends))
    times = [ts.tolist() for ts in intake.times_of(part)]
    price, size, side = part.price.tolist(), part.size.tolist(), part.side.tolist()
    bid, ask, sizes = part.bid.tolist(), part.ask.tolist(), np.stack(part.sizes, axis=1).tolist()
    records = {2: (live.OPTIONS, part.options), 3: (live.VIX_VALUE, part.vix)}

    def trade(ts: int, price: float, size: int, side: int) -> np.ndarray:
        pack_trade(ts, price, size, side)
        return push(record, ts)

    def book(ts: int, bid: float, ask: float, sizes: list[int]) -> np.ndarray:
        pack_book(ts, bid, ask, sizes)
        return push(record, ts)

    def other(k: int, i: int, ts: int) -> np.ndarray:
        kind, rows = records[k]
        packer.row(kind, rows[i])
        return push(record, ts)

    def bind(k: int, i: int) -> Push:
        ts = times[k][i]
        if k == TRADE:
            return functools.partial(trade, ts, price[i], size[i], side[i])
        if k == BOOK:
            return functools.partial(book, ts, bid[i], ask[i], sizes[i])
        return functools.partial(other, k, i, ts)

    for k, i in zip(table[first : first + count].tolist(), row[first : first + count].tolist(), strict=True):
        yield bind(k, i)


def back_to_back(engine: Engine, events: Tape, count: int) -> tuple[np.ndarray, int]:
    """Nanoseconds of each event after a short warm-up, and the rows they completed."""
    bound = list(calls(engine, events, 0, count))
    taken = np.zeros(len(bound))
    rows = 0
    clock = time.perf_counter_ns
    gc.collect()
    gc.disable()
    try:
        for n, call in enumerate(bound):
            start = clock()
            closed = call()
            taken[n] = clock() - start
            rows += closed.size
    finally:
        gc.enable()
    return taken[WARM_UP:], rows


def after_idle(engine: Engine, events: Tape, first: int, count: int) -> np.ndarray:
    """Nanoseconds of each event after a sleep: what a core that went cold costs."""
    taken = np.zeros(count)
    clock = time.perf_counter_ns
    for n, call in enumerate(calls(engine, events, first + WARM_UP, count)):
        time.sleep(IDLE_S)
        start = clock()
        call()
        taken[n] = clock() - start
    return taken
