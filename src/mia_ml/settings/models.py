"""Settings of the ML filter; their units stand in conf/models."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mia_ml.settings.base import Count, Natural, NonNegative, Positive, Section, Share

ABOUT_ONE = 1e-9


class Weights(Section):
    uniqueness: bool
    returns: bool
    recency_half_life_days: Positive | None
    class_weight: Literal["balanced"] | None


class Forest(Section):
    trees: Count
    depth: Annotated[int, Field(ge=1, le=16)]
    min_leaf: Count
    features: Literal["sqrt", "log2", "all"]


class Boosted(Section):
    trees: Count
    depth: Annotated[int, Field(ge=1, le=16)]
    learning_rate: Positive
    min_child_weight: NonNegative
    subsample: Annotated[float, Field(gt=0, le=1)]
    column_sample: Annotated[float, Field(gt=0, le=1)]
    l2: NonNegative


class Logistic(Section):
    c: Positive


class Members(Section):
    forest: Forest | None
    boosted: Boosted | None
    logistic: Logistic | None


class Calibration(Section):
    kind: Literal["isotonic", "sigmoid", "none"]
    share: Annotated[float, Field(gt=0, lt=1)]
    min_events: Count


class Combination(Section):
    kind: Literal["fixed", "simplex", "stacked"]
    weights: dict[str, Share]

    @model_validator(mode="after")
    def _whole(self) -> "Combination":
        total = sum(self.weights.values())
        if abs(total - 1) > ABOUT_ONE:
            raise ValueError(f"weights sum to {total:.6g}: they must sum to 1")
        return self


class Selection(Section):
    kind: Literal["all", "mutual_information", "permutation"]
    keep: Count


class Rule(Section):
    kind: Literal["break_even", "fixed"]
    margin: float
    level: Share


class Models(Section):
    inputs: Annotated[list[str], Field(min_length=1)]
    along: bool
    threshold_grid: Annotated[list[Positive], Field(min_length=1)]
    min_events: Count
    seed: Natural
    weights: Weights
    members: Members
    calibration: Calibration
    combination: Combination
    selection: Selection
    rule: Rule

    @model_validator(mode="after")
    def _weighed(self) -> "Models":
        trained = {name for name, member in self.members if member is not None}
        if not trained:
            raise ValueError("members: none is configured")
        if self.combination.kind == "fixed" and set(self.combination.weights) != trained:
            raise ValueError(
                f"combination.weights names {', '.join(sorted(self.combination.weights))}, the members are "
                f"{', '.join(sorted(trained))}"
            )
        return self
