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

from mia_ml.core.kernel import kernel
from mia_ml.core.tables import LEVELS

UNDEF_PRICE = np.iinfo(np.int64).max
F_LAST = 128
F_TOB = 64
F_SNAPSHOT = 32

MESSAGE = np.dtype(
    [
        ("length", "u1"),
        ("rtype", "u1"),
        ("publisher_id", "u2"),
        ("instrument_id", "u4"),
        ("ts_event", "i8"),
        ("order_id", "i8"),
        ("price", "i8"),  # 1e-9 points
        ("size", "u4"),
        ("flags", "u1"),
        ("channel_id", "u1"),
        ("action", "u1"),
        ("side", "u1"),
        ("ts_recv", "i8"),
        ("ts_in_delta", "i4"),
        ("sequence", "u4"),
    ]
)
"""Databento's MBO record, with the types a kernel computes in."""

ORDER = np.dtype(
    [("id", "i8"), ("price", "i8"), ("size", "i8"), ("side", "i8")], align=True
)  # side: 0 none, 1 bid, 2 ask

EVENT = np.dtype(
    [
        ("open", "i8"),  # a live event has begun and not ended
        ("touched", "i8"),  # one of the top levels may differ from the last row
        ("in_snapshot", "i8"),
        ("n_orders", "i8"),
        ("ts_event", "i8"),  # of the event's last message so far
        ("ts_recv", "i8"),
        ("row", "i8"),
    ],
    align=True,
)

FAULTS = (
    "",
    "order unknown",
    "order id already rests in the book",
    "more cancelled than rested: the order was removed",
    "order without size",
    "order without price",
    "order without side",
    "order changed side",
    "action unknown",
    "a top-of-book message, not an order",
)
_UNKNOWN, _DUPLICATE, _EXCESS, _NO_SIZE, _NO_PRICE, _NO_SIDE, _SIDE_CHANGED, _NO_ACTION, _TOP_OF_BOOK = range(
    1, len(FAULTS)
)

_ADD, _CANCEL, _MODIFY, _CLEAR = ord("A"), ord("C"), ord("M"), ord("R")
_TRADE, _FILL, _NONE = ord("T"), ord("F"), ord("N")
_BID, _ASK = ord("B"), ord("A")


@kernel
def _home(order_id, mask):
    # Fibonacci hashing of 31 mixed bits: the product fits int64, so it is the same with and without the compiler
    return ((((order_id ^ (order_id >> 31)) & 0x7FFFFFFF) * 0x9E3779B1) >> 20) & mask


@kernel
def _find(orders, order_id):
    """Where an order is, or the free slot it would take."""
    mask = orders.size - 1
    at = _home(order_id, mask)
    while orders[at].side != 0 and orders[at].id != order_id:
        at = (at + 1) & mask
    return at


@kernel
def _remove(orders, at):
    """Frees a slot and closes the gap, so that no probe ends early (Knuth 6.4, algorithm R)."""
    mask = orders.size - 1
    gap = at
    probe = (at + 1) & mask
    while orders[probe].side != 0:
        if ((probe - _home(orders[probe].id, mask)) & mask) >= ((probe - gap) & mask):
            orders[gap] = orders[probe]
            gap = probe
        probe = (probe + 1) & mask
    orders[gap].side = 0


@kernel
def _move_orders(old, new):
    for at in range(old.size):
        if old[at].side != 0:
            new[_find(new, old[at].id)] = old[at]


@kernel
def _change_level(keys, sizes, depth, event, side, price, change):
    """Adds contracts to a level. Keys ascend to the best price at the end: bids as they are, asks negated."""
    s = side - 1
    key = price if s == 0 else -price
    n = depth[s]
    low, high = 0, n
    if n > 8 and keys[s, n - 8] < key:  # most messages are near the top
        low = n - 7
    while low < high:
        middle = (low + high) // 2
        if keys[s, middle] < key:
            low = middle + 1
        else:
            high = middle
    if low == n or keys[s, low] != key:
        for at in range(n, low, -1):
            keys[s, at] = keys[s, at - 1]
            sizes[s, at] = sizes[s, at - 1]
        keys[s, low] = key
        sizes[s, low] = 0
        n += 1
    if n - low <= LEVELS:
        event.touched = 1
    sizes[s, low] += change
    if sizes[s, low] == 0:
        n -= 1
        for at in range(low, n):
            keys[s, at] = keys[s, at + 1]
            sizes[s, at] = sizes[s, at + 1]
    depth[s] = n


@kernel
def _clear(orders, depth, event):
    for at in range(orders.size):
        orders[at].side = 0
    depth[0] = 0
    depth[1] = 0
    event.n_orders = 0
    event.touched = 1


@kernel
def _apply(message, orders, keys, sizes, depth, event):
    """Changes the book by one message; the number of the fault that kept it out, or 0."""
    action = message.action
    if action in (_TRADE, _FILL, _NONE):
        return 0
    if action == _CLEAR:
        _clear(orders, depth, event)
        return 0
    if action != _ADD and action != _CANCEL and action != _MODIFY:
        return _NO_ACTION
    if message.flags & F_TOB:
        return _TOP_OF_BOOK
    side = 1 if message.side == _BID else 2 if message.side == _ASK else 0
    size = np.int64(message.size)
    at = _find(orders, message.order_id)
    order = orders[at]
    if action == _CANCEL:
        if order.side == 0:
            return _UNKNOWN
        leaving = min(size, order.size)
        _change_level(keys, sizes, depth, event, order.side, order.price, -leaving)
        if leaving < order.size:
            order.size -= leaving
            return 0
        _remove(orders, at)
        event.n_orders -= 1
        return _EXCESS if size > leaving else 0
    if action == _MODIFY and order.side == 0:
        return _UNKNOWN
    if action == _ADD and order.side != 0:
        return _DUPLICATE
    if size == 0:
        return _NO_SIZE
    if message.price == UNDEF_PRICE:
        return _NO_PRICE
    if side == 0:
        return _NO_SIDE
    if action == _ADD:
        order.id = message.order_id
        order.side = side
        event.n_orders += 1
    else:
        if side != order.side:
            return _SIDE_CHANGED
        _change_level(keys, sizes, depth, event, side, order.price, -order.size)
    order.price = message.price
    order.size = size
    _change_level(keys, sizes, depth, event, side, message.price, size)
    return 0


@kernel
def _end_event(keys, sizes, depth, event, top, stamps, levels, n):
    """Writes row `n` when the top differs from the last row; the number of rows now."""
    event.open = 0
    if event.touched == 0:
        return n
    event.touched = 0
    changed = False
    for s in range(2):
        for level in range(LEVELS):
            at = depth[s] - 1 - level
            price, size = UNDEF_PRICE, 0
            if at >= 0:
                price = keys[s, at] if s == 0 else -keys[s, at]
                size = sizes[s, at]
            if top[s, level] != price or top[2 + s, level] != size:
                top[s, level] = price
                top[2 + s, level] = size
                changed = True
    if not changed:
        return n
    stamps[0, n] = event.ts_event
    stamps[1, n] = event.ts_recv
    stamps[2, n] = event.row
    for kind in range(4):
        for level in range(LEVELS):
            levels[kind, level, n] = top[kind, level]
    return n + 1


@kernel
def _run(messages, row, orders, keys, sizes, depth, event, top, stamps, levels, faults):
    """Applies messages in order; the numbers of rows and of faults written."""
    n = 0
    n_faults = 0
    for i in range(messages.size):
        message = messages[i]
        if event.open and (message.ts_event != event.ts_event or message.flags & F_SNAPSHOT):
            n = _end_event(keys, sizes, depth, event, top, stamps, levels, n)
        if message.flags & F_SNAPSHOT:
            if not event.in_snapshot:
                _clear(orders, depth, event)
            event.in_snapshot = 1
        else:
            event.in_snapshot = 0
            event.open = 1
            event.ts_event = message.ts_event
            event.ts_recv = message.ts_recv
            event.row = row[i]
        fault = _apply(message, orders, keys, sizes, depth, event)
        if fault:
            faults[0, n_faults] = i
            faults[1, n_faults] = fault
            n_faults += 1
        if event.open and message.flags & F_LAST:
            n = _end_event(keys, sizes, depth, event, top, stamps, levels, n)
    return n, n_faults


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
        self._orders = np.zeros(1024, ORDER)
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
        n, n_faults = _run(messages, row, *book, stamps, levels, faults)
        refused = [Fault(int(i), FAULTS[fault]) for i, fault in faults[:, :n_faults].T]
        return BookRows(stamps[0, :n], stamps[1, :n], stamps[2, :n], levels[:, :, :n]), refused

    def finish(self) -> BookRows:
        """The row of an event that the end of the stream ends."""
        stamps = np.empty((3, 1), np.int64)
        levels = np.empty((4, LEVELS, 1), np.int64)
        event = self._event[0]
        n = 0
        if event["open"]:
            n = _end_event(self._keys, self._sizes, self._depth, event, self._top, stamps, levels, 0)
        return BookRows(stamps[0, :n], stamps[1, :n], stamps[2, :n], levels[:, :, :n])

    def _reserve(self, n: int) -> None:
        """Room for `n` more orders and levels, with the hash table at most half full."""
        needed = 2 * (int(self._event["n_orders"][0]) + n)
        if needed > self._orders.size:
            larger = np.zeros(1 << needed.bit_length(), ORDER)
            _move_orders(self._orders, larger)
            self._orders = larger
        levels = int(self._depth.max()) + n
        if levels > self._keys.shape[1]:
            self._keys, self._sizes = (
                np.pad(array, ((0, 0), (0, 2 * levels - array.shape[1]))) for array in (self._keys, self._sizes)
            )
