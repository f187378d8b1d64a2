"""Book: which side of the top five levels is heavier.

    l1         (bid_sz_00 - ask_sz_00) / (bid_sz_00 + ask_sz_00)
    deep       the same on the sums of the five levels
    imbalance  0.6 l1 + 0.4 deep      one side empty: +-1, both empty: NaN

`imbalance` is the last snapshot's, `imbalance_mean` the time-weighted mean over the bar. A snapshot older than
`max_age_ns` at the close is no reading: both are NaN.
"""

import numpy as np

from mia_ml.core.kernel import kernel

PARAMS = np.dtype([("l1_weight", "f8"), ("deep_weight", "f8"), ("max_age_ns", "i8")], align=True)

STATE = np.dtype(
    [
        ("ts", "i8"),  # of the last snapshot; 0 is none
        ("bid", "f8"),
        ("ask", "f8"),
        ("imbalance", "f8"),
        ("since", "i8"),  # the mean is summed up to here
        ("area", "f8"),  # imbalance x ns
        ("span", "f8"),  # ns
    ],
    align=True,
)


@kernel
def reset(state, open_ns):
    state.ts = 0
    state.bid = np.nan
    state.ask = np.nan
    state.imbalance = np.nan
    state.since = open_ns
    state.area = 0.0
    state.span = 0.0


@kernel
def side_share(bid, ask):
    """(bid - ask) / (bid + ask) of two sizes; NaN when both are 0."""
    total = bid + ask
    if total == 0:
        return np.nan
    return (bid - ask) / total


@kernel
def run(state, params, ts, bid, ask, sizes, first, stop):
    """Snapshots `first` up to `stop`; sizes are the five bid then the five ask columns."""
    b0, b1, b2, b3, b4, a0, a1, a2, a3, a4 = sizes
    imbalance, since, area, span = state.imbalance, state.since, state.area, state.span
    w1, w5 = params.l1_weight, params.deep_weight
    for i in range(first, stop):
        now = ts[i]
        if not np.isnan(imbalance) and now > since:
            width = float(now - since)
            area += imbalance * width
            span += width
        since = max(since, now)
        deep_bid = float(b0[i] + b1[i] + b2[i] + b3[i] + b4[i])
        deep_ask = float(a0[i] + a1[i] + a2[i] + a3[i] + a4[i])
        l1 = side_share(float(b0[i]), float(a0[i]))
        imbalance = w1 * l1 + w5 * side_share(deep_bid, deep_ask)
    if stop > first:
        last = stop - 1
        state.ts = ts[last]
        state.bid = bid[last]
        state.ask = ask[last]
    state.imbalance, state.since, state.area, state.span = imbalance, since, area, span


@kernel
def mid(state):
    """Middle of the best quotes in points; NaN while either is missing."""
    return 0.5 * (state.bid + state.ask)


@kernel
def close(state, params, bar, t):
    if not np.isnan(state.imbalance) and t > state.since:
        width = float(t - state.since)
        state.area += state.imbalance * width
        state.span += width
    state.since = t
    bar.book_ts = state.ts
    fresh = state.ts > 0 and t - state.ts <= params.max_age_ns
    bar.imbalance = state.imbalance if fresh else np.nan
    bar.imbalance_mean = state.area / state.span if fresh and state.span > 0 else np.nan
    bar.mid = mid(state) if fresh else np.nan
    state.area = 0.0
    state.span = 0.0
