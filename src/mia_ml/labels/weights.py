"""Sample weights: the product of what is switched on, scaled to mean 1 (Lopez de Prado 2018, sections 4.4 to 4.7).

    uniqueness   u_i, the part of its life that an event has for itself
    returns      |net_r_i|: with uniqueness, the part of its outcome that is the event's own
    recency      linear: in information, not in time. x_i = sum of u_j over the lives that start no later, as a share
                 of all; d_i = oldest + (1 - oldest) x_i, or for oldest < 0 d_i = max(0, 1 - (1 - x_i) / (1 + oldest)),
                 so that the first -oldest of the information weighs nothing
                 exponential: d_i = 2 ** (-age_i / half_life), age from the newest start

A weight depends on the other events: give those of the training fold alone.

>>> t0, t1, net_r = np.array([0, 10, 20]), np.array([5, 15, 25]), np.array([1.0, -2.0, 3.0])
>>> sample_weights(Weighting(), t0, t1, net_r).tolist()    # three lives apart
[1.0, 1.0, 1.0]
>>> sample_weights(Weighting(returns=True), t0, t1, net_r).tolist()    # 1, 2, 3 over their mean 2
[0.5, 1.0, 1.5]
>>> sample_weights(Weighting(recency="linear", oldest=0.0), t0, t1, net_r).tolist()    # x = 1/3, 2/3, 1
[0.5, 1.0, 1.5]
>>> sample_weights(Weighting(recency="linear", oldest=-0.5), t0, t1, net_r).round(6).tolist()    # 0, 1/3, 1
[0.0, 0.75, 2.25]
>>> a_day = 86_400_000_000_000
>>> sample_weights(Weighting(recency="exponential", half_life_days=10), t0 * a_day, t1 * a_day, net_r).round(6).tolist()
[0.428571, 0.857143, 1.714286]
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.core.moments import DAY
from mia_ml.labels.uniqueness import average_uniqueness


@dataclass(frozen=True)
class Weighting:
    """Which weights.

    uniqueness: share the weight of moments among the lives that hold them. returns: weigh by |net_r|.
    recency: 'none', 'linear' down to `oldest` (above -1, at most 1: 1 is no decay), or 'exponential' with a half-life
    of `half_life_days` calendar days.
    """

    uniqueness: bool = True
    returns: bool = False
    recency: Literal["none", "linear", "exponential"] = "none"
    oldest: float = 0.5
    half_life_days: float = 180.0

    def __post_init__(self) -> None:
        if self.recency not in ("none", "linear", "exponential"):
            raise ConfigError(f"weights.recency = '{self.recency}': choose none, linear or exponential")
        if not -1 < self.oldest <= 1:
            raise ConfigError(f"weights.oldest = {self.oldest} must be above -1 and at most 1")
        if not (self.half_life_days > 0 and math.isfinite(self.half_life_days)):
            raise ConfigError(f"weights.half_life_days = {self.half_life_days} must be a number of days above 0")


def sample_weights(weighting: Weighting, t0_ns: np.ndarray, t1_ns: np.ndarray, net_r: np.ndarray) -> np.ndarray:
    """Weights of events with lives [t0, t1] and outcomes net_r, float64 [n] of mean 1, in any order.

    Raises DataError without events, for lives that are none, and when every weight is 0.
    """
    if t0_ns.size == 0:
        raise DataError("weights: no events: give a longer training window or a lower threshold")
    if net_r.size != t0_ns.size:
        raise DataError(f"weights: {t0_ns.size} lives and {net_r.size} outcomes: give one of each an event")
    uniqueness = average_uniqueness(t0_ns, t1_ns)
    weights = uniqueness.copy() if weighting.uniqueness else np.ones(t0_ns.size)
    if weighting.returns:
        weights *= np.abs(net_r)
    if weighting.recency == "linear":
        weights *= _linear(t0_ns, uniqueness, weighting.oldest)
    elif weighting.recency == "exponential":
        weights *= np.exp2((t0_ns - t0_ns.max()) / DAY / weighting.half_life_days)
    mean = float(weights.mean())
    if not (mean > 0 and math.isfinite(mean)):
        raise DataError(
            f"weights: their mean is {mean}: every outcome is 0, not a number, or too old: change weights.returns, "
            "weights.oldest or weights.half_life_days"
        )
    return weights / mean


def _linear(t0_ns: np.ndarray, uniqueness: np.ndarray, oldest: float) -> np.ndarray:
    """Decay in cumulative uniqueness; lives that start together share one factor."""
    starts, at = np.unique(t0_ns, return_inverse=True)
    information = np.cumsum(np.bincount(at, uniqueness, starts.size))
    share = (information / information[-1])[at]
    if oldest >= 0:
        return oldest + (1 - oldest) * share
    return np.maximum(0.0, 1 - (1 - share) / (1 + oldest))
