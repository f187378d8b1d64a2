"""Gamma levels: how near the option walls are, and on which side of zero gamma the market trades.

With d the distance from price to a wall, reach = 4 x ATR(14, 5 min) and k(d) = max(0, 1 - |d| / reach):

    gamma_levels   regime x (k(put_wall) - k(call_wall))

The regime is +1 above `zero_gamma` (dealers lean against moves: support below, resistance above), -1 below. Within
1 x ATR(14, 5 min) of it the last regime holds: without that dead band it flips ten times a day on ES. The first price
of a data set chooses its side.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.core.moments import NS
from mia_ml.features.feature import INF, Feature

FEATURES = (
    Feature("gamma_levels", "1", (-1.0, 1.0), "options, book", "14 bars of 5 min and an options row"),
    Feature("gamma_regime", "1", (-1.0, 1.0), "options, book", "an options row", component=False),
    Feature("levels_age", "s", (0.0, INF), "options", "an options row", component=False),
)
PARAMS = np.dtype([("reach_atr", "f8"), ("dead_band_atr", "f8")], align=True)
STATE = np.dtype([("regime", "f8")], align=True)  # 0 before the first level


@kernel
def reset(state):
    state.regime = 0.0


@kernel
def follow(state, params, bar, atr):
    """Keep the regime up to date with a bar."""
    distance = bar.close - bar.zero_gamma
    if np.isnan(distance):
        return
    band = params.dead_band_atr * atr
    if state.regime == 0:
        state.regime = 1.0 if distance >= 0 else -1.0
    elif distance > band:  # never true while the ATR is NaN
        state.regime = 1.0
    elif distance < -band:
        state.regime = -1.0


@kernel
def nearness(distance, reach):
    return max(0.0, 1.0 - abs(distance) / reach)


@kernel
def step(state, params, bar, atr, row):
    follow(state, params, bar, atr)
    row.gamma_levels = np.nan
    row.gamma_regime = np.nan
    row.levels_age = np.nan
    if bar.levels_ts > 0:
        row.levels_age = (bar.ts - bar.levels_ts) / NS
    if np.isnan(bar.zero_gamma):
        return
    row.gamma_regime = state.regime
    reach = params.reach_atr * atr
    put, call = bar.close - bar.put_wall, bar.close - bar.call_wall
    if np.isnan(put) or np.isnan(call) or not reach > 0:
        return
    row.gamma_levels = state.regime * (nearness(put, reach) - nearness(call, reach))
