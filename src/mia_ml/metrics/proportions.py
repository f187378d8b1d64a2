"""Intervals of a share of wins, and how many independent trades clustered ones are worth.

Both intervals are statsmodels' `proportion_confint`: Wilson (1927, JASA 22:209) and exact (Clopper & Pearson 1934,
Biometrika 26:404). Trades of one day share its market, so n of them are worth n / effect, with the design effect of
days (Kish 1965, Survey Sampling, ch. 5), n_d trades summing to y_d on D days that traded and m = sum y_d / n:

    variance of m, days drawn   V = D / (D - 1) * sum (y_d - m n_d)^2 / n^2
    effect                      V / (variance of one trade / n), at least 1
"""

import math

import numpy as np
from statsmodels.stats.proportion import proportion_confint

from mia_ml.core.errors import DataError


def wilson(n_wins: float, n_trades: float, level: float = 0.95) -> tuple[float, float]:
    """Counts may be effective ones, divided by a design effect. Raises DataError without trades.

    >>> [round(end, 4) for end in wilson(81, 263)]
    [0.2553, 0.3662]
    """
    return _interval(n_wins, n_trades, level, "wilson")


def exact(n_wins: int, n_trades: int, level: float = 0.95) -> tuple[float, float]:
    """Covers at least the level whatever the rate, for independent trades. Raises DataError without trades.

    >>> [round(end, 4) for end in exact(81, 263)]
    [0.2527, 0.3676]
    """
    return _interval(n_wins, n_trades, level, "beta")


def design_effect(totals: np.ndarray, n_trades: np.ndarray, variance: float) -> float:
    """Of a mean over trades. totals: [d], its sum on each day. n_trades: [d]. variance: of one trade.

    1 when nothing can be said: fewer than 2 days with trades, or a variance of 0.
    """
    traded = np.asarray(n_trades) > 0
    days, n = np.count_nonzero(traded), np.sum(n_trades)
    if days < 2 or not variance > 0:
        return 1.0
    y, counts = np.asarray(totals)[traded], np.asarray(n_trades)[traded]
    off = y - y.sum() / n * counts
    return max(1.0, float(days / (days - 1) * (off**2).sum() / (n * variance)))


def day_design_effect(n_wins: np.ndarray, n_trades: np.ndarray) -> float:
    """Of the win rate; both [d], by day.

    >>> day_design_effect(np.array([2, 0, 2, 0]), np.array([2, 2, 2, 2]))  # 8 trades are 4, up to D / (D - 1)
    2.6666666666666665
    """
    n = np.sum(n_trades)
    rate = np.sum(n_wins) / n if n else 0.0
    return design_effect(n_wins, n_trades, rate * (1 - rate))


def _interval(n_wins: float, n_trades: float, level: float, method: str) -> tuple[float, float]:
    if not 0 <= n_wins <= n_trades or n_trades == 0 or math.isnan(n_trades):
        raise DataError(f"{n_wins} wins of {n_trades} trades have no interval: give 0 <= wins <= trades, and a trade")
    low, high = proportion_confint(n_wins, n_trades, alpha=1 - level, method=method)
    return float(low), float(high)
