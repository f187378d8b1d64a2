"""The resting orders by their id: a hash table with open addressing, a power of two long and at most half full."""

import numpy as np

from mia_ml.core.kernel import kernel

ORDER = np.dtype([("id", "i8"), ("price", "i8"), ("size", "i8"), ("side", "i8")], align=True)
"""side: 0 a free slot, 1 bid, 2 ask."""


@kernel
def home(order_id, mask):
    # Fibonacci hashing of 31 mixed bits: the product fits int64, so it is the same with and without the compiler
    return ((((order_id ^ (order_id >> 31)) & 0x7FFFFFFF) * 0x9E3779B1) >> 20) & mask


@kernel
def find(orders, order_id):
    """Where an order is, or the free slot it would take."""
    mask = orders.size - 1
    at = home(order_id, mask)
    while orders[at].side != 0 and orders[at].id != order_id:
        at = (at + 1) & mask
    return at


@kernel
def remove(orders, at):
    """Frees a slot and closes the gap, so that no probe ends early (Knuth 6.4, algorithm R)."""
    mask = orders.size - 1
    gap = at
    probe = (at + 1) & mask
    while orders[probe].side != 0:
        if ((probe - home(orders[probe].id, mask)) & mask) >= ((probe - gap) & mask):
            orders[gap] = orders[probe]
            gap = probe
        probe = (probe + 1) & mask
    orders[gap].side = 0


@kernel
def move(old, new):
    for at in range(old.size):
        if old[at].side != 0:
            new[find(new, old[at].id)] = old[at]


@kernel
def clear(orders):
    for at in range(orders.size):
        orders[at].side = 0
