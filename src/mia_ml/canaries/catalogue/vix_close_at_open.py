"""The day's VIX close is joined to every bar of that day.

A daily file has a date and no time, so the join is by date. From the first bar on, the day knows how frightened it will
have been at 16:15.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History


def leaking(history: History) -> Claims:
    return _joined(history, 0)


def clean(history: History) -> Claims:
    """The close of the day before."""
    return _joined(history, 1)


def _joined(history: History, days_back: int) -> Claims:
    vix = history.tape.vix
    last = np.searchsorted(vix["ts_event"], history.sessions["close_ns"]) - 1
    closes = np.where(last >= 0, vix["value"][np.maximum(last, 0)], np.nan)
    day = np.searchsorted(history.sessions["day"], history.rows["day"]) - days_back
    return claims.values(history.rows["ts"], vix=np.where(day >= 0, closes[np.maximum(day, 0)], np.nan))
