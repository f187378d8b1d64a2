"""Volatility regime: is the market calmer or wilder than usual, and what does VIX say?

    volatility_ratio            ATR(14, 1 min) / its same-time mean (trailing: its own 20-bar mean)
    volatility_regime           low if VIX < 15 and ratio < 0.8; high if VIX > 25 or ratio > 1.5; else normal;
                                unknown without VIX
    volatility_regime_trailing  the same on the trailing ratio, the plan's

VIX is the last value known, at most `max_age_ns` old. Regimes are numbers: see `REGIMES`.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.core.moments import NS
from mia_ml.features.feature import INF, Feature

REGIMES = ("normal", "low", "high", "unknown")
NORMAL, LOW, HIGH, UNKNOWN = range(4)
CAPACITY = 64

FEATURES = (
    Feature("volatility_ratio", "1", (0.0, INF), "trades or bars", "5 days at this minute, else trailing", False),
    Feature("volatility_ratio_trailing", "1", (0.0, INF), "trades or bars", "14 + trailing_bars bars", False),
    Feature("volatility_regime", "1", (0.0, 3.0), "trades or bars, vix", "none", False),
    Feature("volatility_regime_trailing", "1", (0.0, 3.0), "trades or bars, vix", "none", False),
    Feature("vix", "1", (0.0, INF), "vix", "first value", False),
    Feature("vix_age", "s", (0.0, INF), "vix", "first value", False),
)
PARAMS = np.dtype(
    [
        ("trailing_bars", "i8"),
        ("low_vix", "f8"),
        ("low_ratio", "f8"),
        ("high_vix", "f8"),
        ("high_ratio", "f8"),
        ("max_age_ns", "i8"),
    ],
    align=True,
)
STATE = np.dtype([("past", "f8", (CAPACITY,)), ("count", "i8")], align=True)


@kernel
def reset(state):
    state.count = 0


@kernel
def follow(state, params, atr):
    if not np.isnan(atr):
        state.past[state.count % params.trailing_bars] = atr
        state.count += 1


@kernel
def regime(vix, ratio, params):
    """A NaN ratio decides nothing: neither low nor high follows from it."""
    if np.isnan(vix):
        return UNKNOWN
    if vix < params.low_vix and ratio < params.low_ratio:
        return LOW
    if vix > params.high_vix or ratio > params.high_ratio:
        return HIGH
    return NORMAL


@kernel
def step(state, params, bar, atr, usual_atr, earlier_vix, earlier_vix_ts, row):
    """`earlier_vix` is the last value of the days before, used until this day brings one."""
    follow(state, params, atr)
    n = params.trailing_bars
    row.volatility_ratio_trailing = np.nan
    if state.count >= n:
        mean = 0.0
        for k in range(n):
            mean += state.past[(state.count + k) % n]
        if mean > 0:
            row.volatility_ratio_trailing = atr / (mean / n)
    row.volatility_ratio = atr / usual_atr if usual_atr > 0 else row.volatility_ratio_trailing
    vix, known = (bar.vix, bar.vix_ts) if bar.vix_ts > 0 else (earlier_vix, earlier_vix_ts)
    row.vix_age = (bar.ts - known) / NS if known > 0 else np.nan
    row.vix = vix if known > 0 and bar.ts - known <= params.max_age_ns else np.nan
    row.volatility_regime = regime(row.vix, row.volatility_ratio, params)
    row.volatility_regime_trailing = regime(row.vix, row.volatility_ratio_trailing, params)
