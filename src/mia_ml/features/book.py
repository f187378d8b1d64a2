"""Book: which side of the top five levels is heavier.

    l1         (bid_sz_00 - ask_sz_00) / (bid_sz_00 + ask_sz_00)
    deep       the same on the sums of the five levels
    imbalance  0.6 l1 + 0.4 deep      one side empty: +-1, both empty: NaN

`imbalance` is the last snapshot's, `imbalance_mean` the time-weighted mean over the bar. A snapshot older than
`max_age_ns` at the close is no reading: both are NaN.
"""

import numpy as np

from mia_ml.core.kernel import kernel

BLOCK = 512  # snapshots worked on at a time: they stay in the first-level cache

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
def imbalance_of(params, bid, ask, deep_bid, deep_ask):
    l1 = side_share(float(bid), float(ask))
    return params.l1_weight * l1 + params.deep_weight * side_share(float(deep_bid), float(deep_ask))


@kernel
def imbalances(params, sizes, first, stop, deep_bid, deep_ask, out):
    """Of snapshots `first` up to `stop`. One simple loop after the other, since such a loop fills the vector unit."""
    b0, b1, b2, b3, b4, a0, a1, a2, a3, a4 = sizes
    n = stop - first
    for k in range(n):
        i = first + k
        deep_bid[k] = b0[i] + b1[i] + b2[i] + b3[i] + b4[i]
    for k in range(n):
        i = first + k
        deep_ask[k] = a0[i] + a1[i] + a2[i] + a3[i] + a4[i]
    for k in range(n):
        out[k] = imbalance_of(params, b0[first + k], a0[first + k], deep_bid[k], deep_ask[k])


@kernel
def run(state, params, ts, bid, ask, sizes, first, stop):
    """Snapshots `first` up to `stop`; sizes are the five bid then the five ask columns."""
    if stop == first:
        return
    imbalance, since, area, span = state.imbalance, state.since, state.area, state.span
    room = min(BLOCK, stop - first)
    deep_bid, deep_ask, block = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
    for start in range(first, stop, BLOCK):
        n = min(BLOCK, stop - start)
        imbalances(params, sizes, start, start + n, deep_bid, deep_ask, block)
        for k in range(n):
            now = ts[start + k]
            if not np.isnan(imbalance) and now > since:
                width = float(now - since)
                area += imbalance * width
                span += width
            since = max(since, now)
            imbalance = block[k]
    state.ts = ts[stop - 1]
    state.bid = bid[stop - 1]
    state.ask = ask[stop - 1]
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
