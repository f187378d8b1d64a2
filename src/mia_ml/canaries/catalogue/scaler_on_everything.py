"""A scaler is fitted on all rows before they are split: each row is told the mean and spread of what is to come.

`fit_transform(X)` above `train_test_split`, the first of every list of mistakes in machine learning, and still the most
common one. On returns it costs little; on volume, volatility or anything that drifts it says which regime comes.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History


def leaking(history: History) -> Claims:
    x = history.rows["volume"]
    return claims.values(history.rows["ts"], volume_z=(x - np.nanmean(x)) / np.nanstd(x))


def clean(history: History) -> Claims:
    """On the rows before the test window opens, for those behind its opening."""
    rows = history.rows
    x, tested = rows["volume"], rows["ts"] > history.opening_ns
    known = x[~tested]
    return claims.values(rows["ts"][tested], volume_z=(x[tested] - np.nanmean(known)) / np.nanstd(known))
