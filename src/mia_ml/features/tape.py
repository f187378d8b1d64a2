"""From the events of a trading day to its wide bars: the one loop that research and live share.

Events come in event order: by `ts_event`, then vix < options < trade < book. Bars close at every exchange minute t that
an event or a clock has reached, with the events strictly before t. The book is columnar and run through only when a
bar closes or an options row needs the mid; since prints and snapshots meet nowhere else, that changes no bit.
"""

from typing import NamedTuple

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.core.moments import MINUTE
from mia_ml.features import book, levels, orders
from mia_ml.features.bar import BAR

PARAMS = np.dtype(
    [("tick", "f8"), ("orders", orders.PARAMS), ("book", book.PARAMS), ("levels", levels.PARAMS)], align=True
)

STATE = np.dtype(
    [
        ("next_close", "i8"),
        ("reference", "f8"),  # the day's first price, points
        ("price", "f8"),  # last trade, points
        ("anchored_volume", "f8"),
        ("anchored_ticks", "f8"),
        ("anchored_ticks2", "f8"),
        ("bar", BAR),
        ("orders", orders.STATE),
        ("book", book.STATE),
        ("levels", levels.STATE),
    ],
    align=True,
)


class Tape(NamedTuple):
    """The events of (part of) one trading day in memory, each table in event order.

    Trades are columns of n values, book columns of m: `sizes` holds the five bid then the five ask columns. `options`,
    `vix` are records (`levels.OPTION`, `levels.VIX`), `late` the arrival times of events that missed their bar. A bar
    file has `bars` (`bar.NATIVE`) instead of trades and book.
    """

    trade_ts: np.ndarray
    price: np.ndarray
    size: np.ndarray
    side: np.ndarray
    book_ts: np.ndarray
    bid: np.ndarray
    ask: np.ndarray
    sizes: tuple[np.ndarray, ...]
    options: np.ndarray
    vix: np.ndarray
    late: np.ndarray
    bars: np.ndarray


@kernel
def reset_bar(bar):
    bar.open = np.nan
    bar.high = np.nan
    bar.low = np.nan
    bar.close = np.nan
    bar.volume = 0.0
    bar.buy = 0.0
    bar.sell = 0.0
    bar.unknown = 0.0
    bar.prints = 0.0
    bar.orders = 0.0
    bar.order_ticks = 0.0
    bar.order_flow = 0.0
    bar.order_volume = 0.0
    bar.large_buy = 0.0
    bar.large_sell = 0.0
    bar.large_print_buy = 0.0
    bar.large_print_sell = 0.0
    bar.call_volume = 0.0
    bar.put_volume = 0.0
    bar.late = 0.0


@kernel
def no_trades(bar):
    """Mark everything that prints would have told as absent."""
    bar.volume = np.nan
    bar.buy = np.nan
    bar.sell = np.nan
    bar.unknown = np.nan
    bar.prints = np.nan
    bar.orders = np.nan
    bar.order_ticks = np.nan
    bar.order_flow = np.nan
    bar.order_volume = np.nan
    bar.large_buy = np.nan
    bar.large_sell = np.nan
    bar.large_print_buy = np.nan
    bar.large_print_sell = np.nan


@kernel
def open_day(state, session):
    """Start a trading day knowing nothing of any other."""
    state.next_close = session.open_ns + MINUTE
    state.reference = np.nan
    state.price = np.nan
    state.anchored_volume = 0.0
    state.anchored_ticks = 0.0
    state.anchored_ticks2 = 0.0
    reset_bar(state.bar)
    orders.reset(state.orders)
    book.reset(state.book, session.open_ns)
    levels.reset(state.levels)


@kernel
def on_trade(state, params, ts, price, size, side):
    bar = state.bar
    if np.isnan(state.price):
        state.reference = price
    state.price = price
    if bar.prints == 0:
        bar.open = price
        bar.high = price
        bar.low = price
    elif price > bar.high:
        bar.high = price
    elif price < bar.low:
        bar.low = price
    bar.prints += 1
    bar.volume += size
    aggressor = orders.on_print(state.orders, params.orders, bar, ts, price, size, side)
    if aggressor > 0:
        bar.buy += size
    elif aggressor < 0:
        bar.sell += size
    ticks = (price - state.reference) / params.tick
    state.anchored_volume += size
    state.anchored_ticks += size * ticks
    state.anchored_ticks2 += size * ticks * ticks


@kernel
def close_bar(state, params, session, t, out):
    """Finish the bar that ends at t, write it to `out`, start the next."""
    bar = state.bar
    bar.ts = t
    bar.day = session.index
    bar.slot = (t - session.midnight_ns) // MINUTE + 359
    bar.close = state.price
    if bar.prints == 0:  # a quiet minute repeats the last price
        bar.open = state.price
        bar.high = state.price
        bar.low = state.price
    orders.close(state.orders, params.orders, bar)
    if np.isnan(state.price):  # before the first trade silence and absence look alike
        no_trades(bar)
    book.close(state.book, params.book, bar, t)
    levels.close(state.levels, bar)
    bar.reference = state.reference
    bar.anchored_volume = state.anchored_volume
    bar.anchored_ticks = state.anchored_ticks
    bar.anchored_ticks2 = state.anchored_ticks2
    out[0] = bar
    reset_bar(bar)
    state.next_close = t + MINUTE


@kernel
def first_at(ts, start, moment):
    """Position of the first time from `start` on that is not before `moment`."""
    low, high = start, ts.size
    while low < high:
        middle = (low + high) // 2
        if ts[middle] < moment:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def advance(params, session, state, until, tape, bars):
    """Run a tape through; returns how many bars closed into `bars`.

    until: ns UTC, the latest moment known to have been reached (the last event, a clock, or the day's close). `tape`
    holds nothing later. `bars` has room for every minute up to it.
    """
    closed = 0
    i, j, o, v, late = 0, 0, 0, 0, 0
    while i < tape.trade_ts.size and tape.trade_ts[i] < session.open_ns:
        i += 1
    while j < tape.book_ts.size and tape.book_ts[j] < session.open_ns:
        j += 1
    while late < tape.late.size and tape.late[late] < session.open_ns:  # after the last close: no bar to count it in
        late += 1
    last_close = min(until, session.close_ns)
    while True:
        control = state.next_close if state.next_close <= last_close else until + 1
        kind = 0
        if v < tape.vix.size and tape.vix[v].ts_event < control:
            control, kind = tape.vix[v].ts_event, 1
        if o < tape.options.size and tape.options[o].ts_event < control:
            control, kind = tape.options[o].ts_event, 2

        while i < tape.trade_ts.size and tape.trade_ts[i] < control:
            on_trade(state, params, tape.trade_ts[i], tape.price[i], float(tape.size[i]), tape.side[i])
            i += 1
        if kind != 1:
            first = j
            j = first_at(tape.book_ts, j, control)
            book.run(state.book, params.book, tape.book_ts, tape.bid, tape.ask, tape.sizes, first, j)

        if kind == 1:
            levels.on_vix(state.levels, tape.vix[v])
            v += 1
        elif kind == 2:
            price = book.mid(state.book)
            if np.isnan(price) or control - state.book.ts > params.book.max_age_ns:
                price = state.price
            levels.on_option(state.levels, params.levels, state.bar, tape.options[o], price)
            o += 1
        else:
            while late < tape.late.size and tape.late[late] < control:
                state.bar.late += 1
                late += 1
            if control > last_close:
                return closed
            close_bar(state, params, session, control, bars[closed : closed + 1])
            closed += 1
