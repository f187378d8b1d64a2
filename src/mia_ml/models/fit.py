"""One member of the ensemble, fitted by its library on one thread.

    forest     scikit-learn's random forest; NaN goes its own way at a split
    boosted    XGBoost on histograms, binary:logistic; NaN likewise
    logistic   median imputation, standard scaling, L2 logistic regression; all three learn from the same rows

Equal input and seed give equal bits, whatever the number of cores. A missing reading is told to the two tree members
as such; the logistic member sees the median, without an indicator column, so its export is one coefficient per input.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import ThreadpoolController
from xgboost import XGBClassifier

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.models.ensemble import DEEPEST, LARGEST
from mia_ml.models.fitted import Fitted

KINDS: tuple[Literal["forest", "boosted", "logistic"], ...] = ("forest", "boosted", "logistic")
"""The members' order."""


@dataclass(frozen=True)
class Forest:
    """min_leaf: events in a leaf. features: tried at each split."""

    trees: int = 300
    depth: int = 8
    min_leaf: int = 5
    features: Literal["sqrt", "log2", "all"] = "sqrt"

    def __post_init__(self) -> None:
        _refuse(self, "trees", self.trees >= 1, "at least 1")
        _refuse(self, "depth", 1 <= self.depth <= DEEPEST, f"1 to {DEEPEST}: the kernel carries no deeper tree")
        _refuse(self, "min_leaf", self.min_leaf >= 1, "at least 1")
        _refuse(self, "features", self.features in ("sqrt", "log2", "all"), "sqrt, log2 or all")


@dataclass(frozen=True)
class Boosted:
    """min_child_weight: sum of p (1 - p) times weight in a leaf. subsample, column_sample: shares drawn for a tree."""

    trees: int = 300
    depth: int = 5
    learning_rate: float = 0.03
    min_child_weight: float = 5.0
    subsample: float = 0.8
    column_sample: float = 0.8
    l2: float = 1.0

    def __post_init__(self) -> None:
        _refuse(self, "trees", self.trees >= 1, "at least 1")
        _refuse(self, "depth", 1 <= self.depth <= DEEPEST, f"1 to {DEEPEST}: the kernel carries no deeper tree")
        _refuse(self, "learning_rate", 0 < self.learning_rate <= 1, "above 0, at most 1")
        _refuse(self, "min_child_weight", 0 <= self.min_child_weight <= LARGEST, "finite, at least 0")
        _refuse(self, "subsample", 0 < self.subsample <= 1, "above 0, at most 1")
        _refuse(self, "column_sample", 0 < self.column_sample <= 1, "above 0, at most 1")
        _refuse(self, "l2", 0 <= self.l2 <= LARGEST, "finite, at least 0")


@dataclass(frozen=True)
class Logistic:
    """c: inverse strength of the L2 penalty."""

    c: float = 1.0

    def __post_init__(self) -> None:
        _refuse(self, "c", 0 < self.c <= LARGEST, "finite, above 0")


Params = Forest | Boosted | Logistic


def _refuse(params: Params, name: str, holds: bool, wanted: str) -> None:
    if not holds:
        raise ConfigError(f"{type(params).__name__.lower()}.{name} is {getattr(params, name)}: it must be {wanted}")


def kind_of(params: Params) -> Literal["forest", "boosted", "logistic"]:
    """Which member these parameters are for."""
    return KINDS[(Forest, Boosted, Logistic).index(type(params))]


def fit(
    params: Params,
    inputs: tuple[str, ...],
    X: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
    seed: int,
    class_weight: Literal["balanced"] | None = None,
) -> Fitted:
    """Fit one member, without a calibrator.

    inputs: names of X's columns. X: float64 [n, k], finite or NaN. y: int [n], 0 or 1. weights: float64 [n], such as
    average uniqueness, so that they add up to the number of independent events: penalties and leaf limits are measured
    against that sum. class_weight: balanced makes both classes weigh the same and keeps the sum.

    Raises DataError: shapes that disagree, an infinite or over-large value, an impossible weight, one class only.
    """
    check(inputs, X, y, weights)
    member = _seeded(seed, KINDS.index(kind_of(params)))
    weights = balanced(y, weights) if class_weight == "balanced" else weights
    estimator = _estimator(params, member)
    step = {"classify__sample_weight": weights} if isinstance(params, Logistic) else {"sample_weight": weights}
    with one_thread():
        estimator.fit(X, y, **step)
    return Fitted(kind_of(params), tuple(inputs), estimator, None)


def probability(fitted: Fitted, X: np.ndarray) -> np.ndarray:
    """The estimator's own P(y = 1), float64 [n], before its calibrator. X: float64 [n, k], columns as fitted.inputs."""
    if not len(X):
        return np.zeros(0)
    with one_thread():
        return fitted.estimator.predict_proba(X)[:, 1].astype(np.float64)


def check(inputs: tuple[str, ...], X: np.ndarray, y: np.ndarray, weights: np.ndarray) -> None:
    """Refuse what no member could be fitted to; arguments and errors as in `fit`."""
    n = len(y)
    if X.shape != (n, len(inputs)) or weights.shape != (n,):
        raise DataError(
            f"X is {X.shape}, y {y.shape}, weights {weights.shape}, with {len(inputs)} names: give a row, a label and "
            "a weight for each event and a name for each column"
        )
    if len(set(inputs)) != len(inputs):
        twice = next(name for name in inputs if inputs.count(name) > 1)
        raise DataError(f"column '{twice}' is named twice: give each column its own name")
    if n == 0 or not len(inputs):
        raise DataError(f"{n} events with {len(inputs)} columns: a model needs both")
    beyond = np.argwhere(np.abs(X) > LARGEST)
    if beyond.size:
        row, column = beyond[0]
        raise DataError(
            f"column '{inputs[column]}' is {X[row, column]} at event {row}: values are finite in float32, "
            "or NaN where absent"
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        row = int(np.argmin(np.isfinite(weights) & (weights >= 0)))
        raise DataError(f"the weight of event {row} is {weights[row]}: weights are finite and at least 0")
    ones, zeros = float(weights[y == 1].sum()), float(weights[y == 0].sum())
    if np.setdiff1d(y, (0, 1)).size:
        raise DataError(f"labels include {np.setdiff1d(y, (0, 1))[0]}: they are 0 (lost) or 1 (won)")
    if not ones or not zeros:
        raise DataError(
            f"{int((y == 1).sum())} winning and {int((y == 0).sum())} losing events, of weight {ones:.6g} and "
            f"{zeros:.6g}: a model needs both classes; widen the training window"
        )


def balanced(y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weights with which both classes weigh the same, their sum as before.

    >>> balanced(np.array([0, 0, 0, 1]), np.ones(4)).round(3)
    array([0.667, 0.667, 0.667, 2.   ])
    """
    won = y == 1
    half = weights.sum() / 2
    return weights * np.where(won, half / weights[won].sum(), half / weights[~won].sum())


_lock = threading.Lock()
_inside = 0
_limit: Any = None


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold BLAS to one thread, as its sums depend on them. The setting is the process's: the last out undoes it."""
    global _inside, _limit
    with _lock:
        if _inside == 0:
            _limit = ThreadpoolController().limit(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _limit.restore_original_limits()
                _limit = None


def _seeded(seed: int, member: int) -> int:
    """A member's own seed, whichever others are trained beside it."""
    return int(np.random.SeedSequence([seed, member]).generate_state(1)[0] >> 1)


def _estimator(params: Params, seed: int) -> Any:
    if isinstance(params, Forest):
        return RandomForestClassifier(
            n_estimators=params.trees,
            max_depth=params.depth,
            min_samples_leaf=params.min_leaf,
            max_features=None if params.features == "all" else params.features,
            random_state=seed,
            n_jobs=1,
        )
    if isinstance(params, Boosted):
        return XGBClassifier(
            n_estimators=params.trees,
            max_depth=params.depth,
            learning_rate=params.learning_rate,
            min_child_weight=params.min_child_weight,
            subsample=params.subsample,
            colsample_bytree=params.column_sample,
            reg_lambda=params.l2,
            objective="binary:logistic",
            tree_method="hist",
            random_state=seed,
            n_jobs=1,
        )
    return Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("classify", LogisticRegression(C=params.c, solver="newton-cholesky", max_iter=1000)),
        ]
    )
