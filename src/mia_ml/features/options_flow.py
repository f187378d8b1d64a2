"""Options flow: are calls or puts being traded more than usual at this time of day?

Over 30 minutes, with c and p the call and put contracts traded:

    options_flow_bias          clip((c - p) / (c + p) - its same-time mean)
    options_flow_bias_literal  (c - p) / (c + p)

Index options trade more puts than calls at rest, hence the centring. Until five earlier days hold the minute, the mean
is that of the day's own earlier ratios, at least `least_bars` of them. Both are NaN when the last flow row is older
than `max_age_ns`, or nothing traded.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.core.moments import NS
from mia_ml.features.feature import INF, Feature
from mia_ml.features.window import clip

FEATURES = (
    Feature(
        "options_flow_bias",
        "1",
        (-1.0, 1.0),
        "options",
        "window_bars; 5 days at this minute, else least_bars",
    ),
    Feature("options_flow_bias_literal", "1", (-1.0, 1.0), "options", "window_bars"),
    Feature("flow_age", "s", (0.0, INF), "options", "an options row", component=False),
)
PARAMS = np.dtype([("window_bars", "i8"), ("least_bars", "i8"), ("max_age_ns", "i8")], align=True)
STATE = np.dtype([("sum", "f8"), ("count", "i8")], align=True)


@kernel
def reset(state):
    state.sum = 0.0
    state.count = 0


@kernel
def ratio(bars, i, params):
    """(c - p) / (c + p) over the window that ends with bar i."""
    n = params.window_bars
    bar = bars[i]
    if i + 1 < n or bar.flow_ts == 0 or bar.ts - bar.flow_ts > params.max_age_ns:
        return np.nan
    calls, puts = 0.0, 0.0
    for k in range(i + 1 - n, i + 1):
        calls += bars[k].call_volume
        puts += bars[k].put_volume
    if not calls + puts > 0:
        return np.nan
    return (calls - puts) / (calls + puts)


@kernel
def step(state, bars, i, params, usual_ratio, row):
    bar = bars[i]
    row.flow_age = (bar.ts - bar.flow_ts) / NS if bar.flow_ts > 0 else np.nan
    now = ratio(bars, i, params)
    rest = usual_ratio
    if np.isnan(rest) and state.count >= params.least_bars:
        rest = state.sum / state.count
    row.options_flow_bias_literal = now
    row.options_flow_bias = clip(now - rest)
    if not np.isnan(now):
        state.sum += now
        state.count += 1
