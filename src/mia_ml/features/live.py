"""A live event: one record, which `push` reads as a tape of length one, and the quick way to fill it."""

import struct
from collections.abc import Sequence

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.features import engine
from mia_ml.features.bar import NATIVE
from mia_ml.features.levels import OPTION, VIX
from mia_ml.features.tape import Tape

TRADE, BOOK, OPTIONS, VIX_VALUE, LATE, BAR_CLOSED, CLOCK = range(7)

EVENT = np.dtype(
    [
        ("kind", "i8"),
        ("ts", "i8", (1,)),  # of a trade, a snapshot or a clock; arrival time of a late event
        ("price", "f8", (1,)),
        ("size", "i8", (1,)),
        ("side", "i1", (1,)),
        ("bid", "f8", (1,)),
        ("ask", "f8", (1,)),
        ("sizes", "i8", (10,)),  # five bid, then five ask
        ("options", OPTION, (1,)),
        ("vix", VIX, (1,)),
        ("bars", NATIVE, (1,)),
    ],
    align=True,
)


@kernel
def push(params, state, event_array, until, bars, rows):
    """One event of the trading day that is open; returns how many rows it closed."""
    event = event_array[0]
    kind = event.kind
    trade, book = int(kind == TRADE), int(kind == BOOK)
    size = event.sizes
    events = Tape(
        event.ts[0:trade],
        event.price[0:trade],
        event.size[0:trade],
        event.side[0:trade],
        event.ts[0:book],
        event.bid[0:book],
        event.ask[0:book],
        (
            size[0:book],
            size[1 : 1 + book],
            size[2 : 2 + book],
            size[3 : 3 + book],
            size[4 : 4 + book],
            size[5 : 5 + book],
            size[6 : 6 + book],
            size[7 : 7 + book],
            size[8 : 8 + book],
            size[9 : 9 + book],
        ),
        event.options[0 : int(kind == OPTIONS)],
        event.vix[0 : int(kind == VIX_VALUE)],
        event.ts[0 : int(kind == LATE)],
        event.bars[0 : int(kind == BAR_CLOSED)],
    )
    return engine.run(params, state, until, events, bars, rows)


def _layout(*names: str) -> struct.Struct:
    """Consecutive fields of EVENT from the first of `names` on, for packing plain values."""
    codes = {"f8": "d", "i8": "q", "i1": "b"}
    out = "="
    for name in names:
        dtype = EVENT[name]
        fields = [dtype.base[part] for part in dtype.base.names or ()] or [dtype.base] * int(np.prod(dtype.shape))
        out += "".join(codes[field.str[1:]] for field in fields)
    return struct.Struct(out)


_ROWS = {OPTIONS: "options", VIX_VALUE: "vix", BAR_CLOSED: "bars"}


class Packer:
    """One EVENT record that plain Python values are packed into: each call overwrites the event before.

    `record` is what `Engine.push` takes. Writing field by field through numpy costs five times as much.

    >>> packer = Packer()
    >>> packer.trade(1_000, 5000.25, 3, -1)
    >>> packer.record["kind"][0] == TRADE, packer.record["price"][0, 0], packer.record["side"][0, 0]
    (np.True_, np.float64(5000.25), np.int8(-1))
    """

    _TRADE = _layout("kind", "ts", "price", "size", "side")
    _TIME = _layout("kind", "ts")
    _BOOK = _layout("bid", "ask", "sizes")

    def __init__(self) -> None:
        self.record = np.zeros(1, EVENT)
        self._bytes = self.record.data.cast("B")
        self._at = {name: EVENT.fields[name][1] for name in EVENT.names}  # type: ignore[index,union-attr]
        self._book_at = self._at["bid"]

    def trade(self, ts: int, price: float, size: int, side: int) -> None:
        """A print: ns UTC, points, contracts, aggressor."""
        self._TRADE.pack_into(self._bytes, 0, TRADE, ts, price, size, side)

    def book(self, ts: int, bid: float, ask: float, sizes: Sequence[int]) -> None:
        """The best prices and ten sizes: five bid, then five ask."""
        self._TIME.pack_into(self._bytes, 0, BOOK, ts)
        self._BOOK.pack_into(self._bytes, self._book_at, bid, ask, *sizes)

    def moment(self, kind: int, ts: int) -> None:
        """A LATE event's arrival, or a CLOCK."""
        self._TIME.pack_into(self._bytes, 0, kind, ts)

    def row(self, kind: int, row: np.void) -> None:
        """An OPTIONS, VIX_VALUE or BAR_CLOSED record of its own dtype."""
        self._TIME.pack_into(self._bytes, 0, kind, row["ts_event"])
        self.record[_ROWS[kind]][0, 0] = row
