"""The volatility index from a CSV of daily bars, at the time its close became known.

A close of a date counts from 16:15 New York time of that date, not from its midnight and not from its open: a
day's trading must not see how the day ended. On early closes that is later than need be, never sooner.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from mia_ml.core.tables import Batch, FileDone, Item, Reject
from mia_ml.sources import Skip, delimited, never, wallclock

SYMBOL = "VIX"
_ZONE = "America/New_York"
_KNOWN_AT = "16h15m"
_NEEDED = ("DATE", "CLOSE")
_DATE_FORMATS = ("%Y-%m-%d", "%m/%d/%Y")


def read(paths: Iterable[str | Path], *, skip: Skip = never) -> Iterator[Item]:
    """`vix` rows of files with the columns DATE and CLOSE, each file closed by its FileDone."""
    for path in map(Path, paths):
        if skip(str(path)):
            continue
        try:
            yield from _read_file(path)
        except OSError as error:
            yield FileDone(str(path), 0, f"{path}: cannot be read: {error.strerror}")


def _read_file(path: Path) -> Iterator[Item]:
    file = str(path)
    records = 0
    with path.open("rb") as stream:
        cells = [cell.upper() for cell in delimited.split(delimited.first_line(stream), ",")]
        missing = [name for name in _NEEDED if name not in cells]
        if missing:
            yield FileDone(file, 0, f"{file}: its first line has no column {', '.join(missing)}")
            return
        at = {name: cells.index(name) for name in _NEEDED}
        for table in delimited.blocks(stream, ",", len(cells), at):
            rows = np.arange(records + 1, records + 1 + table.height)
            records += table.height
            ts_ns, value = _known_ns(table["DATE"]), delimited.numbers(table, "CLOSE")
            refused = (ts_ns == wallclock.MISSING) | ~(value > 0)
            for i in np.flatnonzero(refused):
                dated = ts_ns[i] != wallclock.MISSING
                reason, name = ("no index value", "CLOSE") if dated else ("no such date", "DATE")
                yield Reject(file, int(rows[i]), reason, table[name][int(i)] or "", "vix")
            if not refused.all():
                columns = {"ts_event": ts_ns[~refused], "value": value[~refused]}
                yield Batch("vix", SYMBOL, columns, file, rows[~refused])
    yield FileDone(file, records, "" if records else f"{file}: a header and no days")


def _known_ns(dates: pl.Series) -> np.ndarray:
    day = pl.coalesce(dates.str.to_date(layout, strict=False) for layout in _DATE_FORMATS)
    known = day.cast(pl.Datetime("ns")).dt.offset_by(_KNOWN_AT).dt.replace_time_zone(_ZONE).dt.epoch("ns")
    return pl.select(known.fill_null(wallclock.MISSING)).to_series().to_numpy()
