"""Smart money: which side the large orders take.

Over 20 bars, with buy and sell the volume of orders above the instrument's large size:

    smart_money_index          (buy - sell) / (buy + sell + 500), 0 if none, x1.3 when buy + sell exceeds 1.5 x its mean
                               over the previous 20 disjoint windows, clipped to [-1, 1]
    smart_money_index_literal  prints instead of orders, no +500, no clip

The mean takes the windows there are, at least `least_windows`; before that there is no boost.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.features.feature import Feature
from mia_ml.features.window import clip

FEATURES = (
    Feature("smart_money_index", "1", (-1.0, 1.0), "trades", "window_bars", signed_flow=True),
    Feature("smart_money_index_literal", "1", (-1.3, 1.3), "trades", "window_bars", signed_flow=True),
)
PARAMS = np.dtype(
    [
        ("window_bars", "i8"),
        ("windows", "i8"),
        ("least_windows", "i8"),
        ("rest_volume", "f8"),  # contracts
        ("unusual", "f8"),
        ("boost", "f8"),
    ],
    align=True,
)


@kernel
def flow(bars, first, stop, prints):
    """Large buy and sell volume of the bars from `first` up to `stop`."""
    buy, sell = 0.0, 0.0
    for k in range(first, stop):
        if prints:
            buy += bars[k].large_print_buy
            sell += bars[k].large_print_sell
        else:
            buy += bars[k].large_buy
            sell += bars[k].large_sell
    return buy, sell


@kernel
def index(bars, i, params, rest_volume, prints):
    n = params.window_bars
    buy, sell = flow(bars, i + 1 - n, i + 1, prints)
    if np.isnan(buy) or np.isnan(sell):
        return np.nan
    total = buy + sell
    if total == 0:
        return 0.0
    out = (buy - sell) / (total + rest_volume)
    usual, windows = 0.0, 0
    for w in range(1, params.windows + 1):
        stop = i + 1 - w * n
        if stop < n:
            break
        earlier_buy, earlier_sell = flow(bars, stop - n, stop, prints)
        if not np.isnan(earlier_buy + earlier_sell):  # NaN before a day's first trade
            usual += earlier_buy + earlier_sell
            windows += 1
    if windows >= params.least_windows and total > params.unusual * (usual / windows):
        out *= params.boost
    return out


@kernel
def step(bars, i, params, row):
    row.smart_money_index = np.nan
    row.smart_money_index_literal = np.nan
    if i + 1 >= params.window_bars:
        row.smart_money_index = clip(index(bars, i, params, params.rest_volume, False))
        row.smart_money_index_literal = index(bars, i, params, 0.0, True)
