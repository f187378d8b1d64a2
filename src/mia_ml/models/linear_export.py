"""The terms of a scikit-learn pipeline: imputer, scaler, logistic regression; the first two may be left out."""

from typing import Any

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from mia_ml.core.errors import ConfigError

_ORDER = (SimpleImputer, StandardScaler, LogisticRegression)


def arrays(estimator: Any, columns: np.ndarray) -> dict[str, Any]:
    """columns: position in the ensemble's inputs of each column the pipeline was fitted on."""
    imputer, scaler, classifier = _steps(estimator)
    source = np.arange(columns.size)
    fill = np.zeros(columns.size)
    indicator = np.zeros(columns.size, np.int64)
    if imputer is not None:
        fill = imputer.statistics_.astype(np.float64)
        source = source[~np.isnan(fill)]  # a column wholly missing in training is left out, unless it is kept as 0
        fill, indicator = fill[source], indicator[source]
        if imputer.indicator_ is not None:
            told = imputer.indicator_.features_
            source = np.concatenate([source, told])
            fill = np.concatenate([fill, np.zeros(told.size)])
            indicator = np.concatenate([indicator, np.ones(told.size, np.int64)])
    n = source.size
    return {
        "term_input": columns[source],
        "term_indicator": indicator,
        "term_fill": fill,
        "term_centre": scaler.mean_ if scaler is not None and scaler.with_mean else np.zeros(n),
        "term_scale": scaler.scale_ if scaler is not None and scaler.with_std else np.ones(n),
        "term_coefficient": classifier.coef_[0],
        "member_bias": classifier.intercept_[0],
    }


def _steps(estimator: Any) -> tuple[Any, Any, Any]:
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    found = {type(step): step for step in steps}
    if [kind for kind in _ORDER if kind in found] != [type(step) for step in steps] or LogisticRegression not in found:
        listed = ", ".join(type(step).__name__ for step in steps)
        raise ConfigError(
            f"the logistic member is a pipeline of {listed}: the kernel carries SimpleImputer, StandardScaler, "
            "LogisticRegression"
        )
    imputer = found.get(SimpleImputer)
    if imputer is not None and not np.isnan(imputer.missing_values):
        raise ConfigError(f"the imputer replaces {imputer.missing_values}: the kernel takes NaN as missing")
    return imputer, found.get(StandardScaler), found[LogisticRegression]
