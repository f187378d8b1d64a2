"""Settings of the stress tests; their units stand in conf/stress."""

from typing import Annotated

from pydantic import Field, field_validator

from mia_ml.core import moments
from mia_ml.core.errors import CalendarError
from mia_ml.settings.base import Count, Natural, NonNegative, Section, Share


class Jitter(Section):
    share: Share
    draws: Natural


class Stress(Section):
    periods: dict[str, Annotated[list[str], Field(min_length=2, max_length=2)]]
    worst_share: Annotated[float, Field(gt=0, le=1)]
    cost_factor: Annotated[float, Field(ge=1)]
    slippage_ticks: NonNegative
    late_bars: Count
    jitter: Jitter

    @field_validator("periods")
    @classmethod
    def _rising(cls, periods: dict[str, list[str]]) -> dict[str, list[str]]:
        for name, (first, last) in periods.items():
            try:
                if moments.from_iso(first) > moments.from_iso(last):
                    raise ValueError(f"{name} ends on {last}, before {first}")
            except CalendarError as refusal:
                raise ValueError(f"{name}: {refusal}") from None
        return periods
