"""What a bundle is about: settings as plain values, the models, where they came from; and what scoring makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mia_ml.backtest import execution as fills
from mia_ml.confluence import formula
from mia_ml.core.errors import DataError
from mia_ml.core.instruments import INSTRUMENTS, Instrument
from mia_ml.features import params
from mia_ml.models.ensemble import Ensemble
from mia_ml.scoring import numbers
from mia_ml.scoring import ranges as training_ranges
from mia_ml.scoring.filter import Filter, Rule
from mia_ml.scoring.scorer import Scorer

NS_PER_MS = 1_000_000
SECTIONS = ("features", "context", "confluence", "execution", "costs")


@dataclass(frozen=True)
class Training:
    """first_day, last_day: yyyymmdd of the training window. folds: of the walk-forward it came out of."""

    first_day: int
    last_day: int
    folds: int
    seed: int


@dataclass(frozen=True)
class Content:
    """instrument: a root such as ES. calendar: name in `core.calendar`. native: features stand on a file's own bars.

    features, context, confluence, execution, costs: the settings' sections as plain values; the order of
    confluence.terms is the order in which they are added. ensemble, rule: None for a formula without a filter.
    ranges: of `ranged`, on the training rows. synthetic: it was trained on simulated data.
    data_fingerprint, code_fingerprint: sha256 in hex of what it was trained on and by (`fingerprint.code_fingerprint`).
    """

    instrument: str
    calendar: str
    native: bool
    features: Mapping[str, Any]
    context: Mapping[str, Any]
    confluence: Mapping[str, Any]
    execution: Mapping[str, Any]
    costs: Mapping[str, Any]
    ensemble: Ensemble | None
    rule: Rule | None
    ranges: training_ranges.Ranges
    training: Training
    synthetic: bool
    data_fingerprint: str
    code_fingerprint: str

    @property
    def grace_ns(self) -> int:
        """How long after its end a bar waits for late events."""
        return int(self.features["grace_ms"]) * NS_PER_MS

    def traded(self) -> Instrument:
        return INSTRUMENTS[self.instrument]

    def engine_params(self) -> np.ndarray:
        """As `features.stream.Engine` takes them."""
        return params.build(self.features, self.context, self.traded().tick, self.native)

    def formula(self) -> formula.Formula:
        return formula.build(self.confluence, self.context)

    def ranged(self) -> tuple[str, ...]:
        """The ROW fields that must have a training range, in the order in which they are written."""
        inputs = () if self.ensemble is None else self.ensemble.inputs
        return training_ranges.features_behind(self.formula().terms, inputs)

    def execution_settings(self) -> fills.Execution:
        given = {name: value for name, value in self.execution.items() if name != "blackout"}
        return fills.Execution(**given, **self.costs)

    def blackouts(self) -> np.ndarray:
        """int64 [n, 2]: no entry in [start_ns, end_ns)."""
        return fills.blackouts(list(self.execution["blackout"]))

    def filter(self) -> Filter | None:
        if self.ensemble is None or self.rule is None:
            return None
        return Filter(self.ensemble, self.rule, fills.params(self.execution_settings(), self.traded()))

    def scorer(self) -> Scorer:
        """One that has decided nothing yet."""
        return Scorer(self.formula(), self.filter())

    def check(self) -> None:
        """Build everything once. Raises DataError on a setting that is absent or cannot be one."""
        if (self.ensemble is None) != (self.rule is None):
            raise DataError("models and a rule to pass them belong together")
        for name in SECTIONS:
            numbers.check(getattr(self, name), name)
        builds = {
            "features or context": self.engine_params,
            "features": lambda: self.grace_ns,
            "confluence or context": self.formula,
            "execution or costs": lambda: (self.execution_settings(), self.blackouts()),
            "inputs": self.filter,
            "ranges": lambda: training_ranges.check(self.ranges, self.ranged()),
        }
        for sections, build in builds.items():
            try:
                build()
            except KeyError as error:
                raise DataError(f"{sections}: {error} is missing") from None
            except (TypeError, ValueError, AttributeError, OverflowError) as error:
                raise DataError(f"{sections}: {error}") from None
        used = self.formula().record[0]
        thresholds, weights = used["threshold"], used["weight"][: used["terms"]]
        if not ((thresholds > 0) & np.isfinite(thresholds)).all():
            raise DataError(f"confluence.threshold: {thresholds.tolist()} by regime: each must be above 0")
        if not np.isfinite(weights).all():
            raise DataError(f"confluence.terms: weights {weights.tolist()}: each must be finite")
