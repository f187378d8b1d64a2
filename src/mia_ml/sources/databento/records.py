"""Records to columns: prices from 1e-9 to points, `B`/`A`/`N` to +1/-1/0, bars from their open to their close."""

import numpy as np

from mia_ml.core.moments import MINUTE
from mia_ml.core.tables import LEVELS, Columns
from mia_ml.sources.order_book import F_LAST, F_SNAPSHOT, UNDEF_PRICE, BookRows

UNITS_PER_POINT = 1e9
_LEVEL_KINDS = ("bid_px", "ask_px", "bid_sz", "ask_sz")


def points(price: np.ndarray) -> np.ndarray:
    """Fixed-point prices as float64 points; UNDEF is NaN.

    >>> points(np.array([4800_250_000_000, UNDEF_PRICE])).tolist()
    [4800.25, nan]
    """
    return np.where(price == UNDEF_PRICE, np.nan, price / UNITS_PER_POINT)


def trades(records: np.ndarray) -> tuple[Columns, np.ndarray]:
    """The prints among records and which of them these are."""
    printed = records["action"] == b"T"
    records = records[printed]
    columns = {
        "ts_event": records["ts_event"].astype(np.int64),
        "price": points(records["price"]),
        "size": records["size"].astype(np.int64),
        "side": (records["side"] == b"B").astype(np.int8) - (records["side"] == b"A").astype(np.int8),
        "sequence": records["sequence"].astype(np.int64),
        "ts_recv": records["ts_recv"].astype(np.int64),
    }
    return columns, printed


def book(rows: BookRows) -> Columns:
    """The columns of book rows."""
    columns = {"ts_event": rows.ts_event.copy()}
    for kind, levels in zip(_LEVEL_KINDS, rows.levels, strict=True):
        for level in range(LEVELS):
            columns[f"{kind}_{level:02d}"] = points(levels[level]) if kind.endswith("px") else levels[level].copy()
    return columns | {"ts_recv": rows.ts_recv.copy()}


def bars(records: np.ndarray) -> Columns:
    """One-minute bars, stamped by their close."""
    absent = np.full(records.size, np.nan)
    columns = {"ts_event": records["ts_event"].astype(np.int64) + MINUTE}
    columns |= {name: points(records[name]) for name in ("open", "high", "low", "close")}
    columns["volume"] = records["volume"].astype(np.float64)
    return columns | {name: absent.copy() for name in ("buy_volume", "sell_volume", "n_trades")}


class QuoteBook:
    """The top levels that market-by-price records carry: a row at the end of an event that changed them.

    every_record: each record is an event of its own (`tbbo`: the quote that one trade met).
    """

    def __init__(self, every_record: bool) -> None:
        self._every_record = every_record
        self._held: tuple[np.ndarray, np.ndarray] | None = None  # a last record that may not end its event, its row
        self._last = np.zeros((4, LEVELS, 1), np.int64)
        self._last[:2] = UNDEF_PRICE

    def apply(self, records: np.ndarray, row: np.ndarray) -> BookRows:
        """Rows of the events that ended. Where a stream is cut changes nothing."""
        if self._held is not None:
            records = np.concatenate([self._held[0], records])
            row = np.concatenate([self._held[1], row])
        ends = np.ones(records.size, bool)
        if not self._every_record:
            ends = (records["flags"] & F_LAST) != 0
            ends[:-1] |= records["ts_event"][1:] != records["ts_event"][:-1]
        self._held = None if ends[-1] else (records[-1:], row[-1:])
        return self._rows(records[ends], row[ends])

    def finish(self) -> BookRows:
        """The row of an event that the end of the stream ends."""
        held, self._held = self._held, None
        if held is None:
            return BookRows(*(np.empty(0, np.int64),) * 3, np.empty((4, LEVELS, 0), np.int64))
        return self._rows(*held)

    def _rows(self, records: np.ndarray, row: np.ndarray) -> BookRows:
        live = (records["flags"] & F_SNAPSHOT) == 0
        records, row = records[live], row[live]
        levels = np.zeros((4, LEVELS, records.size), np.int64)
        levels[:2] = UNDEF_PRICE
        for i, kind in enumerate(_LEVEL_KINDS):
            for level in range(LEVELS):
                if f"{kind}_{level:02d}" in (records.dtype.names or ()):
                    levels[i, level] = records[f"{kind}_{level:02d}"]
        seen = np.concatenate([self._last, levels], axis=2)
        self._last = seen[:, :, -1:]
        changed = (seen[:, :, 1:] != seen[:, :, :-1]).any(axis=(0, 1))
        ts_event, ts_recv = (records[name][changed].astype(np.int64) for name in ("ts_event", "ts_recv"))
        return BookRows(ts_event, ts_recv, row[changed], levels[:, :, changed])
