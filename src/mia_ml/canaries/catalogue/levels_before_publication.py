"""Option levels count from the time they are about, not from when they were published.

Positions as of the open, computed and sent out two hours later, stand in the vendor's file under the open. The file is
right; joining on its column is not. Fundamental data and macro figures have the same two dates.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History
from mia_ml.core.moments import MINUTE

DELAY_NS = 120 * MINUTE


def leaking(history: History) -> Claims:
    return _joined(history, DELAY_NS)


def clean(history: History) -> Claims:
    return _joined(history, 0)


def _joined(history: History, earlier_ns: int) -> Claims:
    options = history.tape.options
    at = np.searchsorted(options["ts_event"] - earlier_ns, history.rows["ts"]) - 1
    wall = np.where(at >= 0, options["call_wall"][np.maximum(at, 0)], np.nan)
    return claims.values(history.rows["ts"], call_wall=wall)
