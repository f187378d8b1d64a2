"""What arrives at the live service, as fixed records: one dtype a table, in memory and on disk.

Every record carries where it came from (`feed`, `position`), when it got here (`ts_recv`) and what became of it
(`reason`: 0 went to the engine). A single event is an array of length one, a portion of a file an array of many.
"""

import numpy as np

from mia_ml.core.moments import NONE
from mia_ml.core.tables import SCHEMAS, Columns
from mia_ml.features import live
from mia_ml.single.arrival import BEHIND, FUTURE, LATE, ORIGIN

TABLES = ("trades", "book", "options", "vix", "bars")
KIND = {
    "trades": live.TRADE,
    "book": live.BOOK,
    "options": live.OPTIONS,
    "vix": live.VIX_VALUE,
    "bars": live.BAR_CLOSED,
}
PRICED = ("trades", "book", "bars")
"""Tables of the contract that is traded; the others are of an index."""

REASONS = {
    LATE: "late: its bar had closed",
    BEHIND: "behind the event before it",
    FUTURE: "from the future by this machine's clock",
}
"""Why an event did not go to the engine, beyond `store.rules.REASONS`."""


def _record(table: str) -> np.dtype:
    columns = SCHEMAS[table].columns
    fields = [(name, "i8" if kind == "i1" else kind) for name, kind in columns.items() if kind != "O"]
    sequence = [("sequence", "i8")] if "sequence" in SCHEMAS[table].optional else []
    return np.dtype([*ORIGIN, *fields, *sequence], align=True)


RECORD = {table: _record(table) for table in TABLES}
"""Eight-byte fields only, so that a record is a row of words and a file of them a matrix."""
_BLOCK = 1 << 10


def records(table: str, columns: Columns, positions: np.ndarray, feed: int) -> np.ndarray:
    """Canonical columns as records that have not been numbered yet.

    columns: as in `core.tables.SCHEMAS`; `ts_recv` and `sequence` may be missing. positions: int64 [n].
    """
    out = np.zeros(positions.size, RECORD[table])
    out["feed"], out["position"] = feed, positions
    out["ts_recv"] = columns.get("ts_recv", NONE)
    for name in RECORD[table].names or ():
        if name in columns and name != "ts_recv":
            out[name] = columns[name]
    return out


def columns(table: str, found: np.ndarray) -> Columns:
    """Records as canonical columns, with `ts_recv` where all of them have one."""
    turned = _turned(found)
    at = {name: turned[k] for k, name in enumerate(found.dtype.names or ())}
    schema = SCHEMAS[table]
    out = {
        name: at[name].astype(kind) if kind == "i1" else at[name].view(kind)
        for name, kind in schema.columns.items()
        if kind != "O"
    }
    if "sequence" in schema.optional:
        out["sequence"] = at["sequence"]
    if found.size and (at["ts_recv"] != NONE).all():
        out["ts_recv"] = at["ts_recv"]
    return out


def _turned(found: np.ndarray) -> np.ndarray:
    """The words of records, int64 [fields, n]; block by block, since a column of records lies all over their memory."""
    words = np.ascontiguousarray(found).view(np.int64).reshape(found.size, found.dtype.itemsize // 8)
    out = np.empty(words.shape[::-1], np.int64)
    for start in range(0, found.size, _BLOCK):
        out[:, start : start + _BLOCK] = words[start : start + _BLOCK].T
    return out


def those(found: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The records that a mask marks; without a copy when it marks all."""
    return found if mask.all() else found[mask]
