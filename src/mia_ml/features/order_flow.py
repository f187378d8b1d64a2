"""Order flow: book, tick momentum and aggression, counted in orders or in time.

    aggression_bias_5m   (buy - sell) / volume over the last 5 bars
    tick_momentum_60s    0.4 (up - down) / n + 0.6 sum(v d) / sum(v) over the orders of the last minute's bar

The counted forms (100 orders, 20 orders) are taken over unchanged from the bar, as are the book's.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.core.moments import NS
from mia_ml.features.feature import INF, Feature

FEATURES = (
    Feature("order_book_imbalance", "1", (-1.0, 1.0), "book", "first snapshot"),
    Feature("order_book_imbalance_mean", "1", (-1.0, 1.0), "book", "first snapshot"),
    Feature("tick_momentum", "1", (-1.0, 1.0), "trades", "momentum_orders orders", signed_flow=True),
    Feature("tick_momentum_60s", "1", (-1.0, 1.0), "trades", "an order in the bar", signed_flow=True),
    Feature("tick_momentum_literal", "1", (-1.0, 1.0), "trades", "momentum_orders prints", signed_flow=True),
    Feature("aggression_bias", "1", (-1.0, 1.0), "trades", "aggression_orders orders", signed_flow=True),
    Feature("aggression_bias_5m", "1", (-1.0, 1.0), "trades", "a trade in window_bars bars", signed_flow=True),
    Feature("book_age", "s", (0.0, INF), "book", "first snapshot", component=False),
)
PARAMS = np.dtype([("window_bars", "i8")], align=True)


@kernel
def step(bars, i, params, order_params, row):
    bar = bars[i]
    row.order_book_imbalance = bar.imbalance
    row.order_book_imbalance_mean = bar.imbalance_mean
    row.book_age = (bar.ts - bar.book_ts) / NS if bar.book_ts > 0 else np.nan
    row.tick_momentum = bar.tick_momentum
    row.tick_momentum_literal = bar.tick_momentum_literal
    row.aggression_bias = bar.aggression_bias
    row.tick_momentum_60s = np.nan
    if bar.orders > 0 and bar.order_volume > 0:
        row.tick_momentum_60s = order_params.count_weight * (
            bar.order_ticks / bar.orders
        ) + order_params.volume_weight * (bar.order_flow / bar.order_volume)
    row.aggression_bias_5m = np.nan
    n = params.window_bars
    if i + 1 >= n:
        buy, sell, volume = 0.0, 0.0, 0.0
        for k in range(i + 1 - n, i + 1):
            buy += bars[k].buy
            sell += bars[k].sell
            volume += bars[k].volume
        if volume > 0:
            row.aggression_bias_5m = (buy - sell) / volume
