"""One trial of a formula: run on the inner folds of a training window, weighed by the objective.

A trial changes what the panel does not hold: weights, thresholds, multipliers, cooldown, signals a day. The barriers
are fixed within a study, since they define the labels in the panel.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mia_ml.confluence.formula import Formula, build
from mia_ml.core.errors import ConfigError, DataError
from mia_ml.evaluation import policy, statistics
from mia_ml.evaluation.panel import Panel
from mia_ml.tuning.objective import Objective, Statistics
from mia_ml.tuning.pruning import Cut
from mia_ml.tuning.records import Result
from mia_ml.tuning.space import Space

OF_THE_FILTER = ("filter", "model")
SOMEWHERE = 0.618  # of each range: no plain bounds make it a weight of 0, which would leave its component out


@dataclass(frozen=True)
class PolicyTrials:
    """panel: of a training window. folds: its rows [first, last) of each inner test fold.

    confluence, context: settings' sections as plain values. reverse: `execution.reverse`.
    passes: bool [n, 2], a filter's verdict on each row and side; None lets all pass.

    Raises ConfigError on what no trial can be run with: reversing, params of a filter, a component the panel has not.
    """

    panel: Panel
    folds: tuple[tuple[int, int], ...]
    space: Space
    confluence: Mapping[str, Any]
    context: Mapping[str, Any]
    objective: Objective
    capital_usd: float
    reverse: bool = False
    passes: np.ndarray | None = None

    def __post_init__(self) -> None:
        refuse_reverse(self.reverse)
        for name in self.space.distributions():
            if name.split(".")[0] in OF_THE_FILTER:
                raise ConfigError(f"space.{name}: a formula is tuned without a filter, leave {name} out of its space")
        if not self.folds:
            raise DataError("tuning: no inner fold to run trials on: lengthen the training window")
        somewhere = np.full(self.space.size, SOMEWHERE)
        self.panel.terms(self.formula(self.space.params(somewhere)))

    def formula(self, params: Mapping[str, Any]) -> Formula:
        return build(self.space.apply(self.confluence, params), self.context)

    def evaluate(self, params: Mapping[str, Any], cut: Cut) -> Result:
        """The result of a trial's params. Holds no lock while it runs: threads run trials side by side."""
        tried = self.formula(params)
        return result(self.objective, cut, (self._fold(tried, first, last) for first, last in self.folds))

    def _fold(self, tried: Formula, first: int, last: int) -> Statistics:
        trades = policy.run(self.panel, tried, first, last, self.passes)
        return as_mapping(statistics.of(self.panel, trades, first, last, self.capital_usd))


def result(objective: Objective, cut: Cut, folds: Iterable[Statistics]) -> Result:
    """The result over folds, each computed when the cut has let the trial come so far."""
    told: list[Statistics] = []
    figures: list[tuple[float, ...]] = []
    for fold, found in enumerate(folds):
        told.append(found)
        figures.append(objective.of_fold(found))
        if cut.ends(fold, float(np.mean([first for first, *_ in figures]))):
            return Result((), tuple(figures), True, tuple(told))
    return Result(objective.over_folds(figures), tuple(figures), False, tuple(told))


def as_mapping(found: statistics.Statistics) -> dict[str, float]:
    return found._asdict()


def refuse_reverse(reverse: bool) -> None:
    """Raises ConfigError when an opposite signal would reverse: labels of decisions taken alone cannot tell."""
    if reverse:
        raise ConfigError("execution.reverse is true: tuning runs trades one at a time, set execution.reverse to false")
