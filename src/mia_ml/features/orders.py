"""Orders behind the prints: who took liquidity, in which direction price ticked, how large.

A feed prints one line per resting order hit. Consecutive prints with the same `ts_event` and side are one aggressor
order (only where the feed's clock is 1 us or finer: `group_prints`). With order direction d by the tick rule (an
unchanged price keeps the last direction), side s and volume v:

    tick_momentum           0.4 (up - down) / n + 0.6 sum(v d) / sum(v)        last `momentum_orders` orders
    tick_momentum_literal   the same on prints; unchanged counts 0 in the first part and -1 in the second
    aggression_bias         sum(v s) / sum(v)                                  last `aggression_orders` orders

Sums are of whole numbers, so sliding them is exact.
"""

import numpy as np

from mia_ml.core.kernel import kernel

MOMENTUM_CAPACITY = 256
AGGRESSION_CAPACITY = 1024

PARAMS = np.dtype(
    [
        ("group_prints", "i8"),
        ("momentum_orders", "i8"),
        ("aggression_orders", "i8"),
        ("count_weight", "f8"),
        ("volume_weight", "f8"),
        ("large_order", "f8"),  # contracts
    ],
    align=True,
)

STATE = np.dtype(
    [
        ("last_price", "f8"),
        ("direction", "i8"),  # of the last price change between prints
        ("open_ts", "i8"),  # the order still being printed; open_size 0 is none
        ("open_side", "i8"),
        ("open_size", "f8"),
        ("open_price", "f8"),
        ("order_price", "f8"),
        ("order_direction", "i8"),
        ("momentum_n", "i8"),
        ("momentum_ticks", "f8"),
        ("momentum_flow", "f8"),
        ("momentum_volume", "f8"),
        ("momentum_d", "i8", (MOMENTUM_CAPACITY,)),
        ("momentum_v", "f8", (MOMENTUM_CAPACITY,)),
        ("print_n", "i8"),
        ("print_ticks", "f8"),
        ("print_flow", "f8"),
        ("print_volume", "f8"),
        ("print_d", "i8", (MOMENTUM_CAPACITY,)),
        ("print_v", "f8", (MOMENTUM_CAPACITY,)),
        ("aggression_n", "i8"),
        ("aggression_flow", "f8"),
        ("aggression_volume", "f8"),
        ("aggression_q", "f8", (AGGRESSION_CAPACITY,)),
        ("aggression_v", "f8", (AGGRESSION_CAPACITY,)),
    ],
    align=True,
)


@kernel
def reset(state):
    state.last_price = np.nan
    state.direction = 0
    state.open_size = 0.0
    state.order_price = np.nan
    state.order_direction = 0
    state.momentum_n = 0
    state.momentum_ticks = 0.0
    state.momentum_flow = 0.0
    state.momentum_volume = 0.0
    state.print_n = 0
    state.print_ticks = 0.0
    state.print_flow = 0.0
    state.print_volume = 0.0
    state.aggression_n = 0
    state.aggression_flow = 0.0
    state.aggression_volume = 0.0


@kernel
def on_print(state, params, bar, ts, price, size, side):
    """One print; returns its aggressor, by the tick rule where the feed does not say."""
    moved = 0
    if price > state.last_price:
        moved = 1
    elif price < state.last_price:
        moved = -1
    if moved != 0:
        state.direction = moved
    state.last_price = price

    n = params.momentum_orders
    at = state.print_n % n
    if state.print_n >= n:
        gone, gone_v = state.print_d[at], state.print_v[at]
        state.print_ticks -= gone
        state.print_flow -= gone_v if gone > 0 else -gone_v
        state.print_volume -= gone_v
    state.print_d[at] = moved
    state.print_v[at] = size
    state.print_ticks += moved
    state.print_flow += size if moved > 0 else -size
    state.print_volume += size
    state.print_n += 1

    aggressor = side
    if side == 0:
        aggressor = state.direction
        bar.unknown += size
    if size > params.large_order:
        if aggressor > 0:
            bar.large_print_buy += size
        elif aggressor < 0:
            bar.large_print_sell += size

    if state.open_size > 0 and ts == state.open_ts and aggressor == state.open_side and params.group_prints != 0:
        state.open_size += size
    else:
        finish(state, params, bar)
        state.open_ts = ts
        state.open_side = aggressor
        state.open_size = size
    state.open_price = price
    return aggressor


@kernel
def finish(state, params, bar):
    """The order being printed is complete: a print of another order came, or the bar closed."""
    size = state.open_size
    if size == 0:
        return
    state.open_size = 0.0
    side = state.open_side
    if state.open_price > state.order_price:
        state.order_direction = 1
    elif state.open_price < state.order_price:
        state.order_direction = -1
    state.order_price = state.open_price
    d = state.order_direction

    bar.orders += 1
    bar.order_ticks += d
    bar.order_flow += d * size
    bar.order_volume += size
    if size > params.large_order:
        if side > 0:
            bar.large_buy += size
        elif side < 0:
            bar.large_sell += size

    n = params.momentum_orders
    at = state.momentum_n % n
    if state.momentum_n >= n:
        gone, gone_v = state.momentum_d[at], state.momentum_v[at]
        state.momentum_ticks -= gone
        state.momentum_flow -= gone * gone_v
        state.momentum_volume -= gone_v
    state.momentum_d[at] = d
    state.momentum_v[at] = size
    state.momentum_ticks += d
    state.momentum_flow += d * size
    state.momentum_volume += size
    state.momentum_n += 1

    n = params.aggression_orders
    at = state.aggression_n % n
    if state.aggression_n >= n:
        state.aggression_flow -= state.aggression_q[at]
        state.aggression_volume -= state.aggression_v[at]
    state.aggression_q[at] = side * size
    state.aggression_v[at] = size
    state.aggression_flow += side * size
    state.aggression_volume += size
    state.aggression_n += 1


@kernel
def close(state, params, bar):
    """Write the order features of a bar that just closed; NaN until the windows are full."""
    finish(state, params, bar)
    n = params.momentum_orders
    a, b = params.count_weight, params.volume_weight
    bar.tick_momentum = np.nan
    if state.momentum_n >= n:
        bar.tick_momentum = a * (state.momentum_ticks / n) + b * (state.momentum_flow / state.momentum_volume)
    bar.tick_momentum_literal = np.nan
    if state.print_n >= n:
        bar.tick_momentum_literal = a * (state.print_ticks / n) + b * (state.print_flow / state.print_volume)
    bar.aggression_bias = np.nan
    if state.aggression_n >= params.aggression_orders:
        bar.aggression_bias = state.aggression_flow / state.aggression_volume
