"""Sierra Chart market depth files (`.depth`): the book of one UTC day as a list of level changes.

    header   64 bytes: 'SCDD', header size, record size, version, 48 reserved
    record   24 bytes: time in microseconds since 30 December 1899 UTC, command, flags, orders (16 bits),
    price (32-bit
             float), quantity, 4 reserved
    command  1 empties the book, 2 and 3 add a bid and an ask level, 4 and 5 change one, 6 and 7 delete one

Only the end of a batch (flag 1) is a state the exchange published, so a book row is written there, when one
of the five best levels of a side is another than in the row before. An add or a change states the whole
level: it is applied whether or not the level was there, and a quantity of 0 takes it away. A command beyond
those above, a price that is no number, and the deletion of a level that is not there are refused; the rest of
the batch goes on.
"""

from pathlib import Path

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.core.tables import LEVELS, Batch, Item, Reject
from mia_ml.sources.sierra import binary, naming

HEADER = np.dtype(
    [("magic", "S4"), ("header_size", "<u4"), ("record_size", "<u4"), ("version", "<u4"), ("reserved", "V48")]
)
RECORD = np.dtype(
    [
        ("time_us", "<i8"),
        ("command", "u1"),
        ("flags", "u1"),
        ("orders", "<u2"),
        ("price", "<f4"),
        ("quantity", "<u4"),
        ("reserved", "V4"),
    ]
)
LAYOUT = binary.Layout(b"SCDD", HEADER, RECORD)
_REASONS = {
    1: "not one of the seven depth commands",
    2: "price is not a number",
    3: "deletes a level that is not in the book",
}
_CLEAR, _DELETE_BID, _LAST_COMMAND = 1, 6, 7
_END_OF_BATCH = 1
BID, ASK = 0, 1


@kernel
def _apply(price, quantity, command, flags, book_price, book_quantity, count, top, rows, why):
    """Run records through the book; returns how many rows `top[1 + row, side, level, (price, quantity)]` got.

    book_price, book_quantity: [side, level], best first, with room for every add; count: levels a side.
    top[0] is the last row written before. rows: for each row, the record that ended its batch. why: per
    record, 0 or its refusal.
    """
    written = 0
    for i in range(price.size):
        what = command[i]
        if what < _CLEAR or what > _LAST_COMMAND:
            why[i] = 1
        elif what == _CLEAR:
            count[BID] = 0
            count[ASK] = 0
        elif not np.isfinite(price[i]):
            why[i] = 2
        else:
            side = what & 1
            better = 1.0 if side == BID else -1.0
            n = count[side]
            at = 0
            while at < n and better * (book_price[side, at] - price[i]) > 0.0:
                at += 1
            present = at < n and book_price[side, at] == price[i]
            takes_away = what >= _DELETE_BID or quantity[i] == 0
            if present and takes_away:
                for k in range(at, n - 1):
                    book_price[side, k] = book_price[side, k + 1]
                    book_quantity[side, k] = book_quantity[side, k + 1]
                count[side] = n - 1
            elif present:
                book_quantity[side, at] = quantity[i]
            elif what >= _DELETE_BID:
                why[i] = 3
            elif not takes_away:
                for k in range(n, at, -1):
                    book_price[side, k] = book_price[side, k - 1]
                    book_quantity[side, k] = book_quantity[side, k - 1]
                book_price[side, at] = price[i]
                book_quantity[side, at] = quantity[i]
                count[side] = n + 1
        if flags[i] & _END_OF_BATCH:
            changed = False
            for side in range(2):
                for level in range(LEVELS):
                    filled = level < count[side]
                    level_price = book_price[side, level] if filled else np.nan
                    level_quantity = float(book_quantity[side, level]) if filled else 0.0
                    top[written + 1, side, level, 0] = level_price
                    top[written + 1, side, level, 1] = level_quantity
                    before = top[written, side, level]
                    if before[1] != level_quantity or (filled and before[0] != level_price):
                        changed = True
            if changed:
                rows[written] = i
                written += 1
    return written


class Book:
    """Records of one file as book rows, see `binary.Converter`. The book starts empty.

    Raises ConfigError when the contract's family is unknown.
    """

    layout = LAYOUT

    def __init__(self, path: Path, symbol: str, price_multiplier: float) -> None:
        self.records = 0
        self._file, self._symbol = str(path), symbol
        self._multiplier, self._tick = price_multiplier, naming.tick_of(symbol, path)
        self._price: np.ndarray = np.zeros((2, LEVELS))
        self._quantity: np.ndarray = np.zeros((2, LEVELS), np.int64)
        self._count = np.zeros(2, np.int64)
        self._last = np.zeros((2, LEVELS, 2))

    def convert(self, chunk: np.ndarray) -> list[Item]:
        self._reserve(chunk.size)
        ends = int((chunk["flags"] & _END_OF_BATCH).sum())
        top = np.empty((ends + 1, 2, LEVELS, 2))
        top[0] = self._last
        rows, why = np.empty(ends, np.int64), np.zeros(chunk.size, np.int8)
        written = _apply(
            naming.points(chunk["price"], self._multiplier, self._tick),
            chunk["quantity"].astype(np.int64),
            chunk["command"].copy(),
            chunk["flags"].copy(),
            self._price,
            self._quantity,
            self._count,
            top,
            rows,
            why,
        )
        items: list[Item] = []
        for i in np.flatnonzero(why):
            value = f"command {chunk['command'][i]} at {chunk['price'][i]}"
            items.append(Reject(self._file, self.records + int(i) + 1, _REASONS[int(why[i])], value, "book"))
        self._last = top[written].copy()
        ended = rows[:written]
        if written:
            book = naming.book(naming.utc_ns(chunk["time_us"][ended]), top[1 : written + 1])
            items.append(Batch("book", self._symbol, book, self._file, self.records + ended + 1))
        self.records += chunk.size
        return items

    def _reserve(self, n: int) -> None:
        """Room for `n` more levels a side."""
        levels = int(self._count.max())
        if levels + n + LEVELS > self._price.shape[1]:
            room = ((0, 0), (0, n + 1 + LEVELS))
            self._price = np.pad(self._price[:, :levels], room)
            self._quantity = np.pad(self._quantity[:, :levels], room)
