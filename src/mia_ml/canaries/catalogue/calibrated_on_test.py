"""Probabilities are calibrated on the outcomes that they are then judged by.

The classifier never saw the test window, its calibrator did: reliability is perfect by construction, and a pass mark on
such probabilities picks the winners.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History
from mia_ml.labels.records import usable

BINS = 5


def leaking(history: History) -> Claims:
    return _calibrated(history, usable(history.labels) & (history.labels["signal_ns"] > history.opening_ns))


def clean(history: History) -> Claims:
    return _calibrated(history, history.learnable(history.opening_ns))


def _calibrated(history: History, on: np.ndarray) -> Claims:
    """The win rate of the bin that each test event's score falls into."""
    score, won = history.decisions["vwap_trend_globex"], history.labels["net_r"] > 0
    edges = np.quantile(score[on], np.linspace(0, 1, BINS + 1)[1:-1])
    place = np.searchsorted(edges, score)
    rate = np.bincount(place[on], won[on], BINS) / np.bincount(place[on], minlength=BINS)
    tested = history.decisions["ts"] > history.opening_ns
    return claims.values(history.decisions["ts"][tested], probability=rate[place[tested]])
