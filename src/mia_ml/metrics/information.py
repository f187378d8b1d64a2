"""Information coefficient: does a component know which way the price goes next, and for how long?

    ranks     of a component, and of the move that follows the decision, over all rows of the span where both are known;
              ties at their mean
    z         a rank less the mean rank, by the standard deviation of the ranks
    of a day  the sum of z_component * z_move over its rows, and the number of these
    IC        sum of the days' sums / sum of their rows: Spearman's rank correlation of all rows

(Grinold & Kahn 2000, Active Portfolio Management, ch. 6.) Moves of neighbouring rows overlap, so rows are no
observations of their own; days are, and the interval is that of a bootstrap of days, each drawn with its rows. The
ranks are those of the whole span in every draw: as good as exact for the small correlations that markets leave, and too
wide for large ones.

Why all days are ranked together, and not each by itself and averaged: a day is too short to be centred on its own mean.
A move is in the component of the rows after it, as most components follow the day's path, and in the forward moves of
the rows before it. So the mean component and the mean move of a day rise and fall together, and where nothing is known
the correlation about those two means lies below 0, the more the longer the horizon. That is the small-sample bias of an
autocorrelation (Kendall 1954, Biometrika 41:403) and of a predictive regression (Stambaugh 1999, J. Financ. Econ.
54:375), at long horizons in proportion to their share of the sample (Boudoukh, Israel & Richardson 2022, J. Financ.
Econ. 145:937): -0.5 for a random walk's deviation from the day's running mean and a move of a quarter of the day. About
the means of all days, the bias is that divided by the number of days.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mia_ml.core.errors import DataError
from mia_ml.metrics import bootstrap
from mia_ml.metrics.estimate import Estimate, undecided

HORIZONS_S = (1, 10, 60, 300, 1200, 6000)
LEAST_ROWS, LEAST_DAYS = 20, 2
UNIT = "rank correlation"


@dataclass(frozen=True)
class Coefficient:
    """n_rows: those where the component and the move are known."""

    component: str
    horizon_s: int
    ic: Estimate
    n_rows: int


def forward_moves(
    ts_ns: np.ndarray, price_ts_ns: np.ndarray, price: np.ndarray, horizons_ns: np.ndarray, stale_ns: int
) -> np.ndarray:
    """Price moves after each decision, float64 [n, h], in the unit of `price`.

    ts_ns: int64 [n], decisions. price_ts_ns, price: int64 [m], rising, and float64 [m], the trades of one trading day,
    so that no move leaves it; the close of a bar is a trade just before its end. horizons_ns: int64 [h].
    A move is the last price at or before ts + horizon less the last one before ts. NaN where either of them is older
    than `stale_ns`, and where the prices end before ts + horizon.
    """
    if price_ts_ns.size == 0:
        return np.full((ts_ns.size, horizons_ns.size), np.nan)
    until_ns = ts_ns[:, None] + horizons_ns
    before = np.searchsorted(price_ts_ns, ts_ns, side="left") - 1
    then = np.searchsorted(price_ts_ns, until_ns, side="right") - 1
    known = (before >= 0) & (ts_ns - price_ts_ns[before] <= stale_ns)
    still = (until_ns - price_ts_ns[then] <= stale_ns) & (until_ns <= price_ts_ns[-1])
    return np.where(known[:, None] & still, price[then] - price[before][:, None], np.nan)


def coefficients(
    names: Sequence[str],
    components: np.ndarray,
    horizons_s: Sequence[int],
    moves: np.ndarray,
    day: np.ndarray,
    resampling: bootstrap.Resampling,
) -> tuple[Coefficient, ...]:
    """IC of every component at every horizon, horizons of a component together.

    components: float64 [n, names]. moves: float64 [n, horizons]. NaN: not known. day: [n], the trading day of each row.
    Undecided on fewer than LEAST_ROWS rows or LEAST_DAYS days, and where the component or the move is the same on all
    rows but fewer than LEAST_ROWS: on bars that are minutes apart, one trade within the next second would decide alone.

    Raises DataError when names, horizons or days do not fit the arrays.
    """
    if (len(day), len(names)) != components.shape or (len(day), len(horizons_s)) != moves.shape:
        raise DataError(
            f"components {components.shape} and moves {moves.shape} for {len(day)} rows, {len(names)} names and "
            f"{len(horizons_s)} horizons: give [rows, names] and [rows, horizons]"
        )
    days, of_day = np.unique(day, return_inverse=True)
    x, y = [_order(column) for column in components.T], [_order(column) for column in moves.T]
    pairs = [(name, horizon) for name in names for horizon in horizons_s]
    sums, rows = np.zeros((2, days.size, len(pairs)))
    why = [""] * len(pairs)
    for k, (one, other) in enumerate((one, other) for one in x for other in y):
        known = (one >= 0) & (other >= 0)
        own, of_component, of_move = of_day[known], one[known], other[known]
        rows[:, k] = np.bincount(own, minlength=days.size)
        products = _standardised(of_component) * _standardised(of_move)
        sums[:, k] = np.bincount(own, products, minlength=days.size)
        why[k] = _hopeless(rows[:, k], of_component, of_move)
    ratios = bootstrap.ratio_of(sums, rows, resampling, names=["ic"] * len(pairs), unit=UNIT)
    return tuple(
        Coefficient(name, horizon, undecided("ic", UNIT, reason) if reason else ratio, int(used))
        for (name, horizon), ratio, reason, used in zip(pairs, ratios, why, rows.sum(axis=0), strict=True)
    )


def _order(values: np.ndarray) -> np.ndarray:
    """int64 [n], how many distinct values are below each; -1 where it is NaN."""
    return np.where(np.isnan(values), -1, np.unique(values, return_inverse=True)[1])


def _standardised(order: np.ndarray) -> np.ndarray:
    """Ranks of mean 0 and variance 1, ties at their mean; all 0 when they never vary."""
    counts = np.bincount(order)
    ranks = (np.cumsum(counts) - (counts + order.size) / 2)[order]
    return ranks / np.sqrt(np.mean(ranks**2)) if ranks.any() else ranks


def _hopeless(rows: np.ndarray, of_component: np.ndarray, of_move: np.ndarray) -> str:
    if rows.sum() < LEAST_ROWS:
        return f"fewer than {LEAST_ROWS} rows are known"
    if np.count_nonzero(rows) < LEAST_DAYS:
        return "all known rows are of one day"
    for side, order in (("component", of_component), ("move", of_move)):
        if order.size - np.bincount(order).max() < LEAST_ROWS:
            return f"the {side} leaves its commonest value on fewer than {LEAST_ROWS} rows"
    return ""
