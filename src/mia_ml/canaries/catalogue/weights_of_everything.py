"""Sample weights are computed once, over training and test events together.

Uniqueness, recency and the scale that brings the mean to 1 all depend on the other events. Weights are seen as plumbing
and computed before the split.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History
from mia_ml.labels.records import usable
from mia_ml.labels.weights import Weighting, sample_weights

WEIGHTING = Weighting(returns=True)


def leaking(history: History) -> Claims:
    return _weighted(history, usable(history.labels))


def clean(history: History) -> Claims:
    return _weighted(history, history.learnable(history.opening_ns))


def _weighted(history: History, among: np.ndarray) -> Claims:
    """The weight of each training event among others, at the opening of the test window."""
    events = history.labels[among]
    weight = sample_weights(WEIGHTING, events["signal_ns"], events["end_ns"], events["net_r"])
    trained = history.learnable(history.opening_ns)[among]
    return claims.values(np.full(int(trained.sum()), history.opening_ns), weight=weight[trained])
