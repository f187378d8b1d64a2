"""One gate: a figure, the limits it is held to, and which part of its estimate is held.

    pass         every limit is cleared by the end of the interval nearest to it: the low end clears a floor
    fail         a limit is not even cleared by the far end: the high end lies under a floor
    undecidable  else: the interval holds the limit, or there is no interval

Held by its value, a figure is an interval of no width. So no gate passes and fails, and raising a figure never turns
the pass of a floor into a fail.
"""

import math
from dataclasses import dataclass
from typing import Literal

from mia_ml.core.figures import FIGURES, Figure
from mia_ml.judge import wording

Status = Literal["pass", "fail", "undecidable"]

CONFIDENCES, P_VALUES = ("psr", "dsr"), ("spa_p", "twins_p")
"""What an error probability can be asked of, from above and from below."""


@dataclass(frozen=True)
class Limit:
    """side: +1 a floor, -1 a ceiling. strict: the limit itself does not clear."""

    value: float
    side: int
    strict: bool

    def clears(self, value: float) -> bool:
        """Whether a value is on the good side; NaN is not."""
        return self.side * value > self.side * self.value or (not self.strict and value == self.value)

    @property
    def words(self) -> str:
        return {(1, False): "at least", (1, True): "above", (-1, False): "at most", (-1, True): "below"}[
            self.side, self.strict
        ]


@dataclass(frozen=True)
class Rule:
    """least, most: the limit itself passes. above, below: it does not. by: the end of the interval, or the value. says:
    what a plan says, where the limits are a reading of it. What is no rule, `settings` has refused."""

    figure: str
    by: Literal["bound", "value"]
    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    says: str = ""

    @property
    def known(self) -> Figure:
        return FIGURES[self.figure]

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The floor, then the ceiling, as far as there are any."""
        given = (
            (self.least, 1, False),
            (self.above, 1, True),
            (self.most, -1, False),
            (self.below, -1, True),
        )
        return tuple(Limit(value, side, strict) for value, side, strict in given if value is not None)

    def limits_at(self, alpha: float) -> tuple[Limit, ...]:
        """The limits where a result may err with probability alpha only, NaN: as written. A confidence must then reach
        1 - alpha and a p-value stay below alpha, if that is stricter."""
        if math.isnan(alpha):
            return self.limits
        tightened = []
        for limit in self.limits:
            value = limit.value
            if self.figure in CONFIDENCES and limit.side > 0:
                value = max(value, 1 - alpha)
            elif self.figure in P_VALUES and limit.side < 0:
                value = min(value, alpha)
            tightened.append(Limit(value, limit.side, limit.strict))
        return tuple(tightened)

    def sentence(self, limits: tuple[Limit, ...], level: float) -> str:
        """
        >>> rule = Rule("expectancy_r", "bound", above=0)
        >>> rule.sentence(rule.limits, 0.95)
        'lower 95 % bound of net expectancy above 0 R'
        >>> rule = Rule("signals_per_month", "value", least=25, most=35)
        >>> rule.sentence(rule.limits, 0.95)
        'signals a month at least 25 and at most 35'
        """
        asked = " and ".join(f"{limit.words} {wording.limit(self.known.unit, limit.value)}" for limit in limits)
        said = f" (the plan says {self.says})" if self.says else ""
        if self.by == "value":
            return f"{self.known.words} {asked}{said}"
        part = "interval" if len(limits) == 2 else "bound"
        end = "" if len(limits) == 2 else "lower " if limits[0].side > 0 else "upper "
        return f"{end}{wording.percent(level)} {part} of {self.known.words} {asked}{said}"


def status(limits: tuple[Limit, ...], low: float, high: float) -> Status:
    """
    >>> floor = (Limit(0.0, 1, True),)
    >>> status(floor, 0.01, 0.2), status(floor, -0.2, 0.0), status(floor, -0.03, 0.09)
    ('pass', 'fail', 'undecidable')
    """
    ends = [(low, high) if limit.side > 0 else (high, low) for limit in limits]
    if all(limit.clears(near) for limit, (near, _) in zip(limits, ends, strict=True)):
        return "pass"
    missed = [not math.isnan(far) and not limit.clears(far) for limit, (_, far) in zip(limits, ends, strict=True)]
    return "fail" if any(missed) else "undecidable"
