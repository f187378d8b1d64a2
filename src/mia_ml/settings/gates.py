"""Settings of the gates; what they mean stands in conf/gates/desk.yaml."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from mia_ml.core.errors import ConfigError, refuse_unknown
from mia_ml.judge import figures, rules
from mia_ml.settings.base import Positive, Section, Share


class Gate(Section):
    figure: str
    by: Literal["bound", "value"]
    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    says: str = ""

    @model_validator(mode="after")
    def _possible(self) -> "Gate":
        try:
            rules.Rule.from_dict(self.model_dump())
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return self


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
            if check not in figures.INTEGRITY:
                raise ValueError(refuse_unknown("check", check, list(figures.INTEGRITY)))
        return integrity

    @model_validator(mode="after")
    def _some_gate(self) -> "GateFile":
        if not self.gates and not self.integrity:
            raise ValueError("no gate is given: a result that is held against nothing would pass")
        return self
