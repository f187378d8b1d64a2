"""VWAP: where price stands against the day's average trade, and where that average is going.

    vwap_trend   0.5 clip((close - vwap) / (2 sd)) + 0.5 clip((vwap - vwap 10 bars ago) / ATR(14, 1 min))

sd is the volume-weighted standard deviation of trade prices around the vwap, at least 0.5 x ATR(14, 5 min) once that is
warm. The anchor is part of the name, since two anchors can disagree in sign on the same bar: `globex` starts at the
trading day's open; `rth` starts again at the cash open and is the globex one before it. NaN for `warmup_bars` after the
anchor. Bar files count each bar at its typical price (high + low + close) / 3.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.features.feature import INF, Feature
from mia_ml.features.window import clip

FEATURES = (
    Feature("vwap_trend_globex", "1", (-1.0, 1.0), "trades or bars", "warmup_bars after the open"),
    Feature(
        "vwap_trend_rth",
        "1",
        (-1.0, 1.0),
        "trades or bars",
        "warmup_bars after the open, and after the cash open",
    ),
    Feature("vwap_globex", "points", (-INF, INF), "trades or bars", "first trade", component=False),
    Feature("vwap_rth", "points", (-INF, INF), "trades or bars", "first trade after the anchor", component=False),
)
CAPACITY = 64
PARAMS = np.dtype(
    [
        ("slope_bars", "i8"),
        ("warmup_bars", "i8"),
        ("band_sd", "f8"),
        ("least_sd_atr", "f8"),
        ("away_weight", "f8"),
        ("drift_weight", "f8"),
    ],
    align=True,
)
ANCHOR = np.dtype(
    [
        ("volume", "f8"),  # the day's running sums when the anchor was set
        ("ticks", "f8"),
        ("ticks2", "f8"),
        ("bars", "i8"),  # closed since
        ("past", "f8", (CAPACITY,)),  # vwap at earlier closes, ticks from the reference
    ],
    align=True,
)
STATE = np.dtype([("globex", ANCHOR), ("rth", ANCHOR), ("cash", "i8")], align=True)


@kernel
def set_anchor(anchor, volume, ticks, ticks2):
    anchor.volume = volume
    anchor.ticks = ticks
    anchor.ticks2 = ticks2
    anchor.bars = 0


@kernel
def reset(state):
    set_anchor(state.globex, 0.0, 0.0, 0.0)
    set_anchor(state.rth, 0.0, 0.0, 0.0)
    state.cash = 0


@kernel
def read(anchor, params, tick, bar, atr, atr_5m):
    """(vwap_trend, vwap in points) of one anchor at the close of a bar."""
    volume = bar.anchored_volume - anchor.volume
    anchor.bars += 1
    n = params.slope_bars
    at = anchor.bars % (n + 1)
    if not volume > 0:
        anchor.past[at] = np.nan
        return np.nan, np.nan
    vwap = (bar.anchored_ticks - anchor.ticks) / volume
    anchor.past[at] = vwap
    points = bar.reference + vwap * tick
    if anchor.bars <= max(n, params.warmup_bars):
        return np.nan, points
    variance = (bar.anchored_ticks2 - anchor.ticks2) / volume - vwap * vwap
    sd = tick * np.sqrt(max(variance, 0.0))
    if atr_5m > 0:
        sd = max(sd, params.least_sd_atr * atr_5m)
    away = (bar.close - bar.reference) - vwap * tick
    drift = tick * (vwap - anchor.past[(anchor.bars - n) % (n + 1)])
    if not (sd > 0 and atr > 0):
        return np.nan, points
    trend = params.away_weight * clip(away / (params.band_sd * sd)) + params.drift_weight * clip(drift / atr)
    return trend, points


@kernel
def step(state, params, tick, session, bars, i, atr, atr_5m, row):
    """bars[i - 1] is still read when bar i is the first of the cash session: its sums are the anchor."""
    bar = bars[i]
    if state.cash == 0 and session.rth_open_ns > session.open_ns and bar.ts > session.rth_open_ns:
        state.cash = 1
        same_day = i > 0 and bars[i - 1].day == bar.day
        if same_day:
            before = bars[i - 1]
            set_anchor(state.rth, before.anchored_volume, before.anchored_ticks, before.anchored_ticks2)
    row.vwap_trend_globex, row.vwap_globex = read(state.globex, params, tick, bar, atr, atr_5m)
    row.vwap_trend_rth, row.vwap_rth = read(state.rth, params, tick, bar, atr, atr_5m)
