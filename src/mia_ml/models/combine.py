"""One probability from the members' calibrated ones, p_1 .. p_m in the members' order.

    average   w_1 p_1 + .. + w_m p_m, added from the left; the weights sum to one
    stacked   1 / (1 + exp(-(intercept + w_1 l_1 + .. + w_m l_m))), added from the left from the intercept on, with
              log-odds l_i = log(p_i / (1 - p_i)) of p_i held within [EDGE, 1 - EDGE]

Weights are given, or learnt from probabilities of events that neither the estimators nor their calibrators have seen.
On the simplex, the grid of step 1 / STEPS is searched whole: the answer owes nothing to a solver's path, and a finer
grid would only follow the noise of a few hundred events.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from mia_ml.core.errors import ConfigError

EDGE = 1e-6
STEPS = 20
SUM_TOLERANCE = 1e-9
ROUNDING = 1e-12
"""Log losses that differ by less are equal."""


@dataclass(frozen=True)
class Combination:
    """weights: one per member, in the members' order. intercept: of the stacked kind, in log-odds; else 0.

    Raises ConfigError: average weights that are negative, not finite, or do not sum to one within SUM_TOLERANCE.

    >>> Combination("average", (0.5, 0.3, 0.3))
    Traceback (most recent call last):
    mia_ml.core.errors.ConfigError: ensemble weights 0.5, 0.3, 0.3 sum to 1.1: make them sum to 1 (divided by their \
sum they are 0.454545, 0.272727, 0.272727)
    """

    kind: Literal["average", "stacked"]
    weights: tuple[float, ...]
    intercept: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ("average", "stacked"):
            raise ConfigError(f"combination kind '{self.kind}': it must be average or stacked")
        listed = ", ".join(f"{weight:.6g}" for weight in self.weights)
        if not self.weights or not all(map(math.isfinite, (*self.weights, self.intercept))):
            raise ConfigError(f"ensemble weights '{listed}', intercept {self.intercept}: give each member a finite one")
        if self.kind == "stacked":
            return
        if min(self.weights) < 0 or self.intercept:
            raise ConfigError(
                f"ensemble weights {listed}, intercept {self.intercept:.6g}: an average has none below 0 and no "
                "intercept"
            )
        total = math.fsum(self.weights)
        if abs(total - 1) > SUM_TOLERANCE:
            shares = ", ".join(f"{weight / total:.6g}" for weight in self.weights) if total else "impossible"
            raise ConfigError(
                f"ensemble weights {listed} sum to {total:.6g}: make them sum to 1 (divided by their sum they are "
                f"{shares})"
            )


def apply(combination: Combination, p: np.ndarray) -> np.ndarray:
    """The ensemble's probability. p: float64 [n, members], calibrated. Returns float64 [n].

    >>> apply(Combination("average", (0.5, 0.3, 0.2)), np.array([[0.2, 0.4, 0.6]])).round(12)
    array([0.34])
    """
    values = p if combination.kind == "average" else log_odds(p)
    total = np.full(p.shape[0], combination.intercept)
    for member, weight in enumerate(combination.weights):
        total += weight * values[:, member]
    return total if combination.kind == "average" else expit(total)


def log_odds(p: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)) of p held within [EDGE, 1 - EDGE]."""
    held = np.clip(p, EDGE, 1.0 - EDGE)
    return np.log(held / (1.0 - held))


def log_loss(y: np.ndarray, p: np.ndarray, weights: np.ndarray) -> float:
    """Mean of -log of the probability given to what happened, in nats; p is held within [EDGE, 1 - EDGE].

    >>> log_loss(np.array([1, 0]), np.array([0.5, 0.5]), np.ones(2)) == math.log(2)
    True
    """
    held = np.clip(np.where(y > 0, p, 1.0 - p), EDGE, 1.0 - EDGE)
    return float((weights * -np.log(held)).sum() / weights.sum())


def tuned(y: np.ndarray, p: np.ndarray, weights: np.ndarray) -> Combination:
    """The point of the simplex grid with the lowest weighted log loss; of equal ones the first in the members' order.

    y: int [n], 0 or 1. p: float64 [n, members]. weights: float64 [n], of the events.
    """
    best, lowest = None, math.inf
    for parts in itertools.product(range(STEPS, -1, -1), repeat=p.shape[1] - 1):
        if sum(parts) > STEPS:
            continue
        candidate = Combination("average", tuple(part / STEPS for part in (*parts, STEPS - sum(parts))))
        loss = log_loss(y, apply(candidate, p), weights)
        if loss < lowest - ROUNDING:
            best, lowest = candidate, loss
    assert best is not None  # the grid is never empty and a held log loss always finite
    return best


def stacked(y: np.ndarray, p: np.ndarray, weights: np.ndarray) -> Combination:
    """Logistic regression on the members' log-odds, L2 with C = 1 (Wolpert 1992, Stacked generalization).

    Shapes as in `tuned`.
    """
    model = LogisticRegression(C=1.0, solver="newton-cholesky", max_iter=1000)
    model.fit(log_odds(p), y, sample_weight=weights)
    return Combination("stacked", tuple(map(float, model.coef_[0])), float(model.intercept_[0]))
