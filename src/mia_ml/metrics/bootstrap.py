"""Intervals of the key figures: BCa over the stationary bootstrap of trading days (SPEC 8).

Days are drawn in blocks of geometric length that wrap around the span (Politis & Romano 1994, JASA 89:1303), by
`arch.bootstrap.StationaryBootstrap`; every figure is taken from the same draws. With B draws t* of a figure t, and t_i
the figure without day i (Efron 1987, JASA 82:171; z_q is the normal quantile, ties count half):

    bias           z0 = Phi^-1(share of t* below t)
    acceleration   a = sum u_i^3 / (6 (sum u_i^2)^1.5),   u_i = mean(t_i) - t_i
    quantiles      Phi(z0 + (z0 + z_q) / (1 - a (z0 + z_q))) of the t*

arch's own BCa centres the t_i of all figures of a vector on one mean, hence these lines; for one figure the two agree.

Draws around their own mean are too narrow on short spans: with mean block b, n days and r = 1 - 1/b they lack the part
(2b - 1) / n of the variance, and know it as well as v = (n - 1) (1 - r^2) / (1 + r^2) independent days would. So z_q is
expanded (as Hesterberg 2015, Am. Stat. 69:371, does for independent draws) to t_q(v) / sqrt(1 - (2b - 1) / n).

Two figures differ. The drawdown of a span is one draw, not a mean, and correcting its bias would double its luck: its
interval is that of the draws (percentile). Below `wilson_below` trades, or when all of them won or lost, the win rate
and what follows from it have the Wilson interval of `proportions`.

A draw that cannot decide a figure (no trades, no loss) is left out, its share is said in `method`, and above
`most_undecidable` the figure counts as undecidable. No interval (NaN, `method` says why) on less than 4 mean blocks, or
when the figure lies outside the level of its own draws.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from arch.bootstrap import StationaryBootstrap
from scipy.special import ndtr, ndtri, stdtrit

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.core.kernel import kernel
from mia_ml.metrics import day_sums, proportions
from mia_ml.metrics.estimate import Estimate, point, undecided

DIFFERENCES = ("expectancy_r", "win_rate", "win_rate_minus_break_even", "profit_factor", "sharpe", "net_usd")
LEAST_BLOCKS = 4


@dataclass(frozen=True)
class Resampling:
    """What every interval is made with. block_days: mean block, trading days. level: such as 0.95. wilson_below:
    trades. most_undecidable: share of the draws."""

    resamples: int
    block_days: float
    level: float
    seed: int
    wilson_below: int = 100
    most_undecidable: float = 0.05

    def __post_init__(self) -> None:
        if self.resamples < 100 or self.block_days < 1 or not 0.5 <= self.level < 1:
            raise ConfigError(
                f"resampling: {self.resamples} resamples must be at least 100, block_days {self.block_days} at least "
                f"1, level {self.level} in [0.5, 1)"
            )

    @property
    def tails(self) -> np.ndarray:
        """[2], probabilities of the two ends of an interval."""
        return np.array([(1 - self.level) / 2, (1 + self.level) / 2])

    def expanded(self, n_days: int) -> np.ndarray:
        """[2], z_q of an interval over so many days; see above."""
        stay = 1 - 1 / self.block_days
        freedom = (n_days - 1) * (1 - stay**2) / (1 + stay**2)
        return stdtrit(freedom, self.tails) / math.sqrt(1 - (2 * self.block_days - 1) / n_days)


@dataclass(frozen=True)
class Draws:
    """Of one figure. resampled: [resamples]. without: [days], the figure with one day left out. NaN: undecidable."""

    value: float
    resampled: np.ndarray
    without: np.ndarray
    n_days: int  # that carry information


def estimates(sums: np.ndarray, capital_usd: float, resampling: Resampling) -> tuple[Estimate, ...]:
    """All key figures of DAY_SUMS that are functions of days, under the names of `metrics.kpi`; counts have no
    interval."""
    figures = dict(zip(day_sums.Figures._fields, _draws(_of(sums, capital_usd), sums.size, resampling), strict=True))
    why = day_sums.reasons(sums)
    rates = _few(sums, figures["break_even_win_rate"].value, resampling)
    return (
        point("n_trades", int(sums["n_trades"].sum()), "trades"),
        point("n_signals", int(sums["n_signals"].sum()), "signals"),
        point("n_days", sums.size, "trading days"),
        point("days_traded", int(np.count_nonzero(sums["n_trades"])), "trading days"),
        *(
            rates.get(name) or _estimate(name, day_sums.UNITS[name], draws, resampling, why.get(name, ""))
            for name, draws in figures.items()
        ),
    )


def differences(
    sums: np.ndarray, other: np.ndarray, capital_usd: float, resampling: Resampling
) -> tuple[Estimate, ...]:
    """Figures of `sums` minus those of `other`, drawn on the same days; `signals_change` is n_signals / other's - 1.

    Raises DataError when the two are not of the same days.
    """
    if not np.array_equal(sums["day"], other["day"]):
        raise DataError(
            f"{sums.size} days against {other.size} others: a paired difference needs the same days in both"
        )
    of_one, of_other = _of(sums, capital_usd), _of(other, capital_usd)
    signals = day_sums.Figures._fields.index("signals_per_month")
    compared = [day_sums.Figures._fields.index(name) for name in DIFFERENCES]

    def statistic(days: np.ndarray) -> np.ndarray:
        one, two = of_one(days), of_other(days)
        change = one[signals] / two[signals] - 1 if two[signals] > 0 else math.nan
        return np.append((one - two)[compared], change)

    here, there = day_sums.reasons(sums), day_sums.reasons(other)
    why = {name: here.get(name) or (f"other: {there[name]}" if name in there else "") for name in DIFFERENCES}
    why["signals_change"] = "" if other["n_signals"].any() else "other: no signals"
    units = day_sums.UNITS | {"signals_change": "share"}
    draws = _draws(statistic, sums.size, resampling)
    return tuple(
        _estimate(name, units[name], figure, resampling, why[name]) for name, figure in zip(why, draws, strict=True)
    )


def ratio_of(
    sums: np.ndarray, weights: np.ndarray, resampling: Resampling, names: Sequence[str] = ("ratio",), unit: str = ""
) -> tuple[Estimate, ...]:
    """Sums over days by the sums of their weights, one estimate for each column; a day is drawn with both.

    With numbers of rows as weights it is a mean over rows, with 1 a mean over days. sums, weights: float64 [d] or
    [d, k]; weights at least 0, a day of weight 0 tells nothing and has the sum 0. names: one for each column.
    Raises DataError when they are not as many.
    """
    if sums.shape != weights.shape:
        raise DataError(f"sums {sums.shape} for weights {weights.shape}: give a weight for each sum")
    over, under = (np.ascontiguousarray(np.atleast_2d(one.T).T, np.float64) for one in (sums, weights))
    if len(names) != over.shape[1]:
        raise DataError(f"{len(names)} names for {over.shape[1]} columns of daily sums: give one for each column")
    known = np.count_nonzero(under, axis=0)
    draws = _draws(lambda days: _ratios(over, under, days), len(over), resampling, known)
    return tuple(
        _estimate(name, unit, column, resampling, "" if column.n_days else "no day is known")
        for name, column in zip(names, draws, strict=True)
    )


def bca(draws: Draws, ends_z: np.ndarray) -> np.ndarray:
    """[2], the interval between two normal quantiles, NaN when `value` lies outside of them; see above.

    `draws` hold no NaN.
    """
    apart = ~np.isclose(draws.resampled, draws.value, rtol=1e-12, atol=0)  # sums in another order
    resampled = np.where(apart, draws.resampled, draws.value)
    bias = ndtri((np.count_nonzero(resampled < draws.value) + np.count_nonzero(~apart) / 2) / resampled.size)
    if not ends_z[0] < bias < ends_z[1]:
        return np.full(2, math.nan)
    influence = draws.without.mean() - draws.without
    squares = (influence**2).sum()
    acceleration = (influence**3).sum() / (6 * squares**1.5) if squares > 0 else 0.0
    reach = bias + ends_z
    slowed = 1 - acceleration * reach
    moved = np.where(slowed > 0, reach / np.where(slowed > 0, slowed, 1.0), np.copysign(math.inf, reach))
    return np.quantile(resampled, ndtr(bias + moved))


def _draws(
    statistic: Callable[[np.ndarray], np.ndarray], n_days: int, resampling: Resampling, known: np.ndarray | None = None
) -> list[Draws]:
    """One for each figure of `statistic`, which takes positions of days. known: days that carry information, by
    figure."""
    days = np.arange(n_days)
    values = statistic(days)
    resampled: np.ndarray = np.empty((0, values.size))
    without = resampled
    if n_days:
        blocks = StationaryBootstrap(resampling.block_days, days, seed=resampling.seed)  # type: ignore[arg-type]
        resampled = blocks.apply(statistic, resampling.resamples)
        without = np.stack([statistic(np.delete(days, day)) for day in days])
    informative = np.broadcast_to(n_days if known is None else known, values.size)
    return [Draws(float(values[k]), resampled[:, k], without[:, k], int(informative[k])) for k in range(values.size)]


def _estimate(name: str, unit: str, draws: Draws, resampling: Resampling, why: str) -> Estimate:
    if why:
        return undecided(name, unit, why)
    kind = "percentile" if name == "max_drawdown" else "BCa"
    method = f"{kind}, {resampling.resamples} stationary bootstraps, mean block {resampling.block_days:g} days"
    low = high = math.nan
    decided = ~np.isnan(draws.resampled)
    left_out = 1 - decided.mean() if decided.size else 0.0
    if draws.n_days < LEAST_BLOCKS * resampling.block_days:
        method = f"no interval: {draws.n_days} days are less than {LEAST_BLOCKS} mean blocks"
    elif left_out > resampling.most_undecidable:
        method = f"no interval: {left_out:.1%} of the draws are undecidable"
        why = f"too rare: {left_out:.1%} of the resampled spans cannot decide it"
    else:
        used = Draws(draws.value, draws.resampled[decided], draws.without[~np.isnan(draws.without)], draws.n_days)
        if left_out:
            method += f", {left_out:.1%} of them undecidable and left out"
        if kind == "BCa":
            low, high = bca(used, resampling.expanded(draws.n_days))
        else:
            low, high = np.quantile(used.resampled, resampling.tails)
        if math.isnan(low):
            method = "no interval: nearly all draws lie on one side of the figure"
    return Estimate(name, draws.value, float(low), float(high), unit, resampling.level, method, why)


def _few(sums: np.ndarray, break_even: float, resampling: Resampling) -> dict[str, Estimate]:
    """The win rate and what follows from it by Wilson, when the trades are too few or too alike to be drawn."""
    n_trades, n_wins = int(sums["n_trades"].sum()), int(sums["n_wins"].sum())
    if n_trades == 0 or (n_trades >= resampling.wilson_below and 0 < n_wins < n_trades):
        return {}
    effect = proportions.day_design_effect(sums["n_wins"], sums["n_trades"])
    low, high = proportions.wilson(n_wins / effect, n_trades / effect, resampling.level)
    rate = n_wins / n_trades
    method = f"Wilson, design effect of days {effect:.2f}"
    found = {
        "win_rate": (rate, low, high, method),
        "win_rate_minus_break_even": (
            rate - break_even,
            low - break_even,
            high - break_even,
            f"{method}, shifted by the break-even rate",
        ),
        "false_signals": (1 - rate, 1 - high, 1 - low, method),
    }
    return {
        name: Estimate(name, value, down, up, day_sums.UNITS[name], resampling.level, how)
        for name, (value, down, up, how) in found.items()
    }


def _of(sums: np.ndarray, capital_usd: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda days: np.array(day_sums.figures(sums, days, capital_usd))


@kernel
def _ratios(sums, weights, days):
    over, under = np.zeros(sums.shape[1]), np.zeros(sums.shape[1])
    for i in range(days.size):
        for k in range(over.size):
            over[k] += sums[days[i], k]
            under[k] += weights[days[i], k]
    return over / under
