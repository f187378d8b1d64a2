"""Where an ingest collects rows until it may publish them: a part for each vendor file, table, symbol and day.

A sorted file holds one trading day in memory at a time: the first row of the next day sends the day before to disk. A
day that several files cover is put together at publication, by event time, then in the order of the files.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mia_ml.core.errors import TableError
from mia_ml.core.moments import iso
from mia_ml.core.tables import Columns
from mia_ml.store import parquet

FOLDER = "_staging"

Key = tuple[str, str]
Day = tuple[str, str, int]


@contextmanager
def sole_writer(root: Path) -> Iterator[None]:
    """Let one ingest at a time write below `root`."""
    root.mkdir(parents=True, exist_ok=True)
    handle = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise TableError(f"{root}: another mia ingest is writing here: wait for it, or choose another --out") from error
    else:
        yield
    finally:
        os.close(handle)


def day_name(day: Day) -> str:
    """`trades/ESH4/2023-12-26`: a day in the manifest and, with `.parquet`, below the root."""
    table, symbol, date = day
    return f"{table}/{symbol}/{iso(date)}"


class Staging:
    """The unpublished rows of an ingest into `root`."""

    def __init__(self, root: Path):
        self.root = root
        self.folder = root / FOLDER
        self.days: dict[Day, list[str]] = {}  # to the fingerprints of their files
        self.overlaps: list[Day] = []
        self._open: dict[Key, tuple[int, list[Columns]]] = {}
        self._spans: dict[Day, tuple[int, int]] = {}
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, source: str, table: str, symbol: str, columns: Columns, day: np.ndarray) -> None:
        """Accepted rows of a vendor file in event order, with their trading days."""
        starts = np.flatnonzero(np.diff(day, prepend=-1))
        for start, end in zip(starts, [*starts[1:], day.size], strict=True):
            date = int(day[start])
            held = self._open.get((table, symbol))
            if held is not None and held[0] != date:
                self._stage(source, table, symbol)
                held = None
            if held is None:
                held = self._open[table, symbol] = (date, [])
            held[1].append({name: values[start:end] for name, values in columns.items()})

    def file_done(self, source: str) -> None:
        """Send to disk what is held of a vendor file."""
        for table, symbol in list(self._open):
            self._stage(source, table, symbol)

    def _stage(self, source: str, table: str, symbol: str) -> None:
        date, chunks = self._open.pop((table, symbol))
        day = (table, symbol, date)
        columns = joined(chunks)
        first, last = int(columns["ts_event"][0]), int(columns["ts_event"][-1])
        if day in self._spans:
            start, end = self._spans[day]
            if first <= end and last >= start:
                self.overlaps.append(day)
            first, last = min(first, start), max(last, end)
        self._spans[day] = (first, last)
        self.days.setdefault(day, []).append(source)
        parquet.write(self._part(source), table, symbol, date, columns)

    def _part(self, source: str) -> Path:
        return self.folder / source

    def publish(self, day: Day) -> None:
        """Put a day in its place below the root."""
        table, symbol, date = day
        sources = self.days[day]
        if len(sources) == 1:
            target = parquet.path_of(self.root, table, symbol, date)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(parquet.path_of(self._part(sources[0]), table, symbol, date), target)
            return
        columns = joined([parquet.read(self._part(source), table, symbol, date) for source in sources])
        order = np.argsort(columns["ts_event"], kind="stable")
        parquet.write(self.root, table, symbol, date, {name: values[order] for name, values in columns.items()})

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def joined(chunks: list[Columns]) -> Columns:
    """Chunks of a table as one; a column that some of them lack is left out. The chunks are emptied on the way."""
    if len(chunks) == 1:
        return chunks[0]
    names = [name for name in chunks[0] if all(name in chunk for chunk in chunks)]
    return {name: np.concatenate([chunk.pop(name) for chunk in chunks]) for name in names}
