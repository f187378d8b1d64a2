"""What a study shows: its trials as a table, which params mattered, and Optuna's own figures."""

import dataclasses
import functools
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.study import StudyDirection

from mia_ml.tuning.entries import entry
from mia_ml.tuning.records import Trial
from mia_ml.tuning.space import Space

DPI = 110
WIDTH_IN, HEIGHT_IN, ROW_IN = 9.0, 4.5, 0.3
LEAST_TRIALS = 2  # complete ones, for importances

Axes = Any  # matplotlib's, typed loosely as it is


def table(trials: Sequence[Trial], space: Space, objectives: Sequence[str]) -> dict[str, list[Any]]:
    """Columns of one length: number, batch, state, each param, each objective, n_trades of all folds, each objective
    by fold as `fold_0.expectancy_r`, error. None where a trial has no such figure.
    """
    folds = max((len(trial.per_fold) for trial in trials), default=0)
    columns: dict[str, list[Any]] = {
        "number": [trial.number for trial in trials],
        "batch": [trial.batch for trial in trials],
        "state": [trial.state for trial in trials],
    }
    for name in space.distributions():
        columns[name] = [trial.params[name] for trial in trials]
    for k, name in enumerate(objectives):
        columns[name] = [trial.values[k] if trial.values else None for trial in trials]
    columns["n_trades"] = [_trades(trial) for trial in trials]
    for fold in range(folds):
        for k, name in enumerate(objectives):
            columns[f"fold_{fold}.{name}"] = [t.per_fold[fold][k] if fold < len(t.per_fold) else None for t in trials]
    columns["error"] = [trial.error for trial in trials]
    return columns


def pareto(trials: Sequence[Trial]) -> list[Trial]:
    """The complete trials that no other beats in one objective without losing in another, in order."""
    complete = [trial for trial in trials if trial.state == "complete"]
    values = np.array([trial.values for trial in complete])
    return [
        trial
        for trial, own in zip(complete, values, strict=True)
        if not ((values >= own).all(axis=1) & (values > own).any(axis=1)).any()
    ]


def importances(trials: Sequence[Trial], space: Space, objective: int = 0) -> dict[str, float]:
    """How much each param decides whether a trial is among the better ones, as shares, largest first.

    PED-ANOVA (Watanabe et al. 2023); empty with fewer than two complete trials. On the simplex a weight moves all
    others, so theirs show a part of its importance.
    """
    if sum(trial.state == "complete" for trial in trials) < LEAST_TRIALS:
        return {}
    found = optuna.importance.get_param_importances(_study(trials, space, [objective]))
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def figures(folder: Path, trials: Sequence[Trial], space: Space, objectives: Sequence[str]) -> list[Path]:
    """Optuna's figures as PNG files: history and importances of each objective, the Pareto front of two or three.

    Returns what was written; nothing with fewer than two complete trials.
    """
    if sum(trial.state == "complete" for trial in trials) < LEAST_TRIALS:
        return []
    from optuna.visualization import matplotlib as draw

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for k, name in enumerate(objectives):
        study = _study(trials, space, [k])  # importances of one of several are of its LOW values
        history, shares = folder / f"history_{name}.png", folder / f"importances_{name}.png"
        _save(history, HEIGHT_IN, functools.partial(draw.plot_optimization_history, study, target_name=name))
        height_in = 1.5 + ROW_IN * len(space.distributions())
        _save(shares, height_in, functools.partial(draw.plot_param_importances, study, target_name=name))
        written += [history, shares]
    if len(objectives) in (2, 3):
        study = _study(trials, space, list(range(len(objectives))))
        front = folder / "pareto_front.png"
        _save(front, HEIGHT_IN, functools.partial(draw.plot_pareto_front, study, target_names=list(objectives)))
        written.append(front)
    return written


def _save(path: Path, height_in: float, draw: Callable[[], Axes]) -> None:
    """Optuna draws with pyplot and changes its style; neither figure nor style is left behind."""
    import matplotlib
    from matplotlib import pyplot

    matplotlib.use("Agg")  # to files, whatever the machine has
    with warnings.catch_warnings(), matplotlib.rc_context():
        warnings.simplefilter("ignore", ExperimentalWarning)  # all of Optuna's matplotlib is experimental
        figure = draw().figure
        figure.set_size_inches(WIDTH_IN, height_in)
        figure.savefig(path, dpi=DPI, bbox_inches="tight")
        pyplot.close(figure)


def _trades(trial: Trial) -> int:
    return round(sum(fold.get("n_trades", 0.0) for fold in trial.statistics))


def _study(trials: Sequence[Trial], space: Space, objectives: Sequence[int]) -> optuna.Study:
    """Optuna's view of the trials with these of their objectives."""
    study = optuna.create_study(directions=[StudyDirection.MAXIMIZE] * len(objectives))
    distributions = space.distributions()
    for trial in trials:
        values = tuple(trial.values[k] for k in objectives) if trial.values else ()
        study.add_trial(entry(dataclasses.replace(trial, values=values), distributions))
    return study
