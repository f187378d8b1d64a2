"""The walk over messages: each changes orders and levels or is refused, and the end of an event may give a row.

orders: see `order_hash`. keys, sizes, depth: see `price_levels`. event: the one under way. top: levels of the last row.
stamps, levels, faults: what the walk writes.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.core.tables import LEVELS
from mia_ml.sources.order_book import order_hash, price_levels
from mia_ml.sources.order_book.price_levels import UNDEF_PRICE

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
def _clear(orders, depth, event):
    order_hash.clear(orders)
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
    at = order_hash.find(orders, message.order_id)
    order = orders[at]
    if action == _CANCEL:
        if order.side == 0:
            return _UNKNOWN
        leaving = min(size, order.size)
        event.touched |= price_levels.change(keys, sizes, depth, order.side, order.price, -leaving)
        if leaving < order.size:
            order.size -= leaving
            return 0
        order_hash.remove(orders, at)
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
        event.touched |= price_levels.change(keys, sizes, depth, side, order.price, -order.size)
    order.price = message.price
    order.size = size
    event.touched |= price_levels.change(keys, sizes, depth, side, message.price, size)
    return 0


@kernel
def end(keys, sizes, depth, event, top, stamps, levels, n):
    """Writes row `n` when the top differs from the last row; the number of rows now."""
    event.open = 0
    if event.touched == 0:
        return n
    event.touched = 0
    if not price_levels.refresh(keys, sizes, depth, top):
        return n
    stamps[0, n] = event.ts_event
    stamps[1, n] = event.ts_recv
    stamps[2, n] = event.row
    for kind in range(4):
        for level in range(LEVELS):
            levels[kind, level, n] = top[kind, level]
    return n + 1


@kernel
def walk(messages, row, orders, keys, sizes, depth, event, top, stamps, levels, faults):
    """Applies messages in order; the numbers of rows and of faults written."""
    n = 0
    n_faults = 0
    for i in range(messages.size):
        message = messages[i]
        if event.open and (message.ts_event != event.ts_event or message.flags & F_SNAPSHOT):
            n = end(keys, sizes, depth, event, top, stamps, levels, n)
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
            n = end(keys, sizes, depth, event, top, stamps, levels, n)
    return n, n_faults
