"""Labels are purged by a horizon that they do not keep to.

The purge is there, with the five minutes of the bar for every label's life; the labels wait for a barrier, an hour and
more. Whoever reads the code sees a purge.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History
from mia_ml.core.moments import MINUTE
from mia_ml.labels.records import usable

HORIZON_NS = 5 * MINUTE


def leaking(history: History) -> Claims:
    ended = history.labels["signal_ns"] + HORIZON_NS < history.opening_ns
    return _learnt(history, usable(history.labels) & ended)


def clean(history: History) -> Claims:
    return _learnt(history, history.learnable(history.opening_ns))


def _learnt(history: History, on: np.ndarray) -> Claims:
    return claims.values(history.opening_ns, usual_outcome=history.labels["net_r"][on].mean())
