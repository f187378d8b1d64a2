"""The screening of events that come one at a time: the same kernels and the same state as for batches.

The arrays of one event are bound once; each call reads what stands in them at that moment.
"""

import numpy as np

from mia_ml.core.tables import LEVELS, Batch, Columns
from mia_ml.store import checks
from mia_ml.store.screen import Screen

_KINDS = ("bid_px", "ask_px", "bid_sz", "ask_sz")


class Single:
    """Judges the one event that stands in `columns`, canonical columns of length one that their owner overwrites.

    `open_day` comes first, and again with every trading day.
    """

    def __init__(self, screen: Screen, columns: Columns) -> None:
        self._screen = screen
        self._columns = columns
        self._reason = np.zeros(1, np.uint8)
        self._position = np.zeros(1, np.int64)
        self._never = np.zeros(1, np.bool_)

    def open_day(self, session: np.void) -> None:
        """session: the SESSION that the next events belong to."""
        opens, first = np.array([session["open_ns"]], np.int64), int(session["index"])
        if self._screen.table == "trades":
            c, bound = self._columns, (self._position, opens, first, self._never)
            self._arguments = (c["ts_event"], c["price"], c["size"], c["side"], *bound)
            self._check = checks.check_trades
        elif self._screen.table == "book":
            levels = (tuple(self._columns[f"{kind}_{level:02d}"] for level in range(LEVELS)) for kind in _KINDS)
            self._arguments = (self._columns["ts_event"], *levels, self._position, opens, first)
            self._check = checks.check_book
        if self._screen.table in ("trades", "book"):
            self._arguments = (*self._arguments, self._screen.state, self._screen.limits, self._reason)

    def reason(self) -> int:
        """A code of `store.rules`, 0 for an event that may enter."""
        if self._screen.table not in ("trades", "book") or not self._screen.known:
            batch = Batch(self._screen.table, "", self._columns, "", self._position)
            return int(self._screen.check(batch).reason[0])
        self._reason[0] = 0
        self._check(*self._arguments)
        return int(self._reason[0])
