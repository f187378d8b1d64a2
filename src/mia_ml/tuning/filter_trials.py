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
from mia_ml.evaluation import candidates, policy, statistics
from mia_ml.evaluation.panel import Panel
from mia_ml.evaluation.population import Population, inputs_of
from mia_ml.labels.records import SIDES
from mia_ml.labels.weights import Weighting
from mia_ml.models.ensemble import Ensemble
from mia_ml.models.export import export
from mia_ml.models.training import TrainingConfig, train
from mia_ml.scoring.filter import SIGNAL_INPUTS, Filter, Rule
from mia_ml.splits.folds import Fold, block_folds
from mia_ml.tuning.objective import Objective
from mia_ml.tuning.pruning import Cut
from mia_ml.tuning.records import Result
from mia_ml.tuning.trials import as_mapping


def ensemble_of(population: Population, weighting: Weighting, config: TrainingConfig, seed: int) -> Ensemble:
    """Trained on all events of a population and exported; every export reads the same inputs."""
    trained = train(
        population.X,
        population.y,
        population.weights(weighting),
        population.t0_ns,
        population.t1_ns,
        population.inputs,
        config,
        seed,
    )
    return export(trained.members, trained.combination, population.inputs)


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

    def folds(self) -> tuple[Fold, ...]:
        """The events of the population, split by the blocks."""
        own = self.population
        tests = [(own.row >= first) & (own.row < last) for first, last in self.blocks]
        return block_folds(own.t0_ns, own.t1_ns, tests, self.embargo_ns)[2]

    def evaluate(self, trial: Mapping[str, Any], cut: Cut) -> Result:
        """The result of a trial's params. Raises what training raises when a block's complement is too small."""
        from mia_ml.tuning.space import model_params

        config, rule = self.config(model_params(trial)), self.rule(trial.get("filter.margin"))
        figures: list[tuple[float, ...]] = []
        told: list[Mapping[str, float]] = []
        for number, (fold, (first, last)) in enumerate(zip(self.folds(), self.blocks, strict=True)):
            ensemble = ensemble_of(self.population.at(fold.train), self.weighting, config, self.seed)
            trades = policy.run(self.panel, self.formula, first, last, self._passes(ensemble, rule, first, last))
            found = statistics.of(self.panel, trades, first, last, self.execution.capital_usd)
            told.append(as_mapping(found))
            figures.append(self.objective.of_fold(told[-1]))
            if cut.ends(number, float(np.mean([fold[0] for fold in figures]))):
                return Result((), tuple(figures), True, tuple(told))
        return Result(self.objective.over_folds(figures), tuple(figures), False, tuple(told))

    def _passes(self, ensemble: Ensemble, rule: Rule, first: int, last: int) -> np.ndarray:
        """The filter's verdict on the signals of rows [first, last), bool [n, 2]; False elsewhere."""
        asked = candidates.of(self.panel, self.formula, first, last)
        features = [name for name in ensemble.inputs if name not in SIGNAL_INPUTS]
        X = inputs_of(self.rows, asked["row"], asked["side"], asked["exceedance"], features)
        judge = Filter(ensemble, rule, params(self.execution, self.instrument))
        column = np.where(asked["side"] == SIDES[0], 0, 1)
        label = self.labels[asked["row"], column]
        marks = rule.pass_marks(label["risk_ticks"], label["target_ticks"], label["cost_ticks"])
        passes = np.zeros(self.labels.shape, bool)
        passes[asked["row"], column] = judge.probabilities_of(ensemble.inputs, X)[:, -1] > marks
        return passes
