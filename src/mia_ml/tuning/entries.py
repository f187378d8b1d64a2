"""Trials as Optuna stores them: one finished entry each, with everything of ours in its user attributes as JSON."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from mia_ml.tuning.records import State, Trial

OPTUNAS: dict[State, TrialState] = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
OURS = {state: name for name, state in OPTUNAS.items()}


def entry(trial: Trial, distributions: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """What is stored of a trial. Its intermediate values are the means of the first objective up to each fold."""
    first = np.array([fold[0] for fold in trial.per_fold])
    running = np.cumsum(first) / np.arange(1, first.size + 1)
    return optuna.trial.create_trial(
        state=OPTUNAS[trial.state],
        values=list(trial.values) or None,
        params=trial.params,
        distributions=dict(distributions),
        intermediate_values={fold: float(mean) for fold, mean in enumerate(running)},
        user_attrs={
            "number": trial.number,
            "batch": trial.batch,
            "per_fold": [list(fold) for fold in trial.per_fold],
            "statistics": [{key: _json(value) for key, value in fold.items()} for fold in trial.statistics],
            "error": trial.error,
        },
    )


def trial_of(stored: FrozenTrial) -> Trial | None:
    """The trial of an entry; None when somebody else put it there."""
    attributes = stored.user_attrs
    if "number" not in attributes or stored.state not in OURS:
        return None
    return Trial(
        number=attributes["number"],
        batch=attributes["batch"],
        state=OURS[stored.state],
        params=dict(stored.params),
        values=tuple(stored.values or ()),
        per_fold=tuple(tuple(fold) for fold in attributes["per_fold"]),
        statistics=tuple({key: float(value) for key, value in fold.items()} for fold in attributes["statistics"]),
        error=attributes["error"],
    )


def _json(value: Any) -> float | str:
    """JSON knows neither NaN nor infinities."""
    return float(value) if math.isfinite(value) else str(float(value))
