"""Features are chosen, and weighed, by how well they do on all rows, those of the test window included.

The model is then trained and tested by the book. On a thousand columns of noise the selection alone makes a winner:
the example of the wrong way in Hastie, Tibshirani and Friedman (The Elements of Statistical Learning, 7.10.2).
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History
from mia_ml.features import engine
from mia_ml.labels.records import usable

CHOSEN = 5


def leaking(history: History) -> Claims:
    return _selected(history, usable(history.labels))


def clean(history: History) -> Claims:
    return _selected(history, history.learnable(history.opening_ns))


def _selected(history: History, on: np.ndarray) -> Claims:
    """The chosen components on the test rows, each weighed by its covariance with the outcome."""
    matrix = np.nan_to_num(np.stack([history.decisions[name] for name in engine.COMPONENTS]))
    outcome = history.labels["net_r"][on]
    strength = (matrix[:, on] * (outcome - outcome.mean())).sum(axis=1)
    chosen = np.argsort(-np.abs(strength), kind="stable")[:CHOSEN]
    tested = history.decisions["ts"] > history.opening_ns
    combined = (strength[chosen, None] * matrix[chosen][:, tested]).sum(axis=0)
    return claims.values(history.decisions["ts"][tested], combined=combined)
