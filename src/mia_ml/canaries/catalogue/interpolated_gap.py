"""Between two readings of a slow series a straight line is drawn.

Daily or two-hourly figures brought to minutes with `interpolate()`. The line's slope is the sign of the next reading.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History
from mia_ml.core.moments import MINUTE

READ_EVERY_NS = 60 * MINUTE


def leaking(history: History) -> Claims:
    read_ns, value = _readings(history)
    return claims.values(
        history.rows["ts"], vix=np.interp(history.rows["ts"] - read_ns[0], read_ns - read_ns[0], value)
    )


def clean(history: History) -> Claims:
    """The last reading."""
    read_ns, value = _readings(history)
    at = np.searchsorted(read_ns, history.rows["ts"]) - 1
    return claims.values(history.rows["ts"], vix=np.where(at >= 0, value[np.maximum(at, 0)], np.nan))


def _readings(history: History) -> tuple[np.ndarray, np.ndarray]:
    """VIX on the hour."""
    vix = history.tape.vix
    hourly = vix[vix["ts_event"] % READ_EVERY_NS == 0]
    return hourly["ts_event"], hourly["value"]
