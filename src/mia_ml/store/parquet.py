"""Canonical Parquet: `<root>/<table>/<symbol>/<yyyy-mm-dd>.parquet`, one trading day a file.

The layout is chosen for reading a whole day into numpy. Prices and sizes take few distinct values, so they are
dictionary coded; times and sequence numbers only climb, so they are delta coded; compressing that again saved nothing
and cost time. One row group, so that a column is one buffer and no copy is made. The same rows give the same bytes.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mia_ml.core.errors import TableError, refuse_unknown
from mia_ml.core.moments import from_iso, iso
from mia_ml.core.tables import SCHEMAS, Columns, Schema

DAY_NAME = re.compile(r"\d{4}-\d\d-\d\d")
CLIMBING = ("ts_event", "ts_recv", "sequence")
ROW_GROUP = 1 << 26  # above any day: ES has 3 million book rows on a busy one

_ARROW = {"i8": pa.int64(), "f8": pa.float64(), "i1": pa.int8(), "O": pa.string()}
_TEXT = (pa.string(), pa.large_string())


def path_of(root: Path, table: str, symbol: str, day: int) -> Path:
    """Where a trading day `yyyymmdd` of a symbol lives."""
    return root / table / symbol / f"{iso(day)}.parquet"


def schema_of(table: str) -> Schema:
    """The contract of a canonical table; TableError on an unknown name."""
    if table not in SCHEMAS:
        raise TableError(refuse_unknown("table", table, tuple(SCHEMAS)))
    return SCHEMAS[table]


def write(root: Path, table: str, symbol: str, day: int, columns: Columns) -> Path:
    """Write one trading day, whole or not at all; an existing file is replaced."""
    path = path_of(Path(root), table, symbol, day)
    contract = schema_of(table)
    known = contract.columns | contract.optional
    missing = [name for name in contract.columns if name not in columns]
    extra = [name for name in columns if name not in known]
    if missing or extra:
        what = f"lacks column '{missing[0]}'" if missing else f"has the unknown column '{extra[0]}'"
        raise TableError(f"{path}: table {table} {what}; its columns are {', '.join(known)}")
    for name in columns:
        found = np.asarray(columns[name]).dtype
        if found != np.dtype(known[name]):
            raise TableError(f"{path}: column {name} is {found}, wanted {np.dtype(known[name])}")
    names = [name for name in known if name in columns]
    fields = [pa.field(name, _ARROW[known[name]], nullable=False) for name in names]
    arrays = [pa.array(columns[name], type=_ARROW[known[name]], from_pandas=False) for name in names]
    write_atomically(path, pa.table(arrays, schema=pa.schema(fields)))
    return path


def write_atomically(path: Path, table: pa.Table) -> None:
    """Write beside the target, then rename over it: a killed run leaves the old file or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    climbing = [name for name in table.column_names if name in CLIMBING]
    pq.write_table(
        table,
        beside,
        compression="none",
        row_group_size=ROW_GROUP,
        use_dictionary=[name for name in table.column_names if name not in climbing],
        column_encoding=dict.fromkeys(climbing, "DELTA_BINARY_PACKED"),
        write_statistics=False,
        store_schema=False,
    )
    os.replace(beside, path)


def read(root: Path, table: str, symbol: str, day: int, columns: list[str] | None = None) -> Columns:
    """The columns of one trading day as contiguous writable arrays, the optional ones that the file has included.

    columns: the ones wanted (default: all of the contract). Raises TableError when the file breaks the contract.
    """
    return read_file(path_of(Path(root), table, symbol, day), table, columns)


def read_file(path: Path, table: str, columns: list[str] | None = None) -> Columns:
    """`read` for a path outside the canonical layout."""
    contract = schema_of(table)
    known = contract.columns | contract.optional
    try:
        with pq.ParquetFile(path, memory_map=True, pre_buffer=False) as file:
            present = file.schema_arrow
            names = columns or [name for name in known if name in contract.columns or name in present.names]
            for name in names:
                _check_column(path, table, known, present, name)
            data = file.read(columns=names)
    except FileNotFoundError as error:
        raise TableError(f"{path}: no such table file; mia ingest writes it") from error
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise TableError(f"{path}: not a readable Parquet file ({reason}); ingest it again") from error
    return {name: _to_numpy(path, name, data[name], known[name]) for name in names}


def columns_of(path: Path) -> list[str]:
    """The names of a file's columns. Raises TableError when it is not Parquet."""
    try:
        return list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]})") from error


def _check_column(path: Path, table: str, known: dict[str, str], present: pa.Schema, name: str) -> None:
    if name not in known:
        raise TableError(f"{path}: {refuse_unknown(f'{table} column', name, tuple(known))}")
    if name not in present.names:
        raise TableError(
            f"{path}: column '{name}' is missing, wanted {known_dtype(known[name])}; found {', '.join(present.names)}"
        )
    found, wanted = present.field(name).type, _ARROW[known[name]]
    number = pa.types.is_integer(found) or pa.types.is_floating(found)
    if found != wanted and not (number and wanted != pa.string()) and not (wanted == pa.string() and found in _TEXT):
        raise TableError(
            f"{path}: column '{name}' is {found}, wanted {known_dtype(known[name])}; "
            "mia ingest tables converts what can be converted without loss"
        )


def known_dtype(code: str) -> str:
    """The name of a contract dtype.

    >>> known_dtype("i8"), known_dtype("O")
    ('int64', 'text')
    """
    return "text" if code == "O" else str(np.dtype(code))


def _to_numpy(path: Path, name: str, column: pa.ChunkedArray, code: str) -> np.ndarray:
    if code != "O" and column.type != _ARROW[code]:
        try:
            column = column.cast(_ARROW[code])
        except pa.ArrowInvalid as error:
            reason = str(error).splitlines()[0]
            raise TableError(f"{path}: column '{name}' is not {known_dtype(code)} without loss: {reason}") from error
    array: Any = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if code == "O":
        return np.array(array.to_pylist(), dtype=object)
    if len(array) == 0:
        return np.empty(0, np.dtype(code))
    if array.null_count:
        if code != "f8":
            row = int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0])
            raise TableError(f"{path}: column '{name}' has no value in row {row + 1}; integers must be complete")
        return np.array(array.to_numpy(zero_copy_only=False), dtype="f8")
    values = np.frombuffer(array.buffers()[1], np.dtype(code))[array.offset : array.offset + len(array)]
    # a compiled kernel treats a read-only array as another type and would compile again for it
    return values if values.flags.writeable and values.flags.aligned else values.copy()


def _files(folder: Path) -> Iterator[Path]:
    """Parquet files in the folders of a folder; unlike a glob it does not pass over what may not be read."""
    for symbol in folder.iterdir() if folder.is_dir() else ():
        if symbol.is_dir():
            yield from (path for path in symbol.iterdir() if path.suffix == ".parquet" and path.name[0] != ".")


def inventory(root: Path) -> list[tuple[str, str, int, Path]]:
    """Every canonical file below `root` as (table, symbol, day, path), in that order."""
    root = Path(root)
    if not root.is_dir():
        raise TableError(f"{root}: not a directory of tables")
    found = []
    for table in sorted(SCHEMAS):
        for path in _files(root / table):
            if not DAY_NAME.fullmatch(path.stem):
                raise TableError(f"{path}: a table file is named by its trading day, as 2023-12-26.parquet")
            day = from_iso(path.stem)
            found.append((table, path.parent.name, day, path))
    return sorted(found)
