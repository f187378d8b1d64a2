"""A moving average is centred: half of its window lies ahead of the row that it smooths.

The default of many smoothers (two-sided filters, Savitzky-Golay, LOESS, seasonal decomposition), made for describing a
series and used for predicting it. Trend rules on such a curve turn at every top.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History

BARS = 11


def leaking(history: History) -> Claims:
    return _smoothed(history, BARS // 2)


def clean(history: History) -> Claims:
    return _smoothed(history, BARS - 1)


def _smoothed(history: History, bars_before: int) -> Claims:
    around = np.pad(history.rows["close"], (bars_before, BARS - 1 - bars_before), constant_values=np.nan)
    mean = np.lib.stride_tricks.sliding_window_view(around, BARS).mean(axis=1)
    return claims.values(history.rows["ts"], smooth=mean)
