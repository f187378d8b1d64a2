"""One trial of the filter: trained on all inner blocks but one, asked about the signals of that one, for each in turn.

Events are purged by their own lives and embargoed, so no filter has read what its block shows. What passes then trades
by the formula's own rules, as `evaluation.policy` runs them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mia_ml.backtest.execution import Execution, params
from mia_ml.confluence.formula import Formula
from mia_ml.core.instruments import Instrument
from mia_ml.evaluation import policy, statistics, verdicts
from mia_ml.evaluation.panel import Panel
from mia_ml.evaluation.population import Population
from mia_ml.labels.weights import Weighting
from mia_ml.models.ensemble import Ensemble
from mia_ml.models.export import export
from mia_ml.models.training import TrainingConfig
from mia_ml.scoring.filter import Filter, Rule
from mia_ml.splits.folds import Fold, Folds, block_folds
from mia_ml.tuning.objective import Objective, Statistics
from mia_ml.tuning.pruning import Cut
from mia_ml.tuning.records import Result
from mia_ml.tuning.space import model_params
from mia_ml.tuning.trials import as_mapping, result


@dataclass(frozen=True)
class FilterTrials:
    """rows: ROW [n] of a training window, labels: LABEL [n, 2], panel: of both. blocks: rows [first, last) of the inner
    blocks. config: hyper-parameters by member to a training configuration. rule: margin to a pass rule. seed: of the
    members.
    """

    rows: np.ndarray
    labels: np.ndarray
    panel: Panel
    formula: Formula
    population: Population
    blocks: tuple[tuple[int, int], ...]
    embargo_ns: int
    weighting: Weighting
    config: Callable[[Mapping[str, Mapping[str, Any]]], TrainingConfig]
    rule: Callable[[float | None], Rule]
    execution: Execution
    instrument: Instrument
    objective: Objective
    seed: int

    def folds(self) -> Folds:
        """The events of the population, split by the blocks. Raises DataError where nothing is left to train on."""
        own = self.population
        tests = [np.flatnonzero((own.row >= first) & (own.row < last)) for first, last in self.blocks]
        return block_folds(own.t0_ns, own.t1_ns, tests, self.embargo_ns)

    def evaluate(self, trial: Mapping[str, Any], cut: Cut) -> Result:
        """The result of a trial's params. Raises what training raises when a block's complement is too small."""
        config, rule = self.config(model_params(trial)), self.rule(trial.get("filter.margin"))
        folds = zip(self.folds(), self.blocks, strict=True)
        return result(self.objective, cut, (self._fold(config, rule, fold, *block) for fold, block in folds))

    def _fold(self, config: TrainingConfig, rule: Rule, fold: Fold, first: int, last: int) -> Statistics:
        trained = self.population.at(fold.train).train(self.weighting, config, self.seed)
        ensemble = export(trained.members, trained.combination, self.population.inputs)
        trades = policy.run(self.panel, self.formula, first, last, self._passes(ensemble, rule, first, last))
        return as_mapping(statistics.of(self.panel, trades, first, last, self.execution.capital_usd))

    def _passes(self, ensemble: Ensemble, rule: Rule, first: int, last: int) -> np.ndarray:
        """The filter's verdict on the crossings of rows [first, last), bool [n, 2]; False elsewhere."""
        judge = Filter(ensemble, rule, params(self.execution, self.instrument))
        return verdicts.passes(judge, self.formula, self.rows, self.panel, first, last)
