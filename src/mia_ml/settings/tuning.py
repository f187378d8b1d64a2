"""Settings of the search; their units stand in conf/tuning. Spaces are read by `tuning.space`, objectives beside it."""

from typing import Any, Literal

from mia_ml.settings.base import Count, Natural, NonNegative, Section, Share


class Objective(Section):
    maximize: list[str]
    least_trades: Count
    caution_z: NonNegative
    worst_share: Share
    gates: dict[str, dict[str, float]]
    gate_penalty: NonNegative


class Pruning(Section):
    warm_up_trials: Count
    warm_up_folds: Count


class Weights(Section):
    kind: Literal["simplex", "signed"]
    components: Literal["formula"] | dict[str, list[float] | None]


class PolicySpace(Section):
    weights: Weights | None = None
    threshold: dict[str, Any] | None = None
    session: dict[str, Any] | None = None
    gamma_cycle: dict[str, Any] | None = None
    volatility_adjustment: dict[str, Any] | None = None
    cooldown_minutes: Any = None
    max_signals_per_day: Any = None


class FilterSpace(Section):
    filter: dict[str, Any] | None = None
    model: dict[str, dict[str, Any]] | None = None


class Search(Section):
    trials: Count
    batch: Count
    sampler: str
    pruning: Pruning | None


class PolicySearch(Search):
    space: PolicySpace


class FilterSearch(Search):
    trees: Count
    space: FilterSpace


class Tuning(Section):
    """filter: null leaves the models as conf/models has them."""

    seed: Natural
    storage: str
    objective: Objective
    policy: PolicySearch
    filter: FilterSearch | None
