"""Sierra Chart intraday files (`.scid`) that hold one trade per record.

    header   56 bytes: 'SCID', header size, record size, version (16 bits), 2 unused, index, 36 reserved
    record   40 bytes: time in microseconds since 30 December 1899 UTC, open, high, low, close (32-bit
    floats),
             trades, volume, bid volume, ask volume (32-bit counts)

In a tick record `close` is the trade, `high` the ask and `low` the bid of its moment, and `open` is a marker:
0 for a trade of its own, or the first or the last fill of an order that the exchange reported as a whole and
the vendor took apart. Any other `open` is a bar of several trades, whose prints are lost: refused.

Volume at the bid was sold by the aggressor, volume at the ask bought; with both or neither the side is
unknown.

The clock ticks in milliseconds, and the microseconds only count the trades within one. So the fills of one
unbundled order carry different times; here they all get the time of the first, which makes them one order for
everything that reads the table. A group ends at its last-fill marker, or where the clock moves on although
that marker never came.
"""

from pathlib import Path

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.core.tables import Batch, Item, Reject
from mia_ml.sources.sierra import binary, naming

HEADER = np.dtype(
    [
        ("magic", "S4"),
        ("header_size", "<u4"),
        ("record_size", "<u4"),
        ("version", "<u2"),
        ("unused", "<u2"),
        ("start_index", "<u4"),
        ("reserved", "V36"),
    ]
)
RECORD = np.dtype(
    [
        ("time_us", "<i8"),
        ("open", "<f4"),
        ("high", "<f4"),
        ("low", "<f4"),
        ("close", "<f4"),
        ("trades", "<u4"),
        ("volume", "<u4"),
        ("bid_volume", "<u4"),
        ("ask_volume", "<u4"),
    ]
)
LAYOUT = binary.Layout(b"SCID", HEADER, RECORD)
_FIRST_FILL = np.float32(-1.99900095e37)
_LAST_FILL = np.float32(-1.99900197e37)
_ALONE, _FIRST, _LAST = 0, 1, 2


@kernel
def _one_time_per_order(time_us, marker, state):
    """Give each fill its order's first time; state: time of the open order (or -1), time of the fill before."""
    for i in range(time_us.size):
        now = time_us[i]
        same_burst = now // 1000 == state[1] // 1000 or now == state[1] + 1
        if marker[i] == _FIRST:
            state[0] = now
        elif state[0] >= 0 and not same_burst:
            state[0] = -1
        if state[0] >= 0:
            time_us[i] = state[0]
        if marker[i] == _LAST:
            state[0] = -1
        state[1] = now


class Trades:
    """Records of one file as trades, see `binary.Converter`.

    Raises ConfigError when the contract's family is unknown.
    """

    layout = LAYOUT

    def __init__(self, path: Path, symbol: str, price_multiplier: float) -> None:
        self.records = 0
        self._file, self._symbol = str(path), symbol
        self._multiplier, self._tick = price_multiplier, naming.tick_of(symbol, path)
        self._order = np.array([-1, -1], np.int64)

    def convert(self, chunk: np.ndarray) -> list[Item]:
        rows = np.arange(self.records + 1, self.records + 1 + chunk.size)
        self.records += chunk.size
        opened = chunk["open"]
        marker = np.select([opened == _FIRST_FILL, opened == _LAST_FILL], [_FIRST, _LAST], _ALONE).astype(np.int8)
        is_tick = (marker != _ALONE) | (opened == 0)
        items: list[Item] = []
        for i in np.flatnonzero(~is_tick):
            reason = f"a bar of {chunk['trades'][i]} trades: store one trade per record to have ticks"
            items.append(Reject(self._file, int(rows[i]), reason, f"open {opened[i]}", "trades"))
        ticks = chunk[is_tick]
        if not ticks.size:
            return items
        time_us = ticks["time_us"].astype(np.int64)
        _one_time_per_order(time_us, marker[is_tick], self._order)
        sold, bought = ticks["bid_volume"] > 0, ticks["ask_volume"] > 0
        trades = {
            "ts_event": naming.utc_ns(time_us),
            "price": naming.points(ticks["close"], self._multiplier, self._tick),
            "size": ticks["volume"].astype(np.int64),
            "side": bought.astype(np.int8) - sold.astype(np.int8),
        }
        return [*items, Batch("trades", self._symbol, trades, self._file, rows[is_tick])]
