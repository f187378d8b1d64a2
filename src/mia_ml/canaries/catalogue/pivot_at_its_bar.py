"""A swing high is marked on the bar that turns out to have been one.

Zigzags and fractals need bars on both sides; charts draw them at the peak, and so do the columns that come out of
charting libraries. A back-test that sells there sells every top.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History

BARS = 5


def leaking(history: History) -> Claims:
    """Dated at the peak."""
    return _pivots(history, 0)


def clean(history: History) -> Claims:
    """Dated when the bars behind it have confirmed it."""
    return _pivots(history, BARS)


def _pivots(history: History, bars_later: int) -> Claims:
    rows = history.rows
    if rows.size <= 2 * BARS:
        return Claims()
    around = np.lib.stride_tricks.sliding_window_view(rows["high"], 2 * BARS + 1)
    peak = np.flatnonzero(rows["high"][BARS:-BARS] == around.max(axis=1)) + BARS
    return claims.values(rows["ts"][peak + bars_later], pivot=rows["high"][peak])
