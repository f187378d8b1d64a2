"""The threshold is tuned on the window whose result is then reported.

One parameter, a few hundred values, and the best of them is called the strategy. The optimum of noise is always above
zero, and it is reported as out of sample because the model, at least, was not fitted there.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History
from mia_ml.labels.records import usable

QUANTILES = np.linspace(0.05, 0.95, 91)


def leaking(history: History) -> Claims:
    return _tuned(history, usable(history.labels) & (history.labels["signal_ns"] > history.opening_ns))


def clean(history: History) -> Claims:
    return _tuned(history, history.learnable(history.opening_ns))


def _tuned(history: History, on: np.ndarray) -> Claims:
    """The threshold with the best sum of outcomes above it."""
    score, net_r = history.decisions["vwap_trend_globex"][on], history.labels["net_r"][on]
    if not score.size:
        return Claims()
    grid = np.quantile(score, QUANTILES)
    earned = [net_r[score > threshold].sum() for threshold in grid]
    return claims.values(history.opening_ns, threshold=grid[int(np.argmax(earned))])
