"""Volume: does unusual volume confirm the side that is paying?

    rvol                          bar volume / its same-time mean (trailing: mean of the previous 10 bars)
    volume_confirmation           sign(delta) min(rvol / 1.8, 1) min(2.2 |delta| / volume, 1)
    volume_confirmation_trailing  the same on the trailing rvol

A bar without volume gives 0. Until five earlier days hold the minute, the same-time form is the trailing one.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.features.feature import INF, Feature

FEATURES = (
    Feature(
        "volume_confirmation", "1", (-1.0, 1.0), "trades", "5 days at this minute, else trailing", signed_flow=True
    ),
    Feature("volume_confirmation_trailing", "1", (-1.0, 1.0), "trades", "trailing_bars", signed_flow=True),
    Feature("rvol", "1", (0.0, INF), "trades or bars", "5 days at this minute, else trailing", component=False),
    Feature("rvol_trailing", "1", (0.0, INF), "trades or bars", "trailing_bars", component=False),
    Feature("delta", "contracts", (-INF, INF), "trades", "none", component=False),
)
PARAMS = np.dtype([("trailing_bars", "i8"), ("full_rvol", "f8"), ("delta_gain", "f8")], align=True)


@kernel
def confirmation(bar, rvol, params):
    delta = bar.buy - bar.sell
    if np.isnan(delta):  # no sides are no reading, whatever the volume
        return np.nan
    if bar.volume == 0:
        return 0.0
    if np.isnan(rvol):
        return np.nan
    direction = float((delta > 0) - (delta < 0))
    return direction * min(rvol / params.full_rvol, 1.0) * min(params.delta_gain * abs(delta) / bar.volume, 1.0)


@kernel
def step(bars, i, params, usual_volume, row):
    bar = bars[i]
    n = params.trailing_bars
    row.rvol_trailing = np.nan
    if i >= n:
        mean = 0.0
        for k in range(i - n, i):
            mean += bars[k].volume
        mean /= n
        if mean > 0:
            row.rvol_trailing = bar.volume / mean
    row.rvol = bar.volume / usual_volume if usual_volume > 0 else row.rvol_trailing
    row.delta = bar.buy - bar.sell
    row.volume_confirmation = confirmation(bar, row.rvol, params)
    row.volume_confirmation_trailing = confirmation(bar, row.rvol_trailing, params)
