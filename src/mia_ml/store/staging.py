"""Where an ingest collects rows until it may publish them: a part for each vendor file, table, symbol and day.

A sorted file holds one trading day in memory at a time: the first row of the next day sends the day before to disk. A
day that several files cover is put together at publication, by event time, then in the order of the files.

A killed ingest leaves its staging behind: `_staging/<ingest>/<file>/`, named by fingerprints of how it was read and of
the file's content. `done.json` is written there after all parts of the file; the same ingest started again takes over
the files that have one, every other staging is cleared.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mia_ml.core.errors import TableError
from mia_ml.core.moments import iso
from mia_ml.core.tables import Columns
from mia_ml.store import manifest, parquet

FOLDER = "_staging"
DONE = "done.json"
REFUSED = "refused.parquet"

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


@dataclass(frozen=True)
class Part:
    """Rows of one vendor file for one day on disk: the times of its first and last, ns, and the size of the file."""

    table: str
    symbol: str
    date: int
    first: int
    last: int
    size: int

    @property
    def day(self) -> Day:
        return self.table, self.symbol, self.date


@dataclass(frozen=True)
class Account:
    """What came of one vendor file: vendor rows, canonical rows per table, refused vendor rows per reason.

    after: what was read before it that it may depend on.
    """

    file: str
    records: int
    quarantined: int
    tables: dict[str, int]
    reasons: dict[str, int]
    error: str = ""
    after: str = ""


class Staging:
    """The unpublished rows of an ingest into `root`; `name` is the same for an ingest that may take them over."""

    def __init__(self, root: Path, name: str):
        self.root = root
        self.folder = root / FOLDER / name
        self.days: dict[Day, list[str]] = {}  # to the fingerprints of their files
        self.overlaps: list[Day] = []
        self._open: dict[Key, tuple[int, list[Columns]]] = {}
        self._spans: dict[Day, tuple[int, int]] = {}
        self._parts: list[Part] = []  # of the file being read
        for other in (root / FOLDER).glob("*"):
            if other != self.folder:
                shutil.rmtree(other, ignore_errors=True)

    def begin(self, source: str) -> None:
        """A vendor file is about to be read: what was left of it is worth nothing."""
        shutil.rmtree(self._part(source), ignore_errors=True)
        self._parts = []

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

    def record(self, source: str, account: Account) -> None:
        """All of a vendor file is staged: another run may take it over."""
        content = {"account": asdict(account), "parts": [asdict(part) for part in self._parts]}
        self._part(source).mkdir(parents=True, exist_ok=True)
        manifest.write_json(self._part(source) / DONE, content)

    def take_over(self, source: str, file: str, after: str) -> Account | None:
        """The account of a vendor file that an earlier run staged whole, under the same name and circumstances."""
        folder = self._part(source)
        try:
            content = json.loads((folder / DONE).read_text())
            account = Account(**content["account"])
            parts = [Part(**part) for part in content["parts"]]
            whole = all(parquet.path_of(folder, *part.day).stat().st_size == part.size for part in parts)
            whole &= (folder / REFUSED).exists() == (account.quarantined > 0)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not whole or (account.file, account.after) != (file, after):
            return None
        for part in parts:
            self._count(source, part)
        return account

    def refused(self, source: str) -> Path:
        """Where the refused rows of a vendor file wait."""
        return self._part(source) / REFUSED

    def _stage(self, source: str, table: str, symbol: str) -> None:
        date, chunks = self._open.pop((table, symbol))
        columns = joined(chunks)
        first, last = int(columns["ts_event"][0]), int(columns["ts_event"][-1])
        path = parquet.write(self._part(source), table, symbol, date, columns)
        part = Part(table, symbol, date, first, last, path.stat().st_size)
        self._parts.append(part)
        self._count(source, part)

    def _count(self, source: str, part: Part) -> None:
        day, first, last = part.day, part.first, part.last
        if day in self._spans:
            start, end = self._spans[day]
            if first <= end and last >= start:
                self.overlaps.append(day)
            first, last = min(first, start), max(last, end)
        self._spans[day] = (first, last)
        self.days.setdefault(day, []).append(source)

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
        shutil.rmtree(self.root / FOLDER, ignore_errors=True)


def joined(chunks: list[Columns]) -> Columns:
    """Chunks of a table as one; a column that some of them lack is left out. The chunks are emptied on the way."""
    if len(chunks) == 1:
        return chunks[0]
    names = [name for name in chunks[0] if all(name in chunk for chunk in chunks)]
    return {name: np.concatenate([chunk.pop(name) for chunk in chunks]) for name in names}
