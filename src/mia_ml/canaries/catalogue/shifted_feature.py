"""A feature is shifted by one bar the wrong way: each row holds what the next one will know.

One sign in a `shift(-1)` that was meant for the label and caught the features as well. It lifts any model's accuracy
on paper to where nobody asks why, and is gone on the first live day.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History


def leaking(history: History) -> Claims:
    delta = history.rows["delta"]
    return claims.values(history.rows["ts"], delta=np.append(delta[1:], np.nan))


def clean(history: History) -> Claims:
    delta = history.rows["delta"]
    return claims.values(history.rows["ts"], delta=np.append(np.nan, delta[:-1]))
