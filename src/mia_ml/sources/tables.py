"""Canonical tables that somebody else wrote, as `<dir>/<table>/<symbol>/<name>.parquet`, held to the contract.

Columns beyond the contract are ignored. A column of another type is converted where nothing is lost (int32 to int64,
UTC timestamps to nanoseconds, float sizes that are whole) and refused otherwise. A missing number is NaN in a column of
floats and refuses its row in a column of integers.

Whether the feed numbers its records is read off the file: where no two different prints share a sequence, an equal
print is the same record again and is refused as a duplicate.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mia_ml.core.errors import SourceError, refuse_unknown
from mia_ml.core.tables import SCHEMAS, Batch, Columns, FileDone, Item, Reject, Schema
from mia_ml.sources import Skip, never

SUFFIX = ".parquet"
_ARROW = {"i8": pa.int64(), "f8": pa.float64(), "i1": pa.int8(), "O": pa.string()}
_PRINT = ("ts_event", "price", "size", "side", "sequence")
_ROWS_A_BATCH = 1 << 19


def read(paths: Iterable[str | Path], *, skip: Skip = never) -> Iterator[Item]:
    """Rows of folders of tables and of single files, each file closed by its FileDone."""
    for given in map(Path, paths):
        if not given.exists():
            yield FileDone(str(given), 0, f"{given}: no such file or folder")
        elif given.is_dir():
            yield from _folder(given, skip)
        elif not skip(str(given)):
            yield from _file(given)


def _folder(folder: Path, skip: Skip) -> Iterator[Item]:
    unreadable: list[OSError] = []
    files = []
    for here, below, names in os.walk(folder, onerror=unreadable.append):
        below[:] = [name for name in below if not name.startswith(("_", "."))]
        files += [Path(here, name) for name in names if name.endswith(SUFFIX) and not name.startswith(("_", "."))]
    for error in unreadable:
        yield FileDone(error.filename, 0, f"{error.filename}: cannot be read: {error.strerror}")
    for path in sorted(files):
        if not skip(str(path)):
            yield from _file(path)
    if not files and not unreadable:
        yield FileDone(str(folder), 0, f"{folder}: no table in this folder, as trades/ESH4/2023-12-26{SUFFIX}")


def _file(path: Path) -> Iterator[Item]:
    records = 0
    try:
        table, symbol = ("", "", *path.absolute().parts)[-3:-1]
        if table not in SCHEMAS:
            raise SourceError(
                f"{path}: {refuse_unknown('table', table, tuple(SCHEMAS))}; files lie at <table>/<symbol>/<day>{SUFFIX}"
            )
        with pq.ParquetFile(path) as file:
            names = _columns(path, SCHEMAS[table], file.schema_arrow)
            data = file.read(columns=names)
        records = data.num_rows
        yield from _rows(path, table, symbol, data)
    except OSError as error:
        yield FileDone(str(path), 0, f"{path}: cannot be read: {error.strerror or _first_line(error)}")
    except pa.ArrowException as error:
        yield FileDone(str(path), 0, f"{path}: not a readable Parquet file: {_first_line(error)}")
    except SourceError as error:
        yield FileDone(str(path), 0, str(error))
    else:
        yield FileDone(str(path), records)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _columns(path: Path, contract: Schema, found: pa.Schema) -> list[str]:
    missing = [name for name in contract.columns if name not in found.names]
    if missing:
        raise SourceError(
            f"{path}: column '{missing[0]}' of {contract.name} is missing; found {', '.join(found.names) or 'none'}"
        )
    return [*contract.columns, *(name for name in contract.optional if name in found.names)]


def _rows(path: Path, table: str, symbol: str, data: pa.Table) -> Iterator[Item]:
    kinds = SCHEMAS[table].columns | SCHEMAS[table].optional
    columns: Columns = {}
    whole = np.ones(data.num_rows, bool)
    for name in data.column_names:
        columns[name], absent = _converted(path, name, data[name], kinds[name])
        for row in np.flatnonzero(absent & whole):
            yield Reject(str(path), int(row) + 1, "no value", name, table)
        whole &= ~absent
    again = _duplicates(columns) & whole if table == "trades" else np.zeros_like(whole)
    for row in np.flatnonzero(again):
        yield Reject(str(path), int(row) + 1, "duplicate", f"sequence {columns['sequence'][row]}", table)
    kept = np.flatnonzero(whole & ~again)
    everything = kept.size == data.num_rows
    for start in range(0, kept.size, _ROWS_A_BATCH):
        end = min(start + _ROWS_A_BATCH, kept.size)
        part = slice(start, end) if everything else kept[start:end]
        yield Batch(
            table, symbol, {name: values[part] for name, values in columns.items()}, str(path), kept[start:end] + 1
        )


def _converted(path: Path, name: str, column: pa.ChunkedArray, code: str) -> tuple[np.ndarray, np.ndarray]:
    """A column in the contract's dtype, and a mask of the rows without a value that cannot be without one."""
    found = column.type
    described = f"{path}: column '{name}' is {found}"
    if code == "O":
        if not (pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)):
            column = _cast(described, "text", column, pa.string(), allowed=pa.types.is_dictionary(found))
        texts = np.array(column.to_pylist(), dtype=object)
        texts[[text is None for text in texts]] = ""
        return texts, np.zeros(len(column), bool)
    if pa.types.is_timestamp(found) and code == "i8" and name.startswith("ts_"):
        if found.tz is None:
            raise SourceError(f"{described} without a time zone; store int64 nanoseconds UTC")
        column = column.cast(pa.timestamp("ns", found.tz)).cast(pa.int64())
        found = column.type
    number = pa.types.is_integer(found) or pa.types.is_floating(found)
    if code == "f8":
        column = _cast(described, "float64", column, pa.float64(), allowed=number)
        return np.array(column.to_numpy()), np.zeros(len(column), bool)  # a null becomes NaN
    absent = np.array(pc.is_null(column, nan_is_null=number).to_numpy())
    if absent.any() and number:
        column = pc.if_else(pa.chunked_array([absent]), pa.scalar(0, found), column)
    column = _cast(described, str(np.dtype(code)), column, _ARROW[code], allowed=number)
    return np.array(column.to_numpy()), absent


def _cast(described: str, wanted: str, column: pa.ChunkedArray, kind: pa.DataType, allowed: bool) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    if not allowed:
        raise SourceError(f"{described}, wanted {wanted}")
    try:
        return column.cast(kind)
    except pa.ArrowInvalid as error:
        raise SourceError(f"{described} and cannot become {wanted} without loss: {_first_line(error)}") from error


def _duplicates(columns: Columns) -> np.ndarray:
    """Rows equal to an earlier one, where the sequence tells records apart."""
    rows = columns["ts_event"].size
    again = np.zeros(rows, bool)
    if "sequence" not in columns:
        return again
    sequence = columns["sequence"]
    if np.all(sequence[1:] > sequence[:-1]):
        return again
    order = np.argsort(sequence, kind="stable")
    shared = sequence[order[1:]] == sequence[order[:-1]]
    equal = np.logical_and.reduce([columns[name][order[1:]] == columns[name][order[:-1]] for name in _PRINT])
    if np.array_equal(shared, equal):
        again[order[1:][equal]] = True
    return again
