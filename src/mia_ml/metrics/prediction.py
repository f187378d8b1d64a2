"""What a backtest promises of what is still to come: where the mean of n more values will lie, and their number.

A mean m with interval [l, u] at a level, and values with standard deviation sd, foretell the mean of n more in

    m - sqrt((m - l)^2 + v)   to   m + sqrt((u - m)^2 + v),     v = z^2 effect sd^2 / n

which adds what is not known of the true mean to what n values scatter around it (Hahn & Meeker 1991, Statistical
Intervals, 4.8), each side by its own, as intervals that are not symmetric are added (Zou & Donner 2008, Stat. Med.
27:1693). Values of one day share its market: they scatter as the interval itself says that the n0 behind it did,

    effect = n0 ((u - l) / 2)^2 / (z sd)^2, at least 1.

A number of trades is the mean number a day, whose variance is itself where trades are independent (Poisson) and, by
the same effect, larger where they come in clusters.
"""

import math

import numpy as np
from scipy.special import ndtri

from mia_ml.metrics.estimate import Estimate, undecided
from mia_ml.metrics.kpi import DAYS_A_MONTH


def of_mean(found: Estimate, sd: float, n_found: float, n: float) -> Estimate:
    """Of n more values. found: the mean of n_found, with its interval. sd: of one value, in the same unit.

    >>> foretold = of_mean(Estimate("expectancy_r", 0.2, 0.1, 0.3, "R"), 1.0, 400, 100)
    >>> round(foretold.low, 3), round(foretold.high, 3)
    (-0.024, 0.424)
    """
    half = (found.high - found.low) / 2
    if not found.decided:
        return undecided(found.name, found.unit, found.undecidable or "the backtest does not know it")
    if math.isnan(half) or not sd > 0 or not n_found > 0:
        return undecided(found.name, found.unit, "the backtest gives no interval to foretell from")
    if not n > 0:
        return undecided(found.name, found.unit, "nothing has come yet")
    z = float(ndtri((1 + found.level) / 2))
    effect = max(1.0, n_found * half**2 / (z * sd) ** 2)
    scatter = z**2 * effect * sd**2 / n
    low = found.value - math.sqrt((found.value - found.low) ** 2 + scatter)
    high = found.value + math.sqrt((found.high - found.value) ** 2 + scatter)
    return Estimate(found.name, found.value, low, high, found.unit, found.level, "prediction interval")


def of_count(found: Estimate, n_days_found: float, n_days: float) -> Estimate:
    """The number of trades on `n_days` more trading days. found: trades a month, of `n_days_found` days."""
    value, low, high = (x / DAYS_A_MONTH for x in (found.value, found.low, found.high))
    a_day = Estimate("n_trades", value, low, high, "trades", found.level, undecidable=found.undecidable)
    foretold = of_mean(a_day, math.sqrt(value) if value > 0 else math.nan, n_days_found, n_days)
    if not foretold.decided:
        return foretold
    low, value, high = (float(np.maximum(n_days * x, 0.0)) for x in (foretold.low, foretold.value, foretold.high))
    return Estimate("n_trades", value, low, high, "trades", found.level, foretold.method)
