"""Sharpe ratios after selection: what is left when the luck of the best of many is taken off.

A Sharpe ratio S is per day here, mean / standard deviation (n - 1) of the P&L of n days, days without a trade included.
With skewness g3 and kurtosis g4 (3 if normal) of those days, Z the normal distribution function and c = 0.5772...
(Euler-Mascheroni):

    variance of S           v = (1 - g3 S + (g4 - 1) / 4 S^2) / (n - 1)                                     [1, 2]
    PSR(S*)                 Z((S - S*) / sqrt(v)): how probable it is that the true ratio is above S*          [1]
    minimum track record    1 + (n - 1) v (Z^-1(level) / (S - S*))^2 days: PSR(S*) reaches level               [1]
    best of N, no skill     E = sqrt(V) ((1 - c) Z^-1(1 - 1 / N) + c Z^-1(1 - 1 / (N e)))                      [3]
    DSR                     PSR(E), V the variance of the Sharpe ratios of the N trials                        [3]
    N that count            r + (1 - r) M of M trials, r the mean correlation of their daily P&L               [3]
    minimum backtest        (E(V = 1) / annual S)^2 years: below, the best of N without skill looks so good    [4]

Days are taken as independent of each other, and so are the N trials.

[1] Bailey & Lopez de Prado (2012), The Sharpe Ratio Efficient Frontier, Journal of Risk 15(2)
[2] Mertens (2002), Comments on variance of the IID estimator in Lo (2002)
[3] Bailey & Lopez de Prado (2014), The Deflated Sharpe Ratio, Journal of Portfolio Management 40(5)
[4] Bailey, Borwein, Lopez de Prado & Zhu (2014), Pseudo-Mathematics and Financial Charlatanism, Notices AMS 61(5)
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from mia_ml.core.errors import DataError
from mia_ml.metrics import estimate
from mia_ml.metrics.estimate import Estimate

LEAST_DAYS = 3
LEAST_COMMON_DAYS = 20


@dataclass(frozen=True)
class Track:
    """The moments of a track record of n days. undecidable: why there are none, empty when they stand."""

    n: int
    sharpe: float  # per day
    skewness: float
    kurtosis: float  # 3 for a normal distribution
    undecidable: str = ""

    @property
    def variance(self) -> float:
        """Of the Sharpe ratio as an estimate of the true one.

        Example of [1]: 134 months of a hedge fund index, and its standard error of 0.1028.

        >>> round(math.sqrt(Track(n=134, sharpe=0.7079, skewness=-0.2250, kurtosis=2.9570).variance), 4)
        0.1028
        """
        return self._shape / (self.n - 1)

    @property
    def _shape(self) -> float:
        return 1 - self.skewness * self.sharpe + (self.kurtosis - 1) / 4 * self.sharpe**2


def track(returns: np.ndarray) -> Track:
    """The track record of daily P&L, float64 [d], in any unit. Raises DataError on a day that is not known."""
    returns = np.asarray(returns, np.float64)
    lost = np.flatnonzero(~np.isfinite(returns))
    if lost.size:
        raise DataError(f"daily P&L, day {lost[0]} is {returns[lost[0]]}: leave unknown days out")
    few = f"fewer than {LEAST_DAYS} days" if returns.size < LEAST_DAYS else ""
    why = few or ("" if np.ptp(returns) > 0 else "daily P&L never varies")
    if why:
        return Track(returns.size, math.nan, math.nan, math.nan, why)
    away = returns - returns.mean()
    variance = float((away**2).mean())
    return Track(
        n=returns.size,
        sharpe=float(returns.mean() / returns.std(ddof=1)),
        skewness=float((away**3).mean()) / variance**1.5,
        kurtosis=float((away**4).mean()) / variance**2,
    )


def probabilistic(record: Track, against: float = 0.0, name: str = "psr") -> Estimate:
    """PSR. It is a probability about the estimate itself, so it has no interval.

    >>> fund = Track(n=24, sharpe=0.458, skewness=-2.448, kurtosis=10.164)
    >>> round(probabilistic(fund).value, 3)
    0.913
    """
    if record.undecidable:
        return estimate.undecided(name, "probability", record.undecidable)
    if not record.variance > 0:
        return estimate.undecided(name, "probability", "the days are too alike to tell the error of the Sharpe ratio")
    z = (record.sharpe - against) / math.sqrt(record.variance)
    return estimate.point(name, float(ndtr(z)), "probability", "probabilistic Sharpe ratio")


def expected_maximum(n_trials: float, variance: float) -> float:
    """The Sharpe ratio expected of the best of `n_trials` independent trials without skill.

    n_trials: at least 1, need not be whole. variance: of the trials' Sharpe ratios, in whose unit the answer is; NaN
    gives NaN. Not below 0: the approximation of [3] is for many trials and turns negative under 1.3. Raises DataError.

    >>> round(expected_maximum(10, 1.0), 2)
    1.57
    """
    if not n_trials >= 1:
        raise DataError(f"n_trials is {n_trials}: the result that is judged is itself one trial")
    if n_trials == 1:
        return 0.0
    if variance < 0:
        raise DataError(f"the variance of the Sharpe ratios of {n_trials} trials is {variance}: it is at least 0")
    c = np.euler_gamma
    z = -(1 - c) * ndtri(1 / n_trials) - c * ndtri(1 / (n_trials * math.e))
    return math.sqrt(variance) * max(0.0, float(z))


def deflated(record: Track, n_trials: float, variance: float, name: str = "dsr") -> Estimate:
    """DSR: PSR against `expected_maximum`. variance: of the trials' daily Sharpe ratios, NaN when it is not known."""
    against = expected_maximum(n_trials, variance)
    if math.isnan(against):
        return estimate.undecided(name, "probability", "fewer than 2 trials have a Sharpe ratio")
    psr = probabilistic(record, against, name)
    if psr.undecidable:
        return psr
    return estimate.point(name, psr.value, psr.unit, f"PSR against {against:.4f}, best of {n_trials:.4g} without skill")


def minimum_track_record(record: Track, against: float = 0.0, level: float = 0.95) -> Estimate:
    """Days after which PSR(against) is `level`, if the moments of the record stay what they are."""
    name, unit = "min_track_record_days", "trading days"
    if record.undecidable:
        return estimate.undecided(name, unit, record.undecidable)
    if record.sharpe <= against:
        return estimate.undecided(name, unit, f"the Sharpe ratio is not above {against:g}: no record is long enough")
    days = 1 + record._shape * (ndtri(level) / (record.sharpe - against)) ** 2
    return estimate.point(name, days, unit, f"PSR({against:g}) of {level:g}")


def minimum_backtest(n_trials: float, annual_sharpe: float) -> Estimate:
    """Years of data under which the best of `n_trials` without skill is expected to show `annual_sharpe` or more.

    >>> round(minimum_backtest(45, 1.0).value, 2)
    5.0
    """
    name, unit = "min_backtest_years", "years"
    if not annual_sharpe > 0:
        return estimate.undecided(name, unit, "the Sharpe ratio is not above 0: no backtest is long enough")
    years = (expected_maximum(n_trials, 1.0) / annual_sharpe) ** 2
    return estimate.point(name, years, unit, f"best of {n_trials:.4g} without skill")


def of_trials(pnl: np.ndarray) -> np.ndarray:
    """Daily Sharpe ratios of configurations, float64 [k].

    pnl: float64 [d, k], NaN on days a configuration was not computed for. NaN for one with fewer than 3 such days or
    that never varies: one that never trades.
    """
    return np.array([track(column[~np.isnan(column)]).sharpe for column in np.asarray(pnl, np.float64).T])


def variance_of(sharpes: np.ndarray) -> float:
    """V: the variance (n - 1) of the Sharpe ratios of the trials that have one, NaN for fewer than 2."""
    known = sharpes[~np.isnan(sharpes)]
    return float(known.var(ddof=1)) if known.size > 1 else math.nan


def correlations(pnl: np.ndarray, least_common_days: int = LEAST_COMMON_DAYS) -> np.ndarray:
    """Correlations of the daily P&L of configurations, float64 [k, k].

    pnl: float64 [d, k], NaN on days a configuration was not computed for. Each pair is compared on the days they have
    in common; with fewer than `least_common_days`, or without variation on them, it counts as uncorrelated: such trials
    count in full.
    """
    pnl = np.asarray(pnl, np.float64)
    known = ~np.isnan(pnl)
    n_known = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, pnl, 0.0)
    away = np.where(known, filled - filled.sum(axis=0) / n_known, 0.0)
    spread = np.sqrt((away**2).sum(axis=0) / n_known)
    away /= np.where(spread > 0, spread, 1.0)

    both = known.astype(np.float64)
    common = both.T @ both
    days = np.maximum(common, 1)
    sums = away.T @ both  # of the row's configuration, on the days it has in common with the column's
    squares = (away**2).T @ both - sums**2 / days
    products = away.T @ away - sums * sums.T / days
    varies = squares > 1e-12 * days
    comparable = (common >= least_common_days) & varies & varies.T
    scale = np.sqrt(np.where(comparable, squares * squares.T, 1.0))
    found = np.where(comparable, np.clip(products / scale, -1.0, 1.0), 0.0)
    np.fill_diagonal(found, 1.0)
    return found


def effective_by_mean(correlation: np.ndarray) -> float:
    """r + (1 - r) M, between 1 and M, r the mean correlation of the pairs.

    V of correlated trials is small already, so with r near 1 this takes a little too much off: the best of 64 without
    skill, correlated by 0.9, passes DSR >= 0.95 in 7 % of cases; by 0.6 or less in under 5 %.

    >>> effective_by_mean(np.array([[1.0, 0.5], [0.5, 1.0]]))
    1.5
    """
    m = len(correlation)
    if m < 2:
        return float(m)
    r = (correlation.sum() - np.trace(correlation)) / (m * (m - 1))
    return float(np.clip(r + (1 - r) * m, 1, m))
