"""Information coefficient: does a component know which way the price goes next, and for how long?

    IC of a day     Spearman's rank correlation of a component with the move that follows the decision, over the rows of
                    the day where both are known
    IC              mean over days, with the interval of a bootstrap by day

(Grinold & Kahn 2000, Active Portfolio Management, ch. 6.) Moves of neighbouring rows overlap, so rows are no
observations of their own; days are. A component that changes little within a day has little to be ranked by, and a
constant one none: such days are left out, and so are those with few rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mia_ml.core.errors import DataError
from mia_ml.core.kernel import kernel
from mia_ml.metrics import bootstrap
from mia_ml.metrics.estimate import Estimate

HORIZONS_S = (1, 10, 60, 300, 1200, 6000)
LEAST_ROWS = 20


@dataclass(frozen=True)
class Coefficient:
    """n_rows: of the days that count, those where the component and the move are known."""

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


def by_day(
    components: np.ndarray, moves: np.ndarray, day: np.ndarray, least_rows: int = LEAST_ROWS
) -> tuple[np.ndarray, np.ndarray]:
    """IC of each day, component and horizon, float64 [d, k, h], NaN without one; and the rows it stands on, int64.

    components: float64 [n, k]. moves: float64 [n, h]. day: [n], the trading day of each row, those of a day together.
    """
    first = np.flatnonzero(np.diff(day, prepend=day[:1] - 1))
    shape = (first.size, components.shape[1], moves.shape[1])
    ic, n_rows = np.full(shape, np.nan), np.zeros(shape, np.int64)
    for d, (start, end) in enumerate(zip(first, np.append(first[1:], len(day)), strict=True)):
        x, y = np.ascontiguousarray(components[start:end].T), np.ascontiguousarray(moves[start:end].T)
        _correlate(x, y, x.argsort(axis=1), y.argsort(axis=1), least_rows, ic[d], n_rows[d])
    return ic, n_rows


@kernel
def _correlate(x, y, order_x, order_y, least_rows, ic, n_rows):
    """Each line of x is sorted once, not once for each line of y and the rows they share."""
    n = x.shape[1]
    used, sequence = np.empty(n, np.bool_), np.empty(n, np.int64)
    ranks_x, ranks_y = np.empty(n), np.empty(n)
    for i in range(x.shape[0]):
        for j in range(y.shape[0]):
            n_used = 0
            for row in range(n):
                used[row] = not (np.isnan(x[i, row]) or np.isnan(y[j, row]))
                n_used += used[row]
            if n_used < least_rows:
                continue
            scale = _rank(x[i], order_x[i], used, sequence, ranks_x) * _rank(y[j], order_y[j], used, sequence, ranks_y)
            if scale == 0:
                continue
            product = 0.0
            for row in range(n):
                if used[row]:
                    product += ranks_x[row] * ranks_y[row]
            ic[i, j] = product / np.sqrt(scale)
            n_rows[i, j] = n_used


@kernel
def _rank(values, order, used, sequence, ranks):
    """Fills `ranks` of the rows in use, about their middle, ties at their mean; returns the sum of squares."""
    n_used = 0
    for row in order:
        if used[row]:
            sequence[n_used] = row
            n_used += 1
    squares, first = 0.0, 0
    while first < n_used:
        end = first + 1
        while end < n_used and values[sequence[end]] == values[sequence[first]]:
            end += 1
        rank = (first + end - n_used) / 2
        for k in range(first, end):
            ranks[sequence[k]] = rank
        squares += (end - first) * rank * rank
        first = end
    return squares


def coefficients(
    names: Sequence[str],
    components: np.ndarray,
    horizons_s: Sequence[int],
    moves: np.ndarray,
    day: np.ndarray,
    resampling: bootstrap.Resampling,
    least_rows: int = LEAST_ROWS,
) -> tuple[Coefficient, ...]:
    """IC of every component at every horizon, horizons of a component together. Arguments as in `by_day`.

    Raises DataError when names, horizons or days do not fit the arrays.
    """
    if (len(day), len(names)) != components.shape or (len(day), len(horizons_s)) != moves.shape:
        raise DataError(
            f"components {components.shape} and moves {moves.shape} for {len(day)} rows, {len(names)} names and "
            f"{len(horizons_s)} horizons: give [rows, names] and [rows, horizons]"
        )
    ic, n_rows = by_day(components, moves, day, least_rows)
    pairs = [(name, horizon) for name in names for horizon in horizons_s]
    series = ic.reshape(len(ic), len(pairs))
    means = bootstrap.mean_of(series, resampling, names=["ic"] * len(pairs), unit="rank correlation")
    rows = n_rows.sum(axis=0).ravel()
    return tuple(
        Coefficient(name, horizon, mean, int(used))
        for (name, horizon), mean, used in zip(pairs, means, rows, strict=True)
    )
