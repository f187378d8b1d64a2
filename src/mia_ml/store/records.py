"""Arrays of records as Parquet files, whole or not at all: rows, decisions, trades."""

import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mia_ml.core.errors import TableError
from mia_ml.core.tables import Columns
from mia_ml.store.parquet import write_atomically


def write(path: Path, records: np.ndarray) -> None:
    """One column a field; the same records give the same bytes."""
    names = records.dtype.names or ()
    columns = [pa.array(np.ascontiguousarray(records[name])) for name in names]
    write_atomically(path, pa.table(columns, names=list(names)))


def read(path: Path, dtype: np.dtype[Any]) -> np.ndarray:
    """Records of `dtype` by field name. Raises TableError on a missing or foreign column."""
    try:
        table = pq.read_table(path)
    except FileNotFoundError as error:
        raise TableError(f"{path}: no such file; run the stage that writes it") from error
    except pa.ArrowException as error:
        raise TableError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]})") from error
    out = np.zeros(table.num_rows, dtype)
    names = dtype.names or ()
    if list(names) != table.column_names:
        odd = sorted(set(names) ^ set(table.column_names)) or list(names)
        raise TableError(f"{path}: its columns differ from this version's at '{odd[0]}'; run its stage again")
    for name in names:
        out[name] = table[name].to_numpy()
    return out


class Appender:
    """Writes one Parquet file portion by portion; it appears under its name only when all of it is there.

    The same portions give the same bytes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.name}.part")
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> "Appender":
        if self._path.is_dir():
            raise TableError(f"{self._path}: is a folder; give the name of a file")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self

    def append(self, columns: Columns) -> None:
        """Add rows: the same columns at every call."""
        table = pa.table({name: pa.array(values) for name, values in columns.items()})
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._beside, table.schema, compression="zstd", store_schema=False)
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
        if kind is None:
            os.replace(self._beside, self._path)
        else:
            self._beside.unlink(missing_ok=True)
