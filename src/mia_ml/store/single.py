"""The screening of events that come one at a time: the same kernels and the same state as for batches.

The record of an event is bound once, and each call reads what stands in it at that moment. A kernel that is handed one
array of words, where it would be handed two dozen columns, is called in a third of the time.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.store import checks, rules
from mia_ml.store.screen import Screen


@kernel
def check_trade(words, floats, at, position, open_ns, first_index, repeated, states, limits_of, reason):
    """`checks.check_trades` of the print whose time stands at `at`."""
    ts, price, size, side = words[at : at + 1], floats[at + 1 : at + 2], words[at + 2 : at + 3], words[at + 3 : at + 4]
    checks.check_trades(ts, price, size, side, position, open_ns, first_index, repeated, states, limits_of, reason)


@kernel
def check_book(words, floats, at, position, open_ns, first_index, states, limits_of, reason):
    """`checks.check_book` of the snapshot whose time stands at `at`."""
    p, s = floats[at + 1 : at + 11], words[at + 11 : at + 21]
    bid_px, ask_px = (p[0:1], p[1:2], p[2:3], p[3:4], p[4:5]), (p[5:6], p[6:7], p[7:8], p[8:9], p[9:10])
    bid_sz, ask_sz = (s[0:1], s[1:2], s[2:3], s[3:4], s[4:5]), (s[5:6], s[6:7], s[7:8], s[8:9], s[9:10])
    ts = words[at : at + 1]
    checks.check_book(ts, bid_px, ask_px, bid_sz, ask_sz, position, open_ns, first_index, states, limits_of, reason)


class Single:
    """Judges the one print or snapshot that stands in `record`, which its owner overwrites.

    record: an array of length one whose fields, of eight bytes, are from `ts_event` on the table's columns in order.

    `open_day` comes first, and again with every trading day.
    """

    def __init__(self, screen: Screen, record: np.ndarray) -> None:
        self._screen = screen
        self._at = (record.dtype.names or ()).index("ts_event")
        self._words = record.view(np.int64)
        self._reason = np.zeros(1, np.uint8)
        self._check: Callable[..., None] = check_book
        self._arguments: tuple[Any, ...] = ()

    def open_day(self, session: np.void) -> None:
        """session: the SESSION that the next events belong to."""
        opens, first = np.array([session["open_ns"]], np.int64), int(session["index"])
        bound = (self._words, self._words.view(np.float64), self._at, np.zeros(1, np.int64), opens, first)
        if not self._screen.known:
            return
        ends = (self._screen.state, self._screen.limits, self._reason)
        self._arguments = (*bound, *ends)
        if self._screen.table == "trades":
            self._check, self._arguments = check_trade, (*bound, np.zeros(1, np.bool_), *ends)

    def reason(self) -> int:
        """A code of `store.rules`, 0 for an event that may enter."""
        if not self._screen.known:
            return rules.UNKNOWN_SYMBOL
        self._reason[0] = 0
        self._check(*self._arguments)
        return int(self._reason[0])
