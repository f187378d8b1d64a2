"""The filter: is a crossing's probability of a net gain worth its own barriers and costs?

    break-even   p > (risk + cost) / (target + risk) + margin      (SPEC 7; distances in ticks, of that signal)
    fixed        p > level                                         (the literal plan, 0.70)

Risk and target are the distances of the orders the simulator would place: A = max(ATR(14, 5 min), its same-time median)
times the stop and the take-profit, out to the tick grid. A signal without a barrier or a probability does not pass.

The models see features of the row by name, then the signal's side (+1, -1) and its exceedance |score| / threshold. An
input named along_<component> is the component times the side: above 0 it speaks for the signal. A linear model could
not find that in component and side apart.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mia_ml.backtest import execution
from mia_ml.confluence import decision
from mia_ml.confluence.formula import column_of
from mia_ml.core.errors import ConfigError, DataError, refuse_unknown
from mia_ml.features import engine
from mia_ml.models.ensemble import SIGNAL_INPUTS, Ensemble
from mia_ml.models.kernel import Probabilities
from mia_ml.scoring import filtering

ALONG = "along_"
"""Prefix of a component that is told times the signal's side."""

_UNITS: Mapping[str, str] = {feature.name: feature.unit for feature in engine.FEATURES}


@dataclass(frozen=True)
class Rule:
    """kind: 'break_even', where value is the margin above break-even, or 'fixed', where it is the level itself."""

    kind: Literal["break_even", "fixed"]
    value: float

    def __post_init__(self) -> None:
        if self.kind not in filtering.RULES:
            raise ConfigError(refuse_unknown("pass rule", self.kind, filtering.RULES))
        least = 0.0 if self.kind == "fixed" else -1.0
        if not (math.isfinite(self.value) and least <= self.value <= 1):
            raise ConfigError(f"the {self.kind} rule's value is {self.value}: it must lie between {least:g} and 1")

    @property
    def code(self) -> int:
        return filtering.RULES.index(self.kind)


def feature_of(name: str) -> str:
    """The ROW field behind a model input.

    >>> feature_of("along_vwap_trend_rth"), feature_of("vix")
    ('vwap_trend_rth', 'vix')
    """
    return name.removeprefix(ALONG)


def unit_of(name: str) -> str:
    """The unit of a model input. Raises DataError on a name that is neither a feature nor one of SIGNAL_INPUTS."""
    if name in SIGNAL_INPUTS:
        return "1"
    feature = feature_of(name)
    if feature not in _UNITS:
        raise DataError(f"model inputs: {refuse_unknown('feature', feature, list(_UNITS))}")
    if feature != name and feature not in engine.COMPONENTS:
        raise DataError(f"model inputs: '{name}': only a component has a direction, {feature} has none: drop {ALONG}")
    return _UNITS[feature]


def row_columns(inputs: Sequence[str]) -> np.ndarray:
    """Where the features among the models' inputs stand in a ROW, int64 [len(inputs) - 2].

    Raises DataError on an unknown feature, a name said twice, or when the last two are not SIGNAL_INPUTS.
    """
    for name in inputs:
        unit_of(name)
        if list(inputs).count(name) > 1:
            raise DataError(f"model inputs: '{name}' stands twice")
    features, last = inputs[:-2], tuple(inputs[-2:])
    if last != SIGNAL_INPUTS or not features or set(features) & set(SIGNAL_INPUTS):
        raise DataError(
            f"model inputs are {', '.join(inputs)}: one feature or more, then side and exceedance, are needed"
        )
    return np.array([column_of(feature_of(name)) for name in features], np.int64)


def along(inputs: Sequence[str]) -> np.ndarray:
    """Which of the features among the models' inputs are told times the side, bool [len(inputs) - 2]."""
    return np.array([name.startswith(ALONG) for name in inputs[:-2]], np.bool_)


def inputs_of(
    rows: np.ndarray, row: np.ndarray, side: np.ndarray, exceedance: np.ndarray, inputs: Sequence[str]
) -> np.ndarray:
    """What the models see of signals: float64 [n, inputs], of ROW at `row`, side (+1, -1) and exceedance, each [n]."""
    X = np.empty((row.size, len(inputs)))
    for k, (name, turned) in enumerate(zip(inputs[:-2], along(inputs), strict=True)):
        values = rows[feature_of(name)][row]
        X[:, k] = values * side if turned else values
    X[:, -2], X[:, -1] = side, exceedance
    return X


def match(inputs: Sequence[str], names: Sequence[str]) -> None:
    """Raises DataError unless `names` are the inputs, each once and in their order."""
    for name in names:
        if list(names).count(name) > 1:
            raise DataError(f"column '{name}' stands twice: give each model input once")
        if name not in inputs:
            raise DataError(f"column '{name}' is no model input: the inputs are {', '.join(inputs)}")
    for at, name in enumerate(inputs):
        if name not in names:
            raise DataError(f"column '{name}' is missing: the model inputs are {', '.join(inputs)}")
        if names[at] != name:
            raise DataError(f"column {at + 1} is '{names[at]}' where the models take '{name}': give their order")


class Filter:
    """ensemble: the models. rule: what their probability must exceed. parameters: of `backtest.execution.params`.

    members: a name for each model, its kind, numbered from the second of a kind on. Raises DataError when the ensemble
    asks for what a row does not have, or has more members than a decision shows.
    """

    def __init__(self, ensemble: Ensemble, rule: Rule, parameters: np.ndarray) -> None:
        kinds = [member.kind for member in ensemble.members]
        if len(kinds) > decision.MAX_MEMBERS:
            raise DataError(f"an ensemble of {len(kinds)} models: a decision shows at most {decision.MAX_MEMBERS}")
        assert parameters.dtype == execution.PARAMS
        self.ensemble = ensemble
        self.rule = rule
        self.members = tuple(
            f"{kind}_{before + 1}" if (before := kinds[:at].count(kind)) else kind for at, kind in enumerate(kinds)
        )
        self._models = Probabilities(ensemble)
        terms = np.zeros(1, filtering.GATE)
        terms["rule"], terms["value"] = rule.code, rule.value
        for name in ("take_profit", "stop", "tick", "cost_ticks"):
            terms[name] = parameters[name]
        self.gate = filtering.Gate(terms, row_columns(ensemble.inputs), along(ensemble.inputs), self._models.tables)

    def probabilities_of(self, names: Sequence[str], inputs: np.ndarray) -> np.ndarray:
        """float64 [n, members + 1]: each model's calibrated probability of a net gain, the combined one last.

        names: of the columns of `inputs`, float64 [n, len(names)], finite or NaN. Raises DataError when a column is
        missing, unknown, said twice, out of order or not float64.
        """
        match(self.ensemble.inputs, list(names))
        return self._models.batch(inputs)[:, len(self.members) :]

    def passes(self, rows: np.ndarray, row: np.ndarray, side: np.ndarray, exceedance: np.ndarray) -> np.ndarray:
        """Which signals a scorer with this filter would let pass: bool [n].

        rows: ROW. row: int64 [n], positions in it. side: +1, -1. exceedance: |score| / threshold.
        """
        own = rows[row]
        inputs = inputs_of(own, np.arange(own.size), side, exceedance, self.ensemble.inputs)
        values = own.view(np.float64).reshape(own.size, engine.ROW.itemsize // 8)
        marks = filtering.pass_marks(self.gate.terms, values)
        return self.probabilities_of(self.ensemble.inputs, inputs)[:, -1] > marks
