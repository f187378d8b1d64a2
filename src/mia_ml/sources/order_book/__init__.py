"""An order book rebuilt from market-by-order messages: price levels, kept as the sums of the orders resting there.

    A add       a new order joins its level
    C cancel    an order shrinks by the message's size and leaves at zero
    M modify    an order takes the message's price and size
    R clear     every order leaves
    T, F, N     a trade, a fill, nothing: the cancel or modify that follows says what left the book

A row is the top five levels at the end of an event, when they differ from the row before. An event ends at its F_LAST
message, or where `ts_event` moves on without one; inside it the book may be crossed or half filled. A run of F_SNAPSHOT
messages replaces the book once and gives no row: it says what rested long before, and the next event shows it.

Levels are sums, so an order's place in the queue (lost when a modify moves its price or raises its size) is not kept.
"""

from dataclasses import dataclass

import numpy as np

from mia_ml.core.tables import LEVELS
from mia_ml.sources.order_book import order_hash
from mia_ml.sources.order_book.events import EVENT, F_LAST, F_SNAPSHOT, F_TOB, FAULTS, MESSAGE, end, walk
from mia_ml.sources.order_book.price_levels import UNDEF_PRICE

__all__ = ["F_LAST", "F_SNAPSHOT", "F_TOB", "MESSAGE", "UNDEF_PRICE", "BookRows", "Fault", "OrderBook"]


@dataclass(frozen=True)
class BookRows:
    """The top of the book after events, in the vendor's units.

    levels: int64 (4, LEVELS, n) of bid prices, ask prices (1e-9 points, UNDEF_PRICE where a level is empty), bid sizes
    and ask sizes (contracts). row: the vendor row that ended the event.
    """

    ts_event: np.ndarray
    ts_recv: np.ndarray
    row: np.ndarray
    levels: np.ndarray


@dataclass(frozen=True)
class Fault:
    """A message that the book could not take: its position among those given, and why."""

    position: int
    reason: str


class OrderBook:
    """The resting orders of one instrument on one venue.

    >>> book = OrderBook()
    >>> messages = np.zeros(2, MESSAGE)
    >>> messages["action"], messages["side"], messages["order_id"] = ord("A"), ord("B"), (1, 2)
    >>> messages["price"], messages["size"], messages["flags"] = (100, 101), (3, 4), F_LAST
    >>> rows, faults = book.apply(messages, np.array([1, 2]))
    >>> rows.levels[0, :2].T.tolist()  # best bid and the one below, after each message
    [[100, 9223372036854775807], [101, 100]]
    """

    def __init__(self) -> None:
        self._orders = np.zeros(1024, order_hash.ORDER)
        self._keys = np.zeros((2, 0), np.int64)
        self._sizes = np.zeros((2, 0), np.int64)
        self._depth = np.zeros(2, np.int64)
        self._event = np.zeros(1, EVENT)
        self._top = np.zeros((4, LEVELS), np.int64)
        self._top[:2] = UNDEF_PRICE

    def apply(self, messages: np.ndarray, row: np.ndarray) -> tuple[BookRows, list[Fault]]:
        """Rows of the events that ended, and the messages kept out. Where a stream is cut changes nothing."""
        self._reserve(messages.size)
        stamps = np.empty((3, messages.size + 1), np.int64)
        levels = np.empty((4, LEVELS, messages.size + 1), np.int64)
        faults = np.empty((2, messages.size), np.int64)
        book = (self._orders, self._keys, self._sizes, self._depth, self._event[0], self._top)
        n, n_faults = walk(messages, row, *book, stamps, levels, faults)
        refused = [Fault(int(i), FAULTS[fault]) for i, fault in faults[:, :n_faults].T]
        return BookRows(stamps[0, :n], stamps[1, :n], stamps[2, :n], levels[:, :, :n]), refused

    def finish(self) -> BookRows:
        """The row of an event that the end of the stream ends."""
        stamps = np.empty((3, 1), np.int64)
        levels = np.empty((4, LEVELS, 1), np.int64)
        event = self._event[0]
        n = 0
        if event["open"]:
            n = end(self._keys, self._sizes, self._depth, event, self._top, stamps, levels, 0)
        return BookRows(stamps[0, :n], stamps[1, :n], stamps[2, :n], levels[:, :, :n])

    def _reserve(self, n: int) -> None:
        """Room for `n` more orders and levels, with the hash table at most half full."""
        needed = 2 * (int(self._event["n_orders"][0]) + n)
        if needed > self._orders.size:
            larger = np.zeros(1 << needed.bit_length(), order_hash.ORDER)
            order_hash.move(self._orders, larger)
            self._orders = larger
        levels = int(self._depth.max()) + n
        if levels > self._keys.shape[1]:
            self._keys, self._sizes = (
                np.pad(array, ((0, 0), (0, 2 * levels - array.shape[1]))) for array in (self._keys, self._sizes)
            )
