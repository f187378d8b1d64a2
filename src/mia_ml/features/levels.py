"""Index options and VIX as they become known: gamma levels moved onto the future, option volume, the last VIX.

Levels are quoted on the index, tens of points from the future, so when a row becomes known

    level_future = level + (mid of the future - underlying_px)

with the last trade where no book is fresh, and NaN without `underlying_px` (unless the provider quotes the future:
`quoted_on_future`). Levels hold until the trading day ends. A row whose levels are all NaN brings only volumes, a row
whose volumes are both NaN only levels.
"""

import numpy as np

from mia_ml.core.kernel import kernel

OPTION = np.dtype(
    [("ts_event", "i8")]
    + [(name, "f8") for name in ("underlying_px", "call_wall", "put_wall", "zero_gamma", "call_volume", "put_volume")],
    align=True,
)
VIX = np.dtype([("ts_event", "i8"), ("value", "f8")], align=True)

PARAMS = np.dtype([("quoted_on_future", "i8")], align=True)

STATE = np.dtype(
    [
        ("call_wall", "f8"),
        ("put_wall", "f8"),
        ("zero_gamma", "f8"),
        ("levels_ts", "i8"),
        ("flow_ts", "i8"),
        ("vix", "f8"),
        ("vix_ts", "i8"),
    ],
    align=True,
)


@kernel
def reset(state):
    state.call_wall = np.nan
    state.put_wall = np.nan
    state.zero_gamma = np.nan
    state.levels_ts = 0
    state.flow_ts = 0
    state.vix = np.nan
    state.vix_ts = 0


@kernel
def on_option(state, params, bar, option, future_price):
    """One options row; `future_price` is the future's mid at that moment, in points."""
    if not (np.isnan(option.call_wall) and np.isnan(option.put_wall) and np.isnan(option.zero_gamma)):
        basis = 0.0 if params.quoted_on_future != 0 else future_price - option.underlying_px
        state.call_wall = option.call_wall + basis
        state.put_wall = option.put_wall + basis
        state.zero_gamma = option.zero_gamma + basis
        state.levels_ts = option.ts_event
    if not (np.isnan(option.call_volume) or np.isnan(option.put_volume)):
        bar.call_volume += option.call_volume
        bar.put_volume += option.put_volume
        state.flow_ts = option.ts_event


@kernel
def on_vix(state, vix):
    state.vix = vix.value
    state.vix_ts = vix.ts_event


@kernel
def close(state, bar):
    bar.call_wall = state.call_wall
    bar.put_wall = state.put_wall
    bar.zero_gamma = state.zero_gamma
    bar.levels_ts = state.levels_ts
    bar.flow_ts = state.flow_ts
    bar.vix = state.vix
    bar.vix_ts = state.vix_ts
