"""An order book so slow and plain that it can be read as the definition: dicts of orders and of prices.

Written from the vendor's description of market-by-order data, and decoded record by record by the vendor's library:
nothing of the product is imported, so the two can only agree by both being right.
"""

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import databento_dbn as dbn

F_LAST = 128
F_SNAPSHOT = 32

Level = tuple[int, int]
"""Price in 1e-9 points, contracts."""
Top = tuple[tuple[Level, ...], tuple[Level, ...]]
"""The best bids, then the best asks, at most five each."""


class ReferenceBook:
    """The resting orders of one instrument, by id: (side, price, size); and what they add up to, by price."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[str, int, int]] = {}
        self.depth: dict[str, dict[int, int]] = {"B": {}, "A": {}}
        self.in_snapshot = False

    def apply(self, action: str, side: str, order_id: int, price: int, size: int, flags: int = 0) -> str:
        """Applies one message; what was wrong with it, or nothing."""
        snapshot = bool(flags & F_SNAPSHOT)
        if action == "R" or (snapshot and not self.in_snapshot):
            self.orders.clear()
            self.depth = {"B": {}, "A": {}}
        self.in_snapshot = snapshot
        if action == "A":
            if order_id in self.orders:
                return "duplicate"
            self.rest(order_id, side, price, size)
        elif action == "C":
            if order_id not in self.orders:
                return "unknown"
            resting_side, resting_price, resting = self.leave(order_id)
            if resting > size:
                self.rest(order_id, resting_side, resting_price, resting - size)
            elif resting < size:
                return "excess"
        elif action == "M":
            if order_id not in self.orders:
                return "unknown"
            resting_side, _, _ = self.leave(order_id)
            self.rest(order_id, resting_side, price, size)
        return ""

    def rest(self, order_id: int, side: str, price: int, size: int) -> None:
        self.orders[order_id] = (side, price, size)
        self.depth[side][price] = self.depth[side].get(price, 0) + size

    def leave(self, order_id: int) -> tuple[str, int, int]:
        side, price, size = self.orders.pop(order_id)
        self.depth[side][price] -= size
        if self.depth[side][price] == 0:
            del self.depth[side][price]
        return side, price, size

    def levels(self, side: str) -> tuple[Level, ...]:
        """The best five prices of a side with the contracts resting there, best first."""
        best = heapq.nlargest if side == "B" else heapq.nsmallest
        return tuple((price, self.depth[side][price]) for price in best(5, self.depth[side]))

    def top(self) -> Top:
        """Both sides, best first."""
        return self.levels("B"), self.levels("A")


def records(path: Path) -> Iterator[Any]:
    """Every record of a compressed DBN file, as the vendor's decoder gives it."""
    decoder = dbn.DBNDecoder(compression=dbn.Compression.ZSTD)
    decoder.write(path.read_bytes())
    for record in decoder.decode():
        if not isinstance(record, dbn.Metadata):
            yield record
