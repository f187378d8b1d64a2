"""Means looked at every day: bounds that hold at all times at once, so that one may stop at any of them.

An interval made for one day and looked at daily for a year excludes the truth far more often than it says. With n days,
mean m and standard deviation s (n - 1), the bounds here are all m0 for which the mixture of likelihood ratios

    E_n(m0) = sqrt(k) ((1 + u) / (1 + k u))^(n / 2),   u = n (m - m0)^2 / ((n - 1) s^2),   k = c / (n + c)

stays below 1 / alpha. For normal values of any scale, E_n(truth) is a nonnegative martingale of mean 1 (a normal prior
of variance 1 / c on the effect in standard deviations: Lai 1976, Ann. Stat. 4:265; Wang & Ramdas 2025, "Anytime-valid
t-tests and confidence sequences for Gaussian means with unknown variance", Seq. Anal.), so it EVER reaches 1 / alpha
with probability alpha at most (Ville). As n grows the bounds become Robbins' normal mixture with an estimated variance,

    m -+ s sqrt(2 (n r + 1) / (n^2 r) log(sqrt(n r + 1) / alpha)),   r = 1 / c

which is what holds for any values with a little more than a variance, unbounded ones too (Robbins 1970, Ann. Math.
Stat. 41:1397; Howard, Ramdas, McAuliffe & Sekhon 2021, Ann. Stat. 49:1055; Waudby-Smith, Arbour, Sinha, Kennedy &
Ramdas 2024, "Time-uniform central limit theory and asymptotic confidence sequences", Ann. Stat. 52:2613, Theorem 2.2).
Theirs is a law of large n, so nothing is decided before `least_days` days, of which `LEAST_MOVED` were not 0. c makes
the bounds narrowest near `TUNED_FOR` days. Measured at level 0.95 on worlds without a difference, looked at daily for
250 days: ever wrong in 2 to 4 % of normal, t5 and mostly idle ones, in 6 % of values as skewed as an exponential.

A mean per trade has days as clusters: with day totals y and numbers of trades x its m0 are those for which y - m0 x has
mean 0 (Fieller 1954, JRSS B 16:175); days without a trade say nothing of it and are left out.

Bounds of a day are those of its n alone, not the intersection with the days before: they follow the data, and a verdict
may be taken back by later days. There is no futility rule: what stays inconclusive goes on.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mia_ml.core.errors import ConfigError, DataError

TUNED_FOR = 45.0
LEAST_DAYS = 30
LEAST_TRADED = 20
LEAST_MOVED = 10
Verdict = Literal["promote", "keep", "inconclusive"]


@dataclass(frozen=True)
class Interval:
    """mean: of n values. low, high: NaN while undecided."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Running:
    """float64 [..., days] each, after every day. n: int64, values (days or trades) so far."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: np.ndarray

    @property
    def last(self) -> Interval:
        """Of one sequence, after its last day."""
        if self.n.size == 0:
            return Interval(math.nan, math.nan, math.nan, 0)
        return Interval(float(self.mean[-1]), float(self.low[-1]), float(self.high[-1]), int(self.n[-1]))


def confidence_sequence(values: np.ndarray, level: float = 0.95, least_days: int = LEAST_DAYS) -> Running:
    """Of the mean of daily values, float64 [..., days]: one sequence or many. Raises DataError on NaN."""
    values = _finite(values, "value")
    return _running(values, np.ones_like(values), level, least_days)


def per_trade(totals: np.ndarray, n_trades: np.ndarray, level: float = 0.95, least_days: int = LEAST_TRADED) -> Running:
    """Of the mean of a trade, from each day's total and number of trades, both [..., days].

    `least_days` that traded are needed; `n` are trades. Undecided too while their number a day could be 0 in the mean.
    """
    return _running(_finite(totals, "total"), _finite(n_trades, "number of trades"), level, least_days)


def verdict(differences: np.ndarray, level: float = 0.95) -> Verdict:
    """Of daily differences, challenger less champion.

    >>> verdict(np.tile([90.0, 110.0], 20)), verdict(np.tile([-90.0, -110.0], 20)), verdict(np.tile([-9.0, 11.0], 20))
    ('promote', 'keep', 'inconclusive')
    """
    found = confidence_sequence(differences, level).last
    return "promote" if found.low > 0 else "keep" if found.high < 0 else "inconclusive"


def _running(y: np.ndarray, x: np.ndarray, level: float, least_days: int) -> Running:
    """Fieller's bounds of the ratio of the means of y and x; with x = 1 those of the mean of y."""
    if not 0.5 <= level < 1:
        raise ConfigError(f"level {level} of a confidence sequence must be in [0.5, 1)")
    if y.shape[-1] == 0:
        return Running(y, y, y, np.zeros(y.shape, np.int64))
    days = np.cumsum(x != 0, axis=-1)
    moved = np.cumsum((x != 0) & (y != 0), axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_y, mean_x = np.cumsum(y, axis=-1) / days, np.cumsum(x, axis=-1) / days
        s_yy, s_xy, s_xx = _moments(y, y, x, days), _moments(y, x, x, days), _moments(x, x, x, days)
        ratio = mean_y / mean_x
        q = _critical(days, 1 - level)
        leading = mean_x**2 - q * s_xx
        spread = mean_x**2 * (s_yy - 2 * ratio * s_xy + ratio**2 * s_xx) - q * (s_yy * s_xx - s_xy**2)
        middle = (mean_x * mean_y - q * s_xy) / leading
        half = np.sqrt(q * spread) / leading
        enough = (days >= least_days) & (moved >= LEAST_MOVED) & (leading > 0) & (spread > 0)
    low, high = (np.where(enough, bound, np.nan) for bound in (middle - half, middle + half))
    return Running(ratio, low, high, np.cumsum(x, axis=-1).astype(np.int64))


def _critical(days: np.ndarray, alpha: float) -> np.ndarray:
    """u (n - 1) / n where E_n is 1 / alpha: the squared standard deviations from the mean that stay inside; infinite on
    days so few that no mean is refuted."""
    scale = -2 * math.log(alpha)
    prior = TUNED_FOR / (scale + math.log(scale) + 1)
    k = prior / (days + prior)
    a = (1 / (alpha * np.sqrt(k))) ** (2 / days)
    return np.where(k * a < 1, (a - 1) / (1 - k * a) * (days - 1) / days, np.inf)


def _moments(v: np.ndarray, w: np.ndarray, x: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Covariance (n - 1) of v and w over the days so far that count, those with x."""
    # from the first such day, so that sums of squares keep their digits and later days change no earlier value
    first = np.expand_dims(np.argmax(x != 0, axis=-1), -1)
    off_v = np.where(x != 0, v - np.take_along_axis(v, first, -1), 0.0)
    off_w = np.where(x != 0, w - np.take_along_axis(w, first, -1), 0.0)
    sums = np.cumsum(off_v, axis=-1) * np.cumsum(off_w, axis=-1)
    return (np.cumsum(off_v * off_w, axis=-1) - sums / days) / (days - 1)


def _finite(values: np.ndarray, what: str) -> np.ndarray:
    values = np.asarray(values, np.float64)
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        at = tuple(int(i) for i in bad[0])
        raise DataError(
            f"{what} of day {at[-1]} is {values[at]}: a running mean needs finite numbers, leave the day out"
        )
    return values
