"""One evaluation, and who hears of it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mia_ml.core.errors import DataError
from mia_ml.tuning.pruning import Cut
from mia_ml.tuning.records import Result, Trial

Evaluate = Callable[[dict[str, Any], Cut], Result]


class Recorder(Protocol):
    """Hears of every evaluation, from the thread that makes it. What it raises ends the search, unlike a failed trial.

    A trial of which a killed search had not stored the end is launched again, as itself.
    """

    def launched(self, number: int, params: Mapping[str, Any]) -> None:
        """In front of the evaluation, which does not begin before this returns."""

    def ended(self, trial: Trial) -> None:
        """Behind it, before the trial is stored."""


@dataclass(frozen=True)
class Attempt:
    """What a thread does: one trial from its params, complete, pruned or failed. objectives: how many there are."""

    evaluate: Evaluate
    objectives: int
    recorder: Recorder | None

    def __call__(self, number: int, batch: int, params: dict[str, Any], cut: Cut) -> Trial:
        if self.recorder:
            self.recorder.launched(number, params)
        trial = self._trial(number, batch, params, cut)
        if self.recorder:
            self.recorder.ended(trial)
        return trial

    def _trial(self, number: int, batch: int, params: dict[str, Any], cut: Cut) -> Trial:
        try:
            result = self.evaluate(params, cut)
            values = tuple(float(value) for value in result.values)
            per_fold = tuple(tuple(float(value) for value in fold) for fold in result.per_fold)
            if any(len(figures) != self.objectives for figures in (*per_fold, *([] if result.pruned else [values]))):
                raise DataError(f"{self.objectives} objectives need as many values, not {values}")
            if not all(math.isfinite(value) for figures in (values, *per_fold) for value in figures):
                raise DataError(f"values {values} of folds {per_fold} are not all finite")
        except Exception as error:  # whatever an evaluation raises is its trial's outcome
            text = f"{type(error).__name__}: {error}".splitlines()[0]
            return Trial(number, batch, "failed", params, error=text)
        if result.pruned:
            return Trial(number, batch, "pruned", params, (), per_fold, result.statistics)
        return Trial(number, batch, "complete", params, values, per_fold, result.statistics)
