"""What can be seen at all: trades needed to see a difference, and the least difference that trades can show.

Sizes are for a two-sided test at `level`, seen with probability `power` (95 % and 80 % by default), by the normal
formula of statsmodels, `normal_sample_size_one_tail` at half of alpha:

    n = effect * ((z_alpha s0 + z_power s1) / difference)^2

    against        s0                  s1
    another run    sqrt(2 m (1 - m))   sqrt(p (1 - p) + q (1 - q))   m = (p + q) / 2; n trades in each run
    a fixed rate   sqrt(q (1 - q))     sqrt(p (1 - p))               p seen against q, such as break-even
    0 R            sd                  sd                            of one trade, R

The first is Fleiss, Levin & Paik 2003 (Statistical Methods for Rates and Proportions, 4.3, without the continuity
correction) for independent runs. Two runs on the same days share much of their luck, so a paired comparison needs
fewer: the figure is conservative. effect: the design effect of days (`proportions`), 1 when trades are independent.
Win rates are shares, their differences are in points (1 point = 0.01) and may be negative. NaN: cannot be said, or
nothing that could be seen. Numbers of trades and days are whole, rounded up.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from statsmodels.stats.power import normal_sample_size_one_tail

from mia_ml.metrics import proportions
from mia_ml.metrics.kpi import DAYS_A_MONTH

POINT = 0.01


@dataclass(frozen=True)
class Certainty:
    """level: confidence, two-sided. power: probability of seeing what is there. effect: design effect of days."""

    level: float = 0.95
    power: float = 0.80
    effect: float = 1.0


@dataclass(frozen=True)
class Seen:
    """What given trades could have shown. detectable_points: of win rate, against another run of as many trades."""

    sd_r: float
    trades_per_month: float
    detectable_r: float
    detectable_points: float


def trades_for_gain(win_rate: float, points: float, certainty: Certainty = Certainty()) -> float:
    """Trades in each of two runs, to see that the second wins `points` more often than the first.

    >>> trades_for_gain(0.60, 10)
    356.0
    """
    return _whole(_trades(_two_runs(win_rate, points), points * POINT, certainty))


def trades_for_rate(fixed_rate: float, points: float, certainty: Certainty = Certainty()) -> float:
    """Trades to see that a win rate lies `points` above a fixed one, such as break-even.

    >>> trades_for_rate(0.50, 20)
    47.0
    """
    return _whole(_trades(_one_run(fixed_rate, points), points * POINT, certainty))


def trades_for_expectancy(expectancy_r: float, sd_r: float, certainty: Certainty = Certainty()) -> float:
    """Trades to see that an expectancy is not 0 R.

    >>> trades_for_expectancy(0.20, 1.4)
    385.0
    """
    return _whole(_trades((sd_r, sd_r), expectancy_r, certainty))


def detectable_gain(n_trades: float, win_rate: float, certainty: Certainty = Certainty()) -> float:
    """The least points of win rate above `win_rate` that two runs of n trades show.

    >>> round(detectable_gain(356, 0.60), 1)
    10.0
    """
    return _least_points(n_trades, win_rate, lambda points: _two_runs(win_rate, points), certainty)


def detectable_rate(n_trades: float, fixed_rate: float, certainty: Certainty = Certainty()) -> float:
    """The least points of win rate above a fixed rate that n trades show."""
    return _least_points(n_trades, fixed_rate, lambda points: _one_run(fixed_rate, points), certainty)


def detectable_expectancy(n_trades: float, sd_r: float, certainty: Certainty = Certainty()) -> float:
    """The least expectancy, R, that n trades show.

    >>> round(detectable_expectancy(1000, 1.4), 3)
    0.124
    """
    return math.sqrt(_trades((sd_r, sd_r), 1.0, certainty) / n_trades) if n_trades > 0 else math.nan


def days_for(n_trades: float, trades_per_day: float) -> float:
    """Trading days that n trades take, by their frequency."""
    return _whole(n_trades / trades_per_day) if trades_per_day > 0 else math.nan


def before(
    promises: Mapping[str, float], win_rate: float, trades_per_day: float, certainty: Certainty = Certainty()
) -> tuple[tuple[str, float, float, float], ...]:
    """What each promised gain needs to be seen: (what, points, trades in each of two runs, trading days).

    promises: what is promised -> points of win rate. win_rate: that the gain starts from, share. trades_per_day: over
        all trading days, those without a trade included.
    """
    needs = ((what, points, trades_for_gain(win_rate, points, certainty)) for what, points in promises.items())
    return tuple((what, float(points), n, days_for(n, trades_per_day)) for what, points, n in needs)


def after(trades: np.ndarray, sums: np.ndarray, level: float = 0.95, power: float = 0.80) -> Seen:
    """What the trades there were could have shown, each day's trades counted for what they are worth.

    trades: records with day and net_r. sums: the DAY_SUMS of the same trades. NaN below 2 trades.
    """
    n = len(trades)
    per_month = n / len(sums) * DAYS_A_MONTH if len(sums) else math.nan
    if n < 2:
        return Seen(math.nan, per_month, math.nan, math.nan)
    sd_r = float(trades["net_r"].std(ddof=1))
    of_r = Certainty(level, power, proportions.design_effect(sums["net_r"], sums["n_trades"], sd_r**2))
    of_wins = Certainty(level, power, proportions.day_design_effect(sums["n_wins"], sums["n_trades"]))
    win_rate = sums["n_wins"].sum() / n
    return Seen(
        sd_r,
        per_month,
        detectable_expectancy(n, sd_r, of_r),
        detectable_gain(n, win_rate, of_wins),
    )


def _two_runs(win_rate: float, points: float) -> tuple[float, float]:
    other = win_rate + points * POINT
    mean = (win_rate + other) / 2
    return _root(2 * mean * (1 - mean)), _root(_variance(win_rate) + _variance(other))


def _one_run(fixed_rate: float, points: float) -> tuple[float, float]:
    return _root(_variance(fixed_rate)), _root(_variance(fixed_rate + points * POINT))


def _variance(rate: float) -> float:
    return rate * (1 - rate) if -1e-12 <= rate <= 1 + 1e-12 else math.nan


def _root(variance: float) -> float:
    return math.sqrt(max(variance, 0.0))


def _trades(spreads: tuple[float, float], difference: float, certainty: Certainty) -> float:
    if not difference:
        return math.nan
    alpha = (1 - certainty.level) / 2
    return float(certainty.effect * normal_sample_size_one_tail(difference, certainty.power, alpha, *spreads))


def _least_points(
    n_trades: float, rate: float, spreads: Callable[[float], tuple[float, float]], certainty: Certainty
) -> float:
    most = (1 - rate) / POINT

    def short_of(points: float) -> float:
        return _trades(spreads(points), points * POINT, certainty) - n_trades

    if not 0 <= rate < 1 or not n_trades > 0 or short_of(most) > 0:
        return math.nan
    return float(brentq(short_of, min(1e-6, most), most))


def _whole(n: float) -> float:
    return n if math.isnan(n) else float(math.ceil(round(n, 9)))
