"""What is missing is filled with the median of the whole sample.

The line that makes a table free of NaN before anything else is done. Each filled cell carries a statistic of later
years, and a feature that was not there looks like an ordinary reading.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History


def leaking(history: History) -> Claims:
    x = history.rows["options_flow_bias"]
    return claims.values(history.rows["ts"], flow=np.where(np.isnan(x), np.nanmedian(x), x))


def clean(history: History) -> Claims:
    """Absent stays absent."""
    return claims.values(history.rows["ts"], flow=history.rows["options_flow_bias"])
