"""A category is replaced by the mean outcome of its rows, the row's own and later ones included.

Target encoding of hour, weekday or symbol over the full sample. Small categories become the label itself; the leak
survives any split that follows.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History
from mia_ml.labels.records import usable


def leaking(history: History) -> Claims:
    return _encoded(history, usable(history.labels))


def clean(history: History) -> Claims:
    """Learnt before the test window opens, used behind it."""
    return _encoded(history, history.learnable(history.opening_ns))


def _encoded(history: History, on: np.ndarray) -> Claims:
    hour = (history.decisions["minute_of_day"] // 60).astype(np.int64)
    total = np.bincount(hour[on], history.labels["net_r"][on], 24)
    mean = total / np.maximum(np.bincount(hour[on], minlength=24), 1)
    tested = history.decisions["ts"] > history.opening_ns
    return claims.values(history.decisions["ts"][tested], usual_outcome=mean[hour[tested]])
