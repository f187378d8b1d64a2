"""A higher timeframe is joined by the start of its bar: minute 1 of 15 knows how the quarter of an hour ends.

`resample("15min")` labels a bar by its left edge, and the merge back to minutes does the rest. Multi-timeframe systems
are sold on this.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History
from mia_ml.core.moments import MINUTE

BAR_NS = 15 * MINUTE


def leaking(history: History) -> Claims:
    return _joined(history, 0)


def clean(history: History) -> Claims:
    """The last quarter that is complete."""
    return _joined(history, 1)


def _joined(history: History, quarters_back: int) -> Claims:
    ts, close = history.rows["ts"], history.rows["close"]
    quarter = -(-ts // BAR_NS)  # number of the quarter that a minute's bar, known at its close, belongs to
    last = np.searchsorted(quarter, quarter - quarters_back, side="right") - 1
    if quarters_back:
        done = ts % BAR_NS == 0
        last[done] = np.flatnonzero(done)
    return claims.values(ts, close_15=np.where(last >= 0, close[np.maximum(last, 0)], np.nan))
