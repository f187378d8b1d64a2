"""Rows are joined to the nearest book snapshot in time, be it the next one.

`merge_asof(direction="nearest")`, or a left join on a truncated second. Milliseconds ahead are enough: the book leads
the print that the label is made of.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History


def leaking(history: History) -> Claims:
    ts, book_ts = history.rows["ts"], history.tape.book_ts
    after = np.searchsorted(book_ts, ts)
    before, after = np.maximum(after - 1, 0), np.minimum(after, book_ts.size - 1)
    return _joined(history, np.where(book_ts[after] - ts < ts - book_ts[before], after, before))


def clean(history: History) -> Claims:
    return _joined(history, np.maximum(np.searchsorted(history.tape.book_ts, history.rows["ts"]) - 1, 0))


def _joined(history: History, at: np.ndarray) -> Claims:
    """The spread's middle, where there is a snapshot from before the row to join at all."""
    middle = 0.5 * (history.tape.bid[at] + history.tape.ask[at])
    first = history.rows["ts"] > history.tape.book_ts[0]
    return claims.values(history.rows["ts"][first], middle=middle[first])
