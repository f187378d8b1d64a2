"""Small data sets with what is hard about them, and members fitted to them."""

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from mia_ml.models.combine import Combination
from mia_ml.models.export import export
from mia_ml.models.fitted import Fitted, Isotonic, Sigmoid

NAMES = ("a", "b", "c", "d", "side", "exceedance")


def names(k):
    return tuple(f"input_{i}" for i in range(k))


def world(seed=0, n=300, k=6, missing=0.2, whole=False, integers=False):
    """X float64 [n, k] and y; `whole`: the first column is wholly missing."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, k)) * 2
    X = np.rint(X) if integers else X
    y = (np.sin(X).sum(axis=1) + rng.normal(size=n) > 0).astype(np.int64)
    X[rng.random(X.shape) < missing] = np.nan
    if whole:
        X[:, 0] = np.nan
    y[:2] = 0, 1
    return X, y


def forest(X, y, **params):
    return RandomForestClassifier(**{"n_estimators": 11, "max_depth": 4, "random_state": 0, "n_jobs": 1} | params).fit(
        X, y
    )


def boosted(X, y, **params):
    defaults = {"n_estimators": 11, "max_depth": 3, "random_state": 0, "n_jobs": 1, "objective": "binary:logistic"}
    return XGBClassifier(**defaults | params).fit(X, y)


def logistic(X, y, **imputer):
    steps = SimpleImputer(**{"strategy": "median", "keep_empty_features": True} | imputer)
    return make_pipeline(steps, StandardScaler(), LogisticRegression()).fit(X, y)


def members(seed=0):
    """One of each kind and each calibrator, on a world of NAMES."""
    X, y = world(seed, k=len(NAMES))
    knots = Isotonic(np.array([0.2, 0.35, 0.5, 0.9]), np.array([0.1, 0.4, 0.4, 0.95]))
    return [
        Fitted("forest", NAMES, forest(X, y), knots),
        Fitted("boosted", NAMES, boosted(X, y), Sigmoid(-5.0, 2.0)),
        Fitted("logistic", NAMES, logistic(X, y), None),
    ]


AVERAGE = Combination("average", (0.5, 0.3, 0.2))
STACKED = Combination("stacked", (0.8, 0.4, -0.1), 0.05)


def alone(kind, estimator, k=None):
    """The ensemble of one member without a calibrator."""
    return export([Fitted(kind, names(k or estimator.n_features_in_), estimator, None)], Combination("average", (1.0,)))
