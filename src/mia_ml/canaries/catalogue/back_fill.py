"""Gaps are filled backwards: until a source speaks, its first word is used.

`bfill`, or the `ffill().bfill()` that tidies up the head of a table. Every morning before the option levels come out
holds the levels of later that day.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History


def leaking(history: History) -> Claims:
    x = history.rows["gamma_levels"]
    at = np.where(np.isnan(x), x.size - 1, np.arange(x.size))
    return claims.values(history.rows["ts"], gamma=x[np.minimum.accumulate(at[::-1])[::-1]])


def clean(history: History) -> Claims:
    """Forwards: the last word, however old."""
    x = history.rows["gamma_levels"]
    at = np.where(np.isnan(x), 0, np.arange(x.size))
    return claims.values(history.rows["ts"], gamma=x[np.maximum.accumulate(at)])
