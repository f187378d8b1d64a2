"""One searched number: a coordinate in the unit interval on one side, a value in its own unit on the other.

Range     value = low + u (high - low), or on the logarithm of low and high
Whole     the interval is cut into high - low + 1 equal parts, one for each whole number
Choice    likewise, one for each value; the parts have no order
"""

import math
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from mia_ml.core.errors import ConfigError, refuse_unknown

Value = float | int | str | bool | None
KINDS = ("float", "log", "int", "choice")


@dataclass(frozen=True)
class Range:
    """A real number in [low, high]. log: searched by its logarithm, which needs low above 0."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _ordered(self.low, self.high)
        if self.log and self.low <= 0:
            raise ConfigError(f"low {self.low} to high {self.high} has no logarithm: give a low above 0")

    def value(self, u: float) -> float:
        low, high = self._searched(self.low), self._searched(self.high)
        found = low + u * (high - low)
        return min(max(math.exp(found) if self.log else found, self.low), self.high)

    def coordinate(self, value: Any) -> float:
        low, high = self._searched(self.low), self._searched(self.high)
        if low == high:  # two neighbouring numbers may have one logarithm
            return 0.5
        return min(max((self._searched(value) - low) / (high - low), 0.0), 1.0)

    def _searched(self, value: float) -> float:
        return math.log(value) if self.log else value

    def distribution(self) -> BaseDistribution:
        return FloatDistribution(self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Whole:
    """A whole number in [low, high], both included."""

    low: int
    high: int

    def __post_init__(self) -> None:
        _ordered(self.low, self.high)
        if self.low != int(self.low) or self.high != int(self.high):
            raise ConfigError(f"low {self.low} and high {self.high} must be whole numbers")

    def value(self, u: float) -> int:
        return int(self.low + _part(u, int(self.high - self.low) + 1))

    def coordinate(self, value: Any) -> float:
        return (value - self.low + 0.5) / (self.high - self.low + 1)

    def distribution(self) -> BaseDistribution:
        return IntDistribution(int(self.low), int(self.high))


@dataclass(frozen=True)
class Choice:
    """One of several plain values."""

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values or len(set(map(repr, self.values))) < len(self.values):
            raise ConfigError(f"choice {list(self.values)} needs one or more different values")

    def value(self, u: float) -> Value:
        return self.values[_part(u, len(self.values))]

    def coordinate(self, value: Any) -> float:
        return (self.values.index(value) + 0.5) / len(self.values)

    def distribution(self) -> BaseDistribution:
        return CategoricalDistribution(self.values)


Dimension = Range | Whole | Choice


def read(spec: Any, whole: bool = False) -> Dimension:
    """A dimension from its config: [low, high], or one of {float|log|int: [low, high]} and {choice: [values]}.

    whole: what a bare [low, high] means. Raises ConfigError.

    >>> read([0.1, 0.4]), read({"log": [0.01, 0.3]}), read([1, 5], whole=True)
    (Range(low=0.1, high=0.4, log=False), Range(low=0.01, high=0.3, log=True), Whole(low=1, high=5))
    """
    if isinstance(spec, dict):
        if len(spec) != 1:
            raise ConfigError(f"{spec} must have one key out of {', '.join(KINDS)}")
        kind, bounds = next(iter(spec.items()))
        if kind not in KINDS:
            raise ConfigError(refuse_unknown("kind of range", str(kind), KINDS))
    else:
        kind, bounds = "int" if whole else "float", spec
    if not isinstance(bounds, list | tuple):
        raise ConfigError(f"{spec} is no range: write [low, high]")
    if kind == "choice":
        return Choice(tuple(bounds))
    if len(bounds) != 2 or any(isinstance(b, bool) or not isinstance(b, int | float) for b in bounds):
        raise ConfigError(f"{list(bounds)} is no range: write [low, high] in numbers")
    low, high = bounds
    return Whole(low, high) if kind == "int" else Range(float(low), float(high), log=kind == "log")


def _part(u: float, parts: int) -> int:
    return min(int(u * parts), parts - 1)


def _ordered(low: float, high: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ConfigError(f"low {low} and high {high} must be finite")
    if low > high:
        raise ConfigError(f"low {low} is above high {high}: write the smaller one first")
