"""Settings of the gates; what they mean stands in conf/gates/desk.yaml."""

import math
from typing import Literal

from pydantic import Field, field_validator, model_validator

from mia_ml.core.errors import refuse_unknown
from mia_ml.core.figures import FIGURES, INTEGRITY
from mia_ml.settings.base import Positive, Section, Share

ENDS = ("least", "above", "most", "below")


class Gate(Section):
    figure: str
    by: Literal["bound", "value"]
    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    says: str = ""

    @field_validator("figure")
    @classmethod
    def _known(cls, figure: str) -> str:
        if figure not in FIGURES:
            raise ValueError(refuse_unknown("figure", figure, list(FIGURES)))
        return figure

    @model_validator(mode="after")
    def _possible(self) -> "Gate":
        if self.by == "bound" and not FIGURES[self.figure].by_bound:
            raise ValueError(f"{self.figure} has no interval: hold it by: value")
        for one, other in (("least", "above"), ("most", "below")):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise ValueError(f"{one} and {other} are both given: give one")
        limits = {end: getattr(self, end) for end in ENDS if getattr(self, end) is not None}
        if not limits:
            raise ValueError("no limit is given: give least, above, most or below")
        for end, limit in limits.items():
            self._check_in_reach(end, limit)
        if len(limits) == 2:
            (low, floor), (high, ceiling) = limits.items()
            if floor > ceiling or (floor == ceiling and (low, high) != ("least", "most")):
                raise ValueError(f"{self.figure} {low} {floor:g} and {high} {ceiling:g} is impossible")
        return self

    def _check_in_reach(self, end: str, limit: float) -> None:
        if not math.isfinite(limit):
            raise ValueError(f"{end} {limit} is no limit: give a finite number")
        known, floor = FIGURES[self.figure], end in ("least", "above")
        best = known.most if floor else known.least
        beyond = limit > best if floor else limit < best
        if beyond or (limit == best and end in ("above", "below")):
            raise ValueError(
                f"{self.figure} {end} {limit:g} is impossible: it is never {'above' if floor else 'below'} {best:g}"
            )


class Year(Section):
    win_rate: Share
    trades_per_month: Positive
    usd_a_year: float


class Money(Section):
    capital_usd: Positive
    before: Year
    after: Year


class GateFile(Section):
    title: str
    blocking: bool
    gates: dict[str, Gate]
    integrity: list[str] = Field(default_factory=list)
    money: Money | None = None

    @field_validator("integrity")
    @classmethod
    def _known(cls, integrity: list[str]) -> list[str]:
        for check in integrity:
            if check not in INTEGRITY:
                raise ValueError(refuse_unknown("check", check, list(INTEGRITY)))
        return integrity

    @model_validator(mode="after")
    def _some_gate(self) -> "GateFile":
        if not self.gates and not self.integrity:
            raise ValueError("no gate is given: a result that is held against nothing would pass")
        return self
