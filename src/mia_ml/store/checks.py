"""The row checks as compiled loops: each marks rows with the first reason that holds, state in hand.

backwards   ts < last ts of the file, table and symbol
off grid    |price / tick - nearest integer| > 1e-6 ticks
jump        |price - last accepted| > max(jump_atrs * ATR, floor), the ATR being Wilder's over 14 bars of 1 minute;
            `confirm` such prices in a row within that limit of each other are taken for the market
"""

import math

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.store.rules import (
    BACKWARDS,
    CLOSED,
    CROSSED,
    DUPLICATE,
    INCONSISTENT,
    JUMP,
    NON_FINITE,
    OFF_GRID,
    SIDE,
    SIZE,
)

GRID_TOLERANCE = 1e-6  # ticks: what is left of a decimal price after a division
MINUTE = 60_000_000_000
ATR_BARS = 14

LIMITS = np.dtype(
    [
        ("tick", "f8"),  # points; 0: prices are not held to a grid
        ("jump_atrs", "f8"),
        ("jump_floor", "f8"),  # points
        ("cold_share", "f8"),
        ("cold_bars", "i8"),
        ("confirm", "i8"),
        ("preopen_ns", "i8"),
    ],
    align=True,
)

STATE = np.dtype(
    [
        ("last_ts", "i8"),
        ("session", "i8"),  # SESSION.index of the trading day the reference price belongs to
        ("price", "f8"),  # last accepted, NaN before the first of a trading day
        ("far", "f8"),  # last price that was called a jump
        ("n_far", "i8"),  # how many of them in a row agree
        ("minute", "i8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close_before", "f8"),  # close of the bar before the current one
        ("atr", "f8"),
        ("n_bars", "i8"),
    ],
    align=True,
)


def fresh() -> np.ndarray:
    """The state before the first row, one STATE record."""
    state = np.zeros(1, STATE)
    state["last_ts"] = np.iinfo(np.int64).min
    state["session"] = -1
    state["minute"] = -1
    for name in ("price", "far", "high", "low", "close_before", "atr"):
        state[name] = np.nan
    return state


@kernel
def sessions_of(ts, close_ns):
    """Positions of the trading days of mostly ascending moments: `Calendar.locate` in one walk."""
    position = np.empty(ts.size, np.int64)
    at = 0
    for i in range(ts.size):
        if at < close_ns.size and ts[i] <= close_ns[at] and (at == 0 or ts[i] > close_ns[at - 1]):
            position[i] = at
            continue
        at = np.searchsorted(close_ns, ts[i])
        position[i] = at
    return position


@kernel
def off_grid(price, tick):
    if tick <= 0.0:
        return False
    ticks = price / tick
    return abs(ticks - np.rint(ticks)) > GRID_TOLERANCE


@kernel
def limit_of(state, limits):
    """The largest believable distance from the last accepted price, in points."""
    if state.n_bars < limits.cold_bars:
        return max(limits.cold_share * abs(state.price), limits.jump_floor)
    return max(limits.jump_atrs * state.atr, limits.jump_floor)


@kernel
def add_range(state, true_range):
    state.n_bars += 1
    if state.n_bars == 1:
        state.atr = true_range
    else:
        state.atr += (true_range - state.atr) / min(state.n_bars, ATR_BARS)


@kernel
def true_range(high, low, close_before):
    if math.isnan(close_before):
        return high - low
    return max(high, close_before) - min(low, close_before)


@kernel
def is_jump(state, limits, price):
    """Whether a price is too far to believe; a far price that was confirmed often enough becomes the reference."""
    if math.isnan(state.price):
        return False
    limit = limit_of(state, limits)
    if abs(price - state.price) <= limit:
        state.n_far = 0
        return False
    if state.n_far > 0 and abs(price - state.far) <= limit:
        state.n_far += 1
    else:
        state.n_far = 1
    state.far = price
    if state.n_far < limits.confirm:
        return True
    state.n_far = 0
    state.minute = -1  # the gap itself is no range of a bar
    state.close_before = np.nan
    return False


@kernel
def follow(state, ts, price):
    """Add an accepted price to the current minute; a finished minute feeds the ATR."""
    minute = ts // MINUTE
    if minute != state.minute:
        if state.minute >= 0:
            add_range(state, true_range(state.high, state.low, state.close_before))
            state.close_before = state.price
        state.minute = minute
        state.high = price
        state.low = price
    state.high = max(state.high, price)
    state.low = min(state.low, price)
    state.price = price


@kernel
def enter(state, session):
    """A trading day starts without a reference price: the gap over the break is real."""
    if session != state.session:
        state.session = session
        state.price = np.nan
        state.n_far = 0
        state.minute = -1
        state.close_before = np.nan


@kernel
def check_trades(ts, price, size, side, position, open_ns, first_index, repeated, states, limits_of, reason):
    state = states[0]
    limits = limits_of[0]
    for i in range(ts.size):
        at = position[i]
        if at < 0 or ts[i] < open_ns[at]:
            reason[i] = CLOSED
        elif ts[i] < state.last_ts:
            reason[i] = BACKWARDS
        elif not math.isfinite(price[i]):
            reason[i] = NON_FINITE
        elif size[i] <= 0:
            reason[i] = SIZE
        elif side[i] < -1 or side[i] > 1:
            reason[i] = SIDE
        elif off_grid(price[i], limits.tick):
            reason[i] = OFF_GRID
        elif repeated[i]:
            reason[i] = DUPLICATE
        else:
            enter(state, first_index + at)
            if is_jump(state, limits, price[i]):
                reason[i] = JUMP
            else:
                follow(state, ts[i], price[i])
                state.last_ts = ts[i]


@kernel
def side_reason(price, size, tick):
    """The first reason of one book level: an absent level is NaN with size 0."""
    if size < 0:
        return SIZE
    if math.isnan(price):
        return NON_FINITE if size > 0 else 0
    if math.isinf(price):
        return NON_FINITE
    return OFF_GRID if off_grid(price, tick) else 0


@kernel
def check_book(ts, bid_px, ask_px, bid_sz, ask_sz, position, open_ns, first_index, states, limits_of, reason):
    state = states[0]
    limits = limits_of[0]
    for i in range(ts.size):
        at = position[i]
        if at < 0 or ts[i] < open_ns[at] - limits.preopen_ns:
            reason[i] = CLOSED
            continue
        if ts[i] < state.last_ts:
            reason[i] = BACKWARDS
            continue
        found = 0
        for level in range(len(bid_px)):
            found = side_reason(bid_px[level][i], bid_sz[level][i], limits.tick)
            if found == 0:
                found = side_reason(ask_px[level][i], ask_sz[level][i], limits.tick)
            if found != 0:
                break
        if found != 0:
            reason[i] = found
            continue
        if ts[i] >= open_ns[at]:  # before the open the book is crossed legitimately and its prices are indications
            bid, ask = bid_px[0][i], ask_px[0][i]
            if bid >= ask:  # an absent side is NaN: false
                reason[i] = CROSSED
                continue
            middle = (bid + ask) / 2.0
            if not math.isnan(middle):
                enter(state, first_index + at)
                if is_jump(state, limits, middle):
                    reason[i] = JUMP
                    continue
                follow(state, ts[i], middle)
        state.last_ts = ts[i]


@kernel
def check_bars(ts, open_, high, low, close, volume, position, open_ns, states, limits_of, reason):
    state = states[0]
    limits = limits_of[0]
    for i in range(ts.size):
        at = position[i]
        finite = (
            math.isfinite(open_[i]) and math.isfinite(high[i]) and math.isfinite(low[i]) and math.isfinite(close[i])
        )
        if at < 0 or ts[i] < open_ns[at]:
            reason[i] = CLOSED
        elif ts[i] < state.last_ts:
            reason[i] = BACKWARDS
        elif not finite:
            reason[i] = NON_FINITE
        elif volume[i] < 0.0:  # NaN: the file has no volume
            reason[i] = SIZE
        elif (
            off_grid(open_[i], limits.tick)
            or off_grid(high[i], limits.tick)
            or off_grid(low[i], limits.tick)
            or off_grid(close[i], limits.tick)
        ):
            reason[i] = OFF_GRID
        elif high[i] < max(open_[i], close[i]) or low[i] > min(open_[i], close[i]):
            reason[i] = INCONSISTENT
        elif is_jump(state, limits, close[i]):
            reason[i] = JUMP
        else:
            add_range(state, true_range(high[i], low[i], state.close_before))
            state.close_before = close[i]
            state.price = close[i]
            state.last_ts = ts[i]


@kernel
def check_values(ts, numbers, volumes, is_price, position, states, reason):
    """Rows of an index. numbers: all figures, none of which is infinite; of prices none is missing either. volumes: not
    negative; prices are above 0."""
    state = states[0]
    for i in range(ts.size):
        if position[i] < 0:
            reason[i] = CLOSED
            continue
        infinite, negative = False, False
        for values in numbers:
            infinite |= math.isinf(values[i]) or (is_price and math.isnan(values[i]))
        for values in volumes:
            negative |= values[i] < 0.0 or (is_price and values[i] == 0.0)
        if ts[i] < state.last_ts:
            reason[i] = BACKWARDS
        elif infinite:
            reason[i] = NON_FINITE
        elif negative:
            reason[i] = SIZE
        state.last_ts = max(state.last_ts, ts[i])


@kernel
def repeats(ts, price, size, side, sequence, first, repeated):
    """Mark rows equal in every field to an earlier row of the same moment, from row `first` on."""
    for i in range(first, ts.size):
        j = i - 1
        while j >= 0 and ts[j] == ts[i]:
            if sequence[j] == sequence[i] and price[j] == price[i] and size[j] == size[i] and side[j] == side[i]:
                repeated[i] = True
                break
            j -= 1
