"""The price levels of both sides: sorted keys with the contracts at each, `depth` of them a side.

Keys ascend to the best price, where most messages land: bids as they are, asks negated.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.core.tables import LEVELS

UNDEF_PRICE = np.iinfo(np.int64).max
"""The price of a level that is empty."""


@kernel
def change(keys, sizes, depth, side, price, contracts):
    """Adds contracts to a level; whether it is, or was, one of the top levels."""
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
    at_top = n - low <= LEVELS
    sizes[s, low] += contracts
    if sizes[s, low] == 0:
        n -= 1
        for at in range(low, n):
            keys[s, at] = keys[s, at + 1]
            sizes[s, at] = sizes[s, at + 1]
    depth[s] = n
    return at_top


@kernel
def refresh(keys, sizes, depth, top):
    """Copies the top levels to `top` (bid prices, ask prices, bid sizes, ask sizes); whether they differed from it."""
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
    return changed
