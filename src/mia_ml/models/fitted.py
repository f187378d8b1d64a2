"""What training gives: the library's estimator and a calibrator that is plain numbers.

A calibrator maps the estimator's own probability p to a calibrated one:

    isotonic   linear between the knots (x_i, y_i), constant beyond them
    sigmoid    1 / (1 + exp(slope p + intercept)), Platt (1999)
    none       p itself
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class Isotonic:
    """x: increasing float64 [knots]. y: non-decreasing float64 of the same length, in [0, 1]."""

    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Sigmoid:
    slope: float
    intercept: float


@dataclass(frozen=True)
class Fitted:
    """One trained member of an ensemble.

    estimator: RandomForestClassifier, XGBClassifier, or a Pipeline of SimpleImputer, StandardScaler and
    LogisticRegression. inputs: its columns in order. calibrator: None leaves the probability as it is.
    """

    kind: Literal["forest", "boosted", "logistic"]
    inputs: tuple[str, ...]
    estimator: Any
    calibrator: Isotonic | Sigmoid | None
