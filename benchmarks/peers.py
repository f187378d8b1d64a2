"""What pandas and polars are asked to compute: the features that joins, groupings and rolling sums can express.

The state machines are left out (battle_navale, mtf_confluence, the gamma regime), and so is all that looks at other
days or at the option and VIX rows: ours computes them all the same.
"""

import numpy as np

EXPRESSED = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "mid",
    "delta",
    "fallback_share",
    "order_book_imbalance",
    "order_book_imbalance_mean",
    "book_age",
    "tick_momentum",
    "tick_momentum_60s",
    "tick_momentum_literal",
    "aggression_bias",
    "aggression_bias_5m",
    "rvol_trailing",
    "volume_confirmation_trailing",
    "delta_divergence",
    "smart_money_index",
    "smart_money_index_literal",
    "vwap_globex",
    "vwap_trend_globex",
    "dow_trend_regime",
    "atr_1m",
    "atr_5m",
)
"""Columns of `engine.ROW`, all with the shipped parameters."""

TOLERANCE = 1e-9


def slope_weights(bars: int) -> tuple[list[float], float]:
    """What to multiply the last values with, oldest first, and to divide the sum by, to get their least-squares slope.

    >>> slope_weights(4)
    ([-1.5, -0.5, 0.5, 1.5], 5.0)
    """
    centred = [k - 0.5 * (bars - 1) for k in range(bars)]
    return centred, sum(x * x for x in centred)


def disagreement(rows: np.ndarray, columns: dict[str, np.ndarray]) -> str:
    """Where a peer differs from our rows by more than the tolerance, or '' when it does not.

    Its columns must hold the same rows: one a minute of the trading day.
    """
    for name in EXPRESSED:
        ours, theirs = rows[name], np.asarray(columns[name], dtype=np.float64)
        if ours.size != theirs.size:
            return f"{name}: {theirs.size} rows against {ours.size}"
        apart = ~np.isclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        if apart.any():
            row = int(np.flatnonzero(apart)[0])
            return f"{name}: {theirs[row]} against {ours[row]} in row {row}, and {int(apart.sum()) - 1} rows more"
    return ""
