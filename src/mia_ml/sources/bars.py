"""Bar files: CSV (plain, gzipped, or members of a zip) and Parquet, laid out as a BarMapping says.

A bar counts from its close, so a file that stamps starts is moved by the bar's length. Volumes by side that a
file does not have stay NaN. A bar whose open, high, low and close contradict each other, a negative count and
a cell that is no number refuse the row; bars that share a time are kept, two dollar bars can end in one
millisecond.
"""

import gzip
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mia_ml.core.errors import ConfigError, MiaError, SourceError
from mia_ml.core.tables import SCHEMAS, Batch, Columns, FileDone, Item, Reject
from mia_ml.sources import Skip, bar_times, delimited, never
from mia_ml.sources.bar_mapping import OPTIONAL, REQUIRED, BarMapping

SUFFIXES = (".csv", ".txt", ".gz", ".zip", ".parquet")
_TEXT_MEMBERS = (".csv", ".txt")
_PRICES = ("open", "high", "low", "close")
_BROKEN = (EOFError, OSError, zipfile.BadZipFile, zlib.error, RuntimeError)  # the last: encrypted members


def read(
    paths: Iterable[str | Path], mapping: BarMapping, symbol: str | None = None, *, skip: Skip = never
) -> Iterator[Item]:
    """Bars of files, each file or zip member closed by its FileDone; a folder is its files in order of name.

    symbol: the contract or, where names give the contract month, its root. Without it names must give the
    symbol.
    """
    for given in map(Path, paths):
        try:
            files = [given]
            if given.is_dir():
                files = sorted(path for path in given.iterdir() if path.suffix.lower() in SUFFIXES)
                if not files:
                    yield FileDone(str(given), 0, f"{given}: no {', '.join(SUFFIXES)} file in this folder")
        except OSError as error:
            yield FileDone(str(given), 0, f"{given}: cannot be read: {error.strerror}")
            continue
        for path in files:
            yield from _read_file(path, mapping, symbol, skip)


def _read_file(path: Path, mapping: BarMapping, symbol: str | None, skip: Skip) -> Iterator[Item]:
    suffix = path.suffix.lower()
    if suffix == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                members = sorted(name for name in archive.namelist() if not name.endswith("/"))
                if not members:
                    yield FileDone(str(path), 0, f"{path}: empty archive")
                for name in members:
                    if not skip(f"{path}:{name}"):
                        yield from _text(f"{path}:{name}", name, partial(archive.open, name), mapping, symbol)
        except _BROKEN as error:
            yield FileDone(str(path), 0, f"{path}: not a readable zip archive: {error}")
    elif skip(str(path)):
        return
    elif suffix == ".gz":
        yield from _text(str(path), path.stem, partial(gzip.open, path), mapping, symbol)
    elif suffix == ".parquet":
        yield from _parquet(path, mapping, symbol)
    elif suffix in _TEXT_MEMBERS:
        yield from _text(str(path), path.name, partial(path.open, "rb"), mapping, symbol)
    else:
        yield FileDone(str(path), 0, f"{path}: not a bar file, those end in {', '.join(SUFFIXES)}")


def _text(file: str, name: str, opened: Callable[[], Any], mapping: BarMapping, symbol: str | None) -> Iterator[Item]:
    records = 0
    try:
        if not name.lower().endswith(_TEXT_MEMBERS):
            raise SourceError(f"not text, bars are in {' or '.join(_TEXT_MEMBERS)} files")
        contract, date = _identity(name, mapping, symbol)
        with opened() as stream:
            first = delimited.first_line(stream)
            if not first:
                raise SourceError("empty file")
            cells = delimited.split(first, mapping.separator)
            at = _positions(cells, mapping)
            head = b"" if mapping.header else first
            for table in delimited.blocks(stream, mapping.separator, len(cells), at, head):
                yield from _bars(table, contract, date, mapping, file, records + 1)
                records += table.height
        yield FileDone(file, records, "" if records else f"{file}: a header and no bars")
    except MiaError as error:
        yield FileDone(file, records, f"{file}: {error}")
    except _BROKEN as error:
        yield FileDone(file, records, f"{file}: cannot be read beyond row {records}: {error}")


def _parquet(path: Path, mapping: BarMapping, symbol: str | None) -> Iterator[Item]:
    file = str(path)
    try:
        contract, date = _identity(path.name, mapping, symbol)
        have = pl.read_parquet_schema(path)
        at = _positions(list(have), mapping)
        table = pl.read_parquet(path).select(pl.nth(position).alias(name) for name, position in at.items())
        yield from _bars(table.with_columns(too_long=pl.lit(False)), contract, date, mapping, file, 1)
        yield FileDone(file, table.height, "" if table.height else f"{file}: no bars")
    except MiaError as error:
        yield FileDone(file, 0, f"{file}: {error}")
    except (pl.exceptions.PolarsError, OSError) as error:
        yield FileDone(file, 0, f"{file}: not a readable Parquet file: {str(error).splitlines()[0]}")


def _identity(name: str, mapping: BarMapping, symbol: str | None) -> tuple[str, str]:
    contract, date = mapping.from_name(name, symbol)
    if not contract:
        raise ConfigError("give the symbol, or a group (?P<symbol>...) in mapping.name_pattern")
    return contract, date


def _positions(cells: list[str], mapping: BarMapping) -> dict[str, int]:
    """Where each canonical column stands; without a header any other width is another file."""
    width = 1 + max((at for at in mapping.columns.values() if isinstance(at, int)), default=-1)
    if len(cells) < width or (not mapping.header and len(cells) != width):
        raise SourceError(f"row 1 has {len(cells)} cells, mapping.columns tells of {width}")
    missing = [at for at in mapping.columns.values() if isinstance(at, str) and at not in cells]
    if missing:
        raise SourceError(f"no column '{missing[0]}', the header has {', '.join(cells)}")
    return {name: at if isinstance(at, int) else cells.index(at) for name, at in mapping.columns.items()}


def _bars(
    table: pl.DataFrame, symbol: str, date: str, mapping: BarMapping, file: str, first_row: int
) -> Iterator[Item]:
    values: Columns = {"ts_event": bar_times.close_ns(table["ts"], date, mapping)}
    bad: dict[tuple[str, str], np.ndarray] = {
        ("more cells than the first row", ""): table["too_long"].to_numpy(),
        ("no such date and time", "ts"): values["ts_event"] < 0,
    }
    for name in (*REQUIRED[1:], *OPTIONAL):
        if name not in table.columns:
            values[name] = np.full(table.height, np.nan)
            continue
        values[name] = delimited.numbers(table, name)
        wrong = np.isnan(values[name])
        if name in OPTIONAL:
            wrong &= table[name].is_not_null().to_numpy()
        bad[f"{name} is not a number", name] = wrong
        if name in _PRICES:
            values[name] = np.round(values[name] * mapping.price_scale, 9)
        else:
            bad[f"{name} is negative", name] = values[name] < 0
    low, high = values["low"], values["high"]
    inside = np.minimum(values["open"], values["close"]), np.maximum(values["open"], values["close"])
    bad["open and close are not between low and high", "ohlc"] = (low > inside[0]) | (high < inside[1])
    refused = np.logical_or.reduce([*bad.values()])
    for i in np.flatnonzero(refused):
        reason, column = next(key for key, wrong in bad.items() if wrong[i])
        cells = _PRICES if column == "ohlc" else (column,) if column else ()
        value = " ".join(str(table[name][int(i)] or "") for name in cells)
        yield Reject(file, first_row + int(i), reason, value, "bars")
    good = ~refused
    if good.any():
        rows = np.arange(first_row, first_row + table.height)[good]
        columns = {name: values[name][good] for name in SCHEMAS["bars"].columns}
        yield Batch("bars", symbol, columns, file, rows)
