"""An order book so slow and plain that it can be read as the definition: a dict of orders, summed when asked.

Written from the vendor's description of market-by-order data, and decoded record by record by the vendor's library:
nothing of the product is imported, so the two can only agree by both being right.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import databento_dbn as dbn

F_LAST = 128
F_SNAPSHOT = 32

Level = tuple[int, int]
"""Price in 1e-9 points, contracts."""
Top = tuple[tuple[Level, ...], tuple[Level, ...]]
"""The best bids, then the best asks, at most five each."""


@dataclass
class ReferenceBook:
    """The resting orders of one instrument, by id: (side, price, size)."""

    orders: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    in_snapshot: bool = False

    def apply(self, action: str, side: str, order_id: int, price: int, size: int, flags: int = 0) -> str:
        """Applies one message; what was wrong with it, or nothing."""
        snapshot = bool(flags & F_SNAPSHOT)
        if snapshot and not self.in_snapshot:
            self.orders.clear()
        self.in_snapshot = snapshot
        if action == "R":
            self.orders.clear()
        elif action == "A":
            if order_id in self.orders:
                return "duplicate"
            self.orders[order_id] = (side, price, size)
        elif action == "C":
            if order_id not in self.orders:
                return "unknown"
            resting_side, resting_price, resting = self.orders.pop(order_id)
            if resting > size:
                self.orders[order_id] = (resting_side, resting_price, resting - size)
            elif resting < size:
                return "excess"
        elif action == "M":
            if order_id not in self.orders:
                return "unknown"
            self.orders[order_id] = (self.orders[order_id][0], price, size)
        return ""

    def levels(self, side: str) -> tuple[Level, ...]:
        """The best five prices of a side with the contracts resting there, best first."""
        depth: dict[int, int] = {}
        for resting_side, price, size in self.orders.values():
            if resting_side == side:
                depth[price] = depth.get(price, 0) + size
        best = sorted(depth, reverse=side == "B")[:5]
        return tuple((price, depth[price]) for price in best)

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
