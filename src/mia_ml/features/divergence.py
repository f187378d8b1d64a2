"""Delta divergence: price and aggressive flow pull apart.

Over 10 bars (9 changes), with the least-squares slopes of close and of CVD each divided by its own mean absolute
one-bar change (ps, ds; a zero divisor gives 0) and m = min(|ps|, |ds|):

    delta_divergence          -sign(ps) min(1, m / 0.3)   when ps ds < 0, m > 0.15 and rvol >= 1, else 0
    delta_divergence_literal  s sign(ps), s = |P + D| / (|P| + |D| + 0.001) on the raw slopes P (points a bar) and
                              D (contracts a bar), when s > 0.7 and the signed volume confirmation > 0.5, else 0

The literal form is high when price and delta agree and its sign follows price; it is kept to be measured.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.features.feature import Feature
from mia_ml.features.window import mean_absolute_change, slope

FEATURES = (
    Feature("delta_divergence", "1", (-1.0, 1.0), "trades", "window_bars"),
    Feature("delta_divergence_literal", "1", (-1.0, 1.0), "trades", "window_bars"),
)
CAPACITY = 64
PARAMS = np.dtype(
    [
        ("window_bars", "i8"),
        ("full_slope", "f8"),
        ("least_slope", "f8"),
        ("least_rvol", "f8"),
        ("literal_strength", "f8"),
        ("literal_epsilon", "f8"),
        ("literal_volume", "f8"),
    ],
    align=True,
)


@kernel
def divergence(closes, cvd, rvol, params):
    price_change = mean_absolute_change(closes)
    flow_change = mean_absolute_change(cvd)
    ps = slope(closes) / price_change if price_change > 0 else 0.0
    ds = slope(cvd) / flow_change if flow_change > 0 else 0.0
    m = min(abs(ps), abs(ds))
    if ps * ds < 0 and m > params.least_slope and rvol >= params.least_rvol:
        strength = min(1.0, m / params.full_slope)
        return -strength if ps > 0 else strength
    return 0.0


@kernel
def literal(closes, cvd, confirmation, params):
    price, flow = slope(closes), slope(cvd)
    strength = abs(price + flow) / (abs(price) + abs(flow) + params.literal_epsilon)
    if strength > params.literal_strength and confirmation > params.literal_volume:
        return strength if price > 0 else -strength
    return 0.0


@kernel
def step(bars, i, params, row):
    n = params.window_bars
    row.delta_divergence = np.nan
    row.delta_divergence_literal = np.nan
    if i + 1 < n:
        return
    closes = np.empty(n)
    cvd = np.empty(n)
    flow = 0.0
    for k in range(n):
        bar = bars[i + 1 - n + k]
        closes[k] = bar.close
        if k > 0:
            flow += bar.buy - bar.sell
        cvd[k] = flow
    if np.isnan(flow + closes[0]):  # no sides, or the window reaches before the day's first trade
        return
    if not np.isnan(row.rvol):
        row.delta_divergence = divergence(closes, cvd, row.rvol, params)
    if not np.isnan(row.volume_confirmation):
        row.delta_divergence_literal = literal(closes, cvd, row.volume_confirmation, params)
