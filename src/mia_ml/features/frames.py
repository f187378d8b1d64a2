"""Timeframes and their ATR: base bars joined into 1-, 5- and 15-minute bars, complete ones only.

    true range   max(high, previous close) - min(low, previous close)
    atr          mean true range of the last 14 bars of the timeframe, points

A timeframe bar is complete when its exchange minute is a multiple of the timeframe; for bar files, which bring their
own bars, when it holds that many of them. A developing bar is never read: it is look-ahead in a batch and noise live.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.core.moments import MINUTE
from mia_ml.features.feature import INF, Feature

TIMEFRAMES = (1, 5, 15)  # base bars (minutes)
CAPACITY = 64

FEATURES = tuple(
    Feature(f"atr_{m}m", "points", (0.0, INF), "trades or bars", f"14 bars of {m} min", component=False)
    for m in TIMEFRAMES
)
PARAMS = np.dtype([("atr_bars", "i8"), ("native", "i8")], align=True)

FRAME = np.dtype(
    [
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
        ("buy", "f8"),
        ("sell", "f8"),
        ("base_bars", "i8"),
        ("complete", "i8"),  # 1 while the fields above are a bar that the current base bar completed
        ("previous_close", "f8"),
        ("ranges", "f8", (CAPACITY,)),
        ("count", "i8"),
        ("atr", "f8"),
        ("atr_before", "f8"),  # as of the bar before
    ],
    align=True,
)
STATE = np.dtype([("frame", FRAME, (len(TIMEFRAMES),))], align=True)


@kernel
def reset(state):
    for k in range(3):
        frame = state.frame[k]
        frame.base_bars = 0
        frame.complete = 0
        frame.previous_close = np.nan
        frame.count = 0
        frame.atr = np.nan
        frame.atr_before = np.nan


@kernel
def join(frame, bar):
    if frame.complete != 0 or frame.base_bars == 0:
        frame.open = bar.open
        frame.high = bar.high
        frame.low = bar.low
        frame.buy = 0.0
        frame.sell = 0.0
        frame.base_bars = 0
        frame.complete = 0
    frame.high = max(frame.high, bar.high)
    frame.low = min(frame.low, bar.low)
    frame.close = bar.close
    frame.buy += bar.buy
    frame.sell += bar.sell
    frame.base_bars += 1


@kernel
def finish(frame, atr_bars):
    reach_high = frame.high
    reach_low = frame.low
    if not np.isnan(frame.previous_close):
        reach_high = max(reach_high, frame.previous_close)
        reach_low = min(reach_low, frame.previous_close)
    frame.ranges[frame.count % atr_bars] = reach_high - reach_low
    frame.count += 1
    frame.previous_close = frame.close
    frame.complete = 1
    frame.atr_before = frame.atr
    if frame.count >= atr_bars:
        total = 0.0
        for k in range(atr_bars):
            total += frame.ranges[(frame.count + k) % atr_bars]
        frame.atr = total / atr_bars


@kernel
def step(state, params, bar):
    """Add a base bar to every timeframe."""
    minute = bar.ts // MINUTE
    for k in range(3):
        frame = state.frame[k]
        timeframe = 1 if k == 0 else (5 if k == 1 else 15)
        join(frame, bar)
        full = frame.base_bars >= timeframe if params.native != 0 else minute % timeframe == 0
        if full:
            finish(frame, params.atr_bars)


@kernel
def close_day(state):
    """Forget bars that the day's end left incomplete."""
    for k in range(3):
        if state.frame[k].complete == 0:
            state.frame[k].base_bars = 0


@kernel
def write(state, row):
    row.atr_1m = state.frame[0].atr
    row.atr_5m = state.frame[1].atr
    row.atr_15m = state.frame[2].atr
