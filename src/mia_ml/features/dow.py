"""Dow trend: rising highs with rising lows, or falling with falling.

Over 20 bars, with h and l the least-squares slopes of highs and lows in points a bar:

    dow_trend_regime   sign(h) min(|h + l| / 2 / (0.1 ATR(14, 1 min)), 1)   when h and l share a strict sign, else 0
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.features.feature import Feature
from mia_ml.features.window import slope

FEATURES = (Feature("dow_trend_regime", "1", (-1.0, 1.0), "trades or bars", "window_bars"),)
PARAMS = np.dtype([("window_bars", "i8"), ("full_slope_atr", "f8")], align=True)


@kernel
def step(bars, i, params, atr, row):
    n = params.window_bars
    row.dow_trend_regime = np.nan
    if i + 1 < n or np.isnan(atr):
        return
    highs, lows = np.empty(n), np.empty(n)
    for k in range(n):
        highs[k] = bars[i + 1 - n + k].high
        lows[k] = bars[i + 1 - n + k].low
    high, low = slope(highs), slope(lows)
    if np.isnan(high + low):  # the window reaches before the day's first trade
        return
    row.dow_trend_regime = 0.0
    if high * low > 0 and atr > 0:
        size = min(abs(0.5 * (high + low)) / (params.full_slope_atr * atr), 1.0)
        row.dow_trend_regime = size if high > 0 else -size
