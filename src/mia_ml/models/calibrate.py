"""A member's own probability made honest, on events its estimator has not seen.

    isotonic   the closest non-decreasing map (scikit-learn's), linear between knots, constant beyond them
    sigmoid    1 / (1 + exp(slope p + intercept)), Platt (1999), fitted towards his targets (N+ + 1) / (N+ + 2) and
               1 / (N- + 2), N the classes' weights: never a certain 0 or 1
    none       p itself

The events held back are the last ones in time, and no fitting event's life [t0, t1] reaches into them.

A step between two close knots would turn a last-bit difference of two implementations into another decision, so p is
rounded to 1 / GRID before the isotonic fit: no map is steeper than GRID. Its values stay within [1 / (N + 2),
(N + 1) / (N + 2)]: N events cannot tell more.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.models.fitted import Isotonic, Sigmoid

GRID = 1024

FLAT = 1e-6
"""Probabilities whose standard deviation is below this differ by float32 rounding, which tells nothing."""

Kind = Literal["isotonic", "sigmoid", "none"]
KINDS: tuple[Kind, ...] = ("isotonic", "sigmoid", "none")

REMEDY = "widen the training window, hold back a larger share, or set calibration to none"


@dataclass(frozen=True)
class Parts:
    """Row indices int64, in time order. purged: rows whose life reaches from the fitting part into the one held back.

    cut_ns: first decision held back; every fitting event has ended before it.
    """

    fitting: np.ndarray
    held_back: np.ndarray
    purged: np.ndarray
    cut_ns: int


def hold_back(t0_ns: np.ndarray, t1_ns: np.ndarray, share: float) -> Parts:
    """Hold back the last `share` of the decision times; rows decided at the same time stay together.

    t0_ns, t1_ns: int64 [n], the lives, in any order. Every row is in exactly one part.

    >>> parts = hold_back(np.array([10, 20, 30, 40]), np.array([15, 99, 31, 41]), 0.5)
    >>> parts.fitting, parts.held_back, parts.purged, parts.cut_ns
    (array([0]), array([2, 3]), array([1]), 30)
    """
    if not 0 < share < 1:
        raise ConfigError(f"share held back is {share}: it must be above 0 and below 1")
    if t0_ns.shape != t1_ns.shape or not t0_ns.size or (t1_ns < t0_ns).any():
        raise DataError(
            f"lives of {t0_ns.size} starts and {t1_ns.size} ends: give events that end when or after they start"
        )
    moments = np.unique(t0_ns)
    if moments.size < 2:
        raise DataError(
            f"{t0_ns.size} events share one decision time: nothing can be held back; widen the training window"
        )
    n_back = min(max(int(np.ceil(share * moments.size)), 1), moments.size - 1)
    cut = moments[-n_back]
    order = np.lexsort((t1_ns, t0_ns))
    before = t0_ns[order] < cut
    ended = t1_ns[order] < cut
    return Parts(order[before & ended], order[~before], order[before & ~ended], int(cut))


def fit(
    kind: Kind, p: np.ndarray, y: np.ndarray, weights: np.ndarray, t0_ns: np.ndarray, min_events: int
) -> Isotonic | Sigmoid | None:
    """Fit the map from p to the share of events won; None for kind none.

    p: float64 [n], the estimator's probabilities of events it was not fitted to. y: int [n], 0 or 1. weights: float64
    [n]. t0_ns: int64 [n], decision times: rows decided at the same time are one event.

    Raises DataError: fewer than min_events events, or one class only.
    """
    if kind == "none":
        return None
    if kind not in KINDS:
        raise ConfigError(f"calibration '{kind}': it must be isotonic, sigmoid or none")
    refuse_too_few(f"{kind} calibration", y, weights, t0_ns, min_events)
    return _isotonic(p, y, weights) if kind == "isotonic" else _sigmoid(p, y, weights)


def refuse_too_few(what: str, y: np.ndarray, weights: np.ndarray, t0_ns: np.ndarray, min_events: int) -> None:
    """DataError unless these rows hold enough events, of both classes."""
    events = np.unique(t0_ns[weights > 0]).size
    won, lost = int(((y == 1) & (weights > 0)).sum()), int(((y == 0) & (weights > 0)).sum())
    if events < min_events or not won or not lost:
        raise DataError(
            f"{what} has {events} events held back ({won} rows won, {lost} lost) and needs {min_events} "
            f"with both: {REMEDY}"
        )


def apply(calibrator: Isotonic | Sigmoid | None, p: np.ndarray) -> np.ndarray:
    """Calibrated probabilities, float64 [n].

    >>> apply(Isotonic(np.array([0.2, 0.4]), np.array([0.1, 0.5])), np.array([0.0, 0.3, 1.0])).round(12)
    array([0.1, 0.3, 0.5])
    """
    if calibrator is None:
        return p
    if isinstance(calibrator, Isotonic):
        return np.interp(p, calibrator.x, calibrator.y)
    return expit(-(calibrator.slope * p + calibrator.intercept))


def _isotonic(p: np.ndarray, y: np.ndarray, weights: np.ndarray) -> Isotonic:
    least = 1.0 / (weights.sum() + 2.0)
    model = IsotonicRegression(y_min=least, y_max=1.0 - least, out_of_bounds="clip")
    model.fit(np.rint(p * GRID) / GRID, y, sample_weight=weights)
    return Isotonic(model.X_thresholds_.astype(np.float64), model.y_thresholds_.astype(np.float64))


def _sigmoid(p: np.ndarray, y: np.ndarray, weights: np.ndarray) -> Sigmoid:
    """Platt's soft targets as two rows an event, the one won and the other lost, of the target's and the rest's weight.

    p is standardised before: the estimator's probabilities differ by hundredths.
    """
    won, lost = weights[y == 1].sum(), weights[y == 0].sum()
    target = np.where(y == 1, (won + 1) / (won + 2), 1 / (lost + 2))
    mean, spread = p.mean(), p.std()
    if spread < FLAT:
        share = float((weights * target).sum() / weights.sum())
        return Sigmoid(0.0, float(-np.log(share / (1 - share))))
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", max_iter=1000)
    model.fit(
        np.tile((p - mean) / spread, 2)[:, None],
        np.repeat([1, 0], p.size),
        sample_weight=np.concatenate([weights * target, weights * (1 - target)]),
    )
    slope = -float(model.coef_[0, 0]) / float(spread)
    return Sigmoid(slope, -float(model.intercept_[0]) - slope * float(mean))
