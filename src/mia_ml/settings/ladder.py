"""Settings of the ladders; their units stand in conf/ladder."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from mia_ml.settings.base import Positive, Section
from mia_ml.settings.sections import Confluence, GammaCycleFactor, SessionFactor, Threshold, VolatilityFactor


class PassRule(Section):
    """value: the margin above break-even, or the fixed level itself."""

    kind: Literal["break_even", "fixed"]
    value: Annotated[float, Field(ge=-1, le=1)]


class Step(Section):
    """What changes against the step before; what is left out stays. terms replace all terms.

    promise: points of win rate, low and high. signals: promised growth of their number, 1.5 is +150 %. rule: of a
    filter that decides from here on.
    """

    adds: str
    promise: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    signals: Positive | None = None
    terms: dict[str, float] | None = None
    threshold: Threshold | None = None
    session: SessionFactor | None = None
    gamma_cycle: GammaCycleFactor | None = None
    volatility_adjustment: VolatilityFactor | None = None
    rule: PassRule | None = None

    @field_validator("promise")
    @classmethod
    def _rising(cls, promise: list[float] | None) -> list[float] | None:
        if promise and promise[0] > promise[1]:
            raise ValueError(f"{promise} must not fall: give the low end first")
        return promise


class Ladder(Section):
    """start: the first step's formula, whole. steps: in order, by name."""

    title: str
    start: Confluence
    steps: dict[str, Step]
