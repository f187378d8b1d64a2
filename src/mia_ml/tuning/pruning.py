"""Stopping a trial between inner folds when it does worse than the middle one of earlier batches.

After fold j a trial is pruned when the mean of its figures up to j lies below the median of the same mean over the
trials of EARLIER batches that reached fold j. Trials of its own batch have no say: which of them happen to be finished
depends on timing, and the result must not. The median rule is that of Golovin et al. (2017), Google Vizier.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mia_ml.core.errors import ConfigError
from mia_ml.tuning.records import Trial


@dataclass(frozen=True)
class Cut:
    """least: float64 [folds], the mean below which a trial ends after that fold; empty prunes nothing."""

    least: np.ndarray

    def ends(self, fold: int, running_mean: float) -> bool:
        return fold < self.least.size and running_mean < self.least[fold]


NEVER = Cut(np.zeros(0))


@dataclass(frozen=True)
class Pruning:
    """warm_up_trials: finished trials needed before anything is pruned; warm_up_folds: folds every trial may run."""

    warm_up_trials: int
    warm_up_folds: int = 1

    def __post_init__(self) -> None:
        if self.warm_up_trials < 1 or self.warm_up_folds < 1:
            raise ConfigError(
                f"pruning: warm_up_trials {self.warm_up_trials} and warm_up_folds {self.warm_up_folds} start at 1"
            )

    def as_dict(self) -> dict[str, int]:
        return {"warm_up_trials": self.warm_up_trials, "warm_up_folds": self.warm_up_folds}

    def cut(self, earlier: Sequence[Trial], maximize: bool = True) -> Cut:
        """The cut of a batch, from the trials of earlier batches. Figures are those of the only objective."""
        runs = [
            np.array([fold[0] for fold in trial.per_fold]) for trial in earlier if trial.finished and trial.per_fold
        ]
        if len(runs) < self.warm_up_trials:
            return NEVER
        least = np.full(max(run.size for run in runs), -np.inf)
        for fold in range(self.warm_up_folds - 1, least.size):
            reached = [run[: fold + 1].mean() for run in runs if run.size > fold]
            least[fold] = np.median(reached)
        return Cut(least)
