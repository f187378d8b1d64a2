"""The price level of a back-adjusted future is a feature.

Each roll moves all earlier prices by its gap, so yesterday's price depends on next year's rolls. Round numbers, percent
changes and logarithms of such a series never existed; series adjusted over decades even turn negative.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History

BARS = 10


def leaking(history: History) -> Claims:
    return claims.values(history.rows["ts"], level=_back_adjusted(history))


def clean(history: History) -> Claims:
    """Differences of the same series: a constant drops out of them."""
    price = _back_adjusted(history)
    return claims.values(history.rows["ts"][BARS:], change=price[BARS:] - price[:-BARS])


def _back_adjusted(history: History) -> np.ndarray:
    rows = history.rows
    contract = history.contracts[np.searchsorted(history.sessions["day"], rows["day"])]
    price = rows["close"].copy()
    for at in np.flatnonzero(np.diff(contract)) + 1:
        after = rows["close"][at:][np.isfinite(rows["close"][at:])][:1]
        price[:at] += after - rows["close"][at - 1] if after.size else 0.0
    return price
