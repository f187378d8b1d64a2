"""The peer that most would deploy: the library's estimators behind an MLflow pyfunc, scored by `predict`.

Pickled, since the libraries' estimators have no other form; MLflow loads this module as the model's own.
"""

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mia_ml.models import calibrate, combine
from mia_ml.models.combine import Combination
from mia_ml.models.fitted import Fitted


class Libraries:
    def __init__(self, members: list[Fitted], combination: Combination) -> None:
        self.members, self.combination = members, combination

    def predict(self, model_input: pd.DataFrame) -> np.ndarray:
        return probability(self.members, self.combination, model_input.to_numpy())


def probability(members: list[Fitted], combination: Combination, X: np.ndarray) -> np.ndarray:
    """The ensemble's probability by the libraries alone, float64 [n]."""
    calibrated = [calibrate.apply(member.calibrator, member.estimator.predict_proba(X)[:, 1]) for member in members]
    return combine.apply(combination, np.column_stack(calibrated))


def _load_pyfunc(path: str) -> Libraries:
    return pickle.loads(Path(path).read_bytes())


def loaded(members: list[Fitted], combination: Combination, folder: Path) -> Any:
    """The pyfunc, saved into a folder and loaded from it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of its own type hints
        import mlflow

        data = folder / "libraries.pickle"
        data.write_bytes(pickle.dumps(Libraries(members, combination)))
        saved = str(folder / "model")
        mlflow.pyfunc.save_model(saved, loader_module=__name__, data_path=str(data), pip_requirements=[])
        return mlflow.pyfunc.load_model(saved)


def one_row_frames(rows: np.ndarray, names: tuple[str, ...]) -> list[pd.DataFrame]:
    return [pd.DataFrame(row[None], columns=list(names)) for row in rows]
