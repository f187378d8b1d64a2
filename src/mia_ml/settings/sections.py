"""Settings of everything but the components and the sources; their units stand in conf/."""

import itertools
import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from mia_ml.core import instruments
from mia_ml.core.errors import refuse_unknown
from mia_ml.settings.base import Count, Natural, NonNegative, Positive, Section, Share

Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Instrument(Section):
    root: str
    calendar: Literal["cme_globex", "nyse"]
    large_order: Count

    @field_validator("root")
    @classmethod
    def _known(cls, root: str) -> str:
        if root not in instruments.INSTRUMENTS:
            raise ValueError(refuse_unknown("instrument", root, list(instruments.INSTRUMENTS)))
        return root


class Volatility(Section):
    ratio: Literal["same_time", "trailing"]
    trailing_bars: Count
    low_vix: Positive
    low_ratio: Positive
    high_vix: Positive
    high_ratio: Positive

    @model_validator(mode="after")
    def _ordered(self) -> "Volatility":
        for low, high in (("low_vix", "high_vix"), ("low_ratio", "high_ratio")):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} {getattr(self, low)} is above {high} {getattr(self, high)}")
        return self


class SessionStart(Section):
    premarket: Clock
    morning: Clock
    midday: Clock
    afternoon: Clock
    evening: Clock
    overnight: Clock

    @model_validator(mode="after")
    def _ordered(self) -> "SessionStart":
        starts = list(self.model_dump().items())
        for (earlier, first), (later, second) in itertools.pairwise(starts):
            if first >= second:
                raise ValueError(f"{later} {second} does not come after {earlier} {first}")
        return self


class GammaCycleDays(Section):
    expiry: Natural
    peak: Natural
    approach: Natural

    @model_validator(mode="after")
    def _ordered(self) -> "GammaCycleDays":
        if not self.expiry < self.peak < self.approach:
            raise ValueError(f"expiry {self.expiry}, peak {self.peak}, approach {self.approach} must increase")
        return self


class Context(Section):
    volatility: Volatility
    session_utc_offset_min: int | None
    session_start: SessionStart
    gamma_cycle_days: GammaCycleDays


class Threshold(Section):
    base: Positive
    low: Positive
    high: Positive
    session: bool


class SessionFactor(Section):
    premarket: NonNegative
    morning: NonNegative
    midday: NonNegative
    afternoon: NonNegative
    evening: NonNegative
    overnight: NonNegative


class GammaCycleFactor(Section):
    expiry: NonNegative
    peak: NonNegative
    approach: NonNegative
    far: NonNegative


class VolatilityFactor(Section):
    low: NonNegative
    normal: NonNegative
    high: NonNegative


class Confluence(Section):
    name: str
    terms: dict[str, float]
    threshold: Threshold
    session: SessionFactor
    gamma_cycle: GammaCycleFactor
    volatility_adjustment: VolatilityFactor
    min_weight_present: Share
    cooldown_minutes: NonNegative
    max_signals_per_day: Count

    @field_validator("terms")
    @classmethod
    def _some_weight(cls, terms: dict[str, float]) -> dict[str, float]:
        if not any(terms.values()):
            raise ValueError(f"no component has a weight: {terms}")
        return terms


class Execution(Section):
    take_profit: Positive
    stop: Positive
    timeout_bars: Count
    timeout_bar_min: Natural
    latency_ms: Natural
    flat_at_session_end: bool
    flat_before_close_min: Natural
    reverse: bool
    blackout: list[str]
    contracts: Count
    risk_fraction: Annotated[float, Field(gt=0, lt=1)] | None
    capital_usd: Positive

    @field_validator("blackout")
    @classmethod
    def _intervals(cls, blackout: list[str]) -> list[str]:
        moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
        for interval in blackout:
            start, _, end = interval.partition("/")
            if not (re.fullmatch(moment, start) and re.fullmatch(moment, end) and start < end):
                raise ValueError(f"'{interval}' is not START/END as in 2024-01-05T13:25:00Z/2024-01-05T13:45:00Z")
        return blackout


class Costs(Section):
    slippage_ticks: NonNegative
    commission_ticks: NonNegative


class Ingest(Section):
    jump_atrs: Positive
    jump_floor_ticks: NonNegative
    jump_cold_share: Positive
    jump_cold_bars: Count
    jump_confirm: Count
    preopen_hours: NonNegative


class Audit(Section):
    max_quarantined: Share
    max_missing_days: Share
    max_unknown_side: Share
    quiet_minutes: NonNegative


class Tracking(Section):
    uri: str
    experiment: str
    model: Annotated[str, Field(pattern=r"^[\w. -]+$")]
