"""Where price stands in the day's range, when the day is not over.

Highs and lows come with the daily bar, and the daily bar is joined by date. At the low of the day the feature says that
it is the low of the day.
"""

from collections.abc import Callable

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History


def leaking(history: History) -> Claims:
    return _place(history, lambda x: np.full(x.size, x.max(initial=-np.inf)))


def clean(history: History) -> Claims:
    """In the range so far."""
    return _place(history, np.maximum.accumulate)


def _place(history: History, highest: Callable[[np.ndarray], np.ndarray]) -> Claims:
    rows = history.rows[np.isfinite(history.rows["close"])]
    above = np.zeros(rows.size)
    for day in np.unique(rows["day"]):
        own = rows["day"] == day
        above[own] = highest(rows["high"][own]) - rows["close"][own]
    return claims.values(rows["ts"], below_high=above)
