"""A model learns from labels that end after the test window has opened.

A split by the time of the row, where the label looks hours ahead: the last training labels have read the first test
prices. Lopez de Prado's purging (2018, chapter 7) exists for this.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History
from mia_ml.labels.records import usable


def leaking(history: History) -> Claims:
    return _learnt(history, usable(history.labels) & (history.labels["signal_ns"] < history.opening_ns))


def clean(history: History) -> Claims:
    return _learnt(history, history.learnable(history.opening_ns))


def _learnt(history: History, on: np.ndarray) -> Claims:
    """A slope of outcome on trend, for the test window."""
    x, y = history.decisions["vwap_trend_globex"][on], history.labels["net_r"][on]
    return claims.values(history.opening_ns, slope=(x * y).sum() / (x * x).sum())
