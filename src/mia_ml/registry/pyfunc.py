"""What MLflow runs when it loads a registered bundle: a script kept with the model, no pickle.

The models' inputs by name in, one column of probabilities for each model and `combined` out. Whether a signal passes
depends on its own barriers and costs as well: that is the scorer's rule, not the model's.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model

from mia_ml.core.errors import DataError
from mia_ml.registry import quiet
from mia_ml.scoring import bundle

COMBINED = "combined"


class Probabilities(quiet.Model):
    """Calibrated probabilities of a net gain."""

    def load_context(self, context: Any) -> None:
        """Read and check the bundle among the model's artifacts. Raises DataError on a damaged one."""
        self.filter = bundle.load(Path(context.artifacts["bundle"])).content.filter()

    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:
        """Probabilities in [0, 1], one row for each row given.

        model_input: a frame of float64 columns, or columns by name as a JSON request has them, null where missing.
        Raises DataError when a column is missing, unknown, out of order or of another type.
        """
        if self.filter is None:
            raise DataError("this bundle is a formula without models: it has no probability to give")
        names, inputs, index = columns_of(model_input)
        found = self.filter.probabilities_of(names, inputs)
        return pd.DataFrame(found, columns=[*self.filter.members, COMBINED], index=index)


def columns_of(given: Any) -> tuple[list[str], np.ndarray, pd.Index]:
    """Names and float64 [n, columns] of a frame or of columns by name, and the rows' index.

    >>> names, inputs, _ = columns_of({"vwap_trend": [0.5, None], "side": [1.0, -1.0]})
    >>> names, inputs.tolist()
    (['vwap_trend', 'side'], [[0.5, 1.0], [nan, -1.0]])
    """
    if isinstance(given, pd.DataFrame):
        values = [given.iloc[:, i].to_numpy() for i in range(given.shape[1])]
        index = given.index
    elif isinstance(given, Mapping) and all(isinstance(column, Sequence | np.ndarray) for column in given.values()):
        values = [np.array([np.nan if value is None else value for value in column]) for column in given.values()]
        index = pd.RangeIndex(max((len(column) for column in values), default=0))
    else:
        raise DataError(f"a {type(given).__name__} has no columns by name: give a DataFrame or lists by column name")
    names = [str(name) for name in given]
    for name, column in zip(names, values, strict=True):
        if column.dtype != np.float64 or column.ndim != 1:
            raise DataError(f"column '{name}' is {column.dtype}: the models take float64 (double), NaN where missing")
        if len(column) != len(index):
            raise DataError(f"column '{name}' has {len(column)} rows of {len(index)}: give each as many")
    return names, np.column_stack(values) if values else np.empty((len(index), 0)), index


set_model(Probabilities())
