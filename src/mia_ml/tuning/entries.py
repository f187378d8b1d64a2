"""Trials as Optuna stores them: one finished entry each, with what Optuna has no place for as JSON beside it."""

import math
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from mia_ml.tuning.records import State, Trial

OPTUNAS: dict[State, TrialState] = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
OWN = "mia"
OURS = {state: name for name, state in OPTUNAS.items()}


def entry(trial: Trial, distributions: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """What is stored of a trial: all of ours in one attribute, for a database asks three questions about each."""
    return optuna.trial.create_trial(
        state=OPTUNAS[trial.state],
        values=list(trial.values) or None,
        params=trial.params,
        distributions=dict(distributions),
        user_attrs={
            OWN: {
                "number": trial.number,
                "batch": trial.batch,
                "per_fold": [list(fold) for fold in trial.per_fold],
                "statistics": [{key: _json(value) for key, value in fold.items()} for fold in trial.statistics],
                "error": trial.error,
            }
        },
    )


def trial_of(stored: FrozenTrial) -> Trial | None:
    """The trial of an entry; None when somebody else put it there."""
    own = stored.user_attrs.get(OWN)
    if own is None or stored.state not in OURS:
        return None
    return Trial(
        number=own["number"],
        batch=own["batch"],
        state=OURS[stored.state],
        params=dict(stored.params),
        values=tuple(stored.values or ()),
        per_fold=tuple(tuple(fold) for fold in own["per_fold"]),
        statistics=tuple({key: float(value) for key, value in fold.items()} for fold in own["statistics"]),
        error=own["error"],
    )


def _json(value: Any) -> float | str:
    """JSON knows neither NaN nor infinities."""
    return float(value) if math.isfinite(value) else str(float(value))
