"""A figure with its uncertainty: what every page, gate and table of the judge quotes."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A figure and its interval. low, high: NaN where no interval can be given.

    name, unit: as in `metrics.kpi`. level: of the interval, such as 0.95. method: how it was made, in a few words.
    undecidable: why `value` is NaN or means nothing, empty when it stands.
    """

    name: str
    value: float
    low: float
    high: float
    unit: str
    level: float = 0.95
    method: str = ""
    undecidable: str = ""

    @property
    def decided(self) -> bool:
        return not self.undecidable and not math.isnan(self.value)


def undecided(name: str, unit: str, why: str) -> Estimate:
    """
    >>> undecided("profit_factor", "ratio", "no losing trade").decided
    False
    """
    return Estimate(name, math.nan, math.nan, math.nan, unit, undecidable=why)


def point(name: str, value: float, unit: str, method: str = "") -> Estimate:
    """A figure that has no interval, such as a count.

    >>> point("n_trades", 12, "trades").low
    nan
    """
    return Estimate(name, float(value), math.nan, math.nan, unit, method=method)
