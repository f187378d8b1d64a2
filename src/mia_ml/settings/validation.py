"""Settings of who may learn from whom; their units stand in conf/validation."""

from typing import Annotated, Literal

from pydantic import Field

from mia_ml.settings.base import NonNegative, Section

Span = Annotated[str, Field(pattern=r"^[1-9]\d* (months|days)$")]
HoldOut = Annotated[str, Field(pattern=r"^([1-9]\d* (months|days)|[1-9]\d? %|none)$")]


class WalkForward(Section):
    kind: Literal["walk_forward"]
    train: Span
    test: Span
    anchored: bool
    embargo_min: NonNegative
    inner_splits: Annotated[int, Field(ge=2)]
    holdout: HoldOut


class NoValidation(Section):
    kind: Literal["none"]


AnyValidation = WalkForward | NoValidation
