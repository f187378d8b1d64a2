"""Are the values of a table what its contract says? Anyone may have written it.

What `mia ingest` would have put in quarantine row by row stops a reader here: the first such row is named. Jumps and
duplicates need what came before them and stay with ingest.
"""

from pathlib import Path

import numpy as np

from mia_ml.core.errors import DataError
from mia_ml.core.moments import utc
from mia_ml.core.tables import LEVELS, Columns
from mia_ml.store.checks import GRID_TOLERANCE


def _refuse(path: Path, bad: np.ndarray, values: np.ndarray, what: str) -> None:
    rows = np.flatnonzero(bad)
    if rows.size:
        raise DataError(f"{path}: row {rows[0] + 1}: {what} {values[rows[0]]}; mia ingest tables puts such rows aside")


def _off_grid(price: np.ndarray, tick: float) -> np.ndarray:
    ticks = price / tick
    return ~np.isnan(ticks) & (np.abs(ticks - np.rint(ticks)) > GRID_TOLERANCE)


def check(path: Path, table: str, columns: Columns, tick: float, span: tuple[int, int], open_ns: int) -> None:
    """Refuse the first row of a trades, book or bars table that breaks the contract.

    tick: points, 0 for instruments that print between ticks. span: (after, until] holds the trading day's rows, ns UTC.
    open_ns: before it a book may be crossed. Raises DataError naming file, row and value.
    """
    ts = columns["ts_event"]
    outside = (ts <= span[0]) | (ts > span[1])
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise DataError(
            f"{path}: row {row + 1}: {utc(ts[row])} belongs to another trading day; name the file by its day"
        )
    if table == "trades":
        price, size, side = columns["price"], columns["size"], columns["side"]
        _refuse(path, ~np.isfinite(price), price, "price")
        if tick:
            _refuse(path, _off_grid(price, tick), price, "off the tick grid is price")
        _refuse(path, size <= 0, size, "size")
        _refuse(path, (side < -1) | (side > 1), side, "side")
    elif table == "book":
        for name in (f"{kind}_sz_{level:02d}" for kind in ("bid", "ask") for level in range(LEVELS)):
            _refuse(path, columns[name] < 0, columns[name], name)
        bid, ask = columns["bid_px_00"], columns["ask_px_00"]
        _refuse(path, np.isinf(bid) | np.isinf(ask), bid, "not a price is bid_px_00 or ask_px_00 beside bid_px_00")
        _refuse(path, (bid >= ask) & (ts >= open_ns), bid, "crossed in trading hours is bid_px_00")
    else:
        low, high = columns["low"], columns["high"]
        for name in ("open", "high", "low", "close"):
            astray = ~np.isfinite(columns[name]) | (columns[name] < low) | (columns[name] > high)
            _refuse(path, astray, columns[name], f"outside low..high is {name}")
        _refuse(path, ~(columns["volume"] >= 0), columns["volume"], "volume")
