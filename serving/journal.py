"""The arrivals of one trading day on disk: a file of records for each table, only ever appended to.

    <folder>/day.json     the contract, the feeds by number, who decided from when on
    <folder>/<table>.log  RECORD arrays of `serving.events`, in the order of arrival

What the engine has seen is written before anybody hears of it. Records are of one length and numbered through all
tables, so what a crash tore off is found and cut: after a lost power the files end at the last number before the first
that is missing. A write that fails keeps what it could not write; it is tried again before anything else is taken.
"""

import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from mia_ml.core.errors import DataError
from serving.events import RECORD, TABLES
from serving.unavailable import Unavailable

FORMAT = 1


class Role(msgspec.Struct, frozen=True):
    """Who decided on the day: from the first bar that closes after `from_ts`."""

    version: str
    role: str
    from_ts: int


class FeedName(msgspec.Struct, frozen=True):
    """A feed of the day; its number is its place in the list. screened: its rows were, before they came."""

    name: str
    screened: bool


class Day(msgspec.Struct):
    """What a day's folder says of itself."""

    day: int
    contract: str = ""
    feeds: list[FeedName] = []
    roles: list[Role] = []
    finished: bool = False
    format: int = FORMAT


class DayLog:
    """Appends to one day's folder."""

    def __init__(self, folder: Path, day: int) -> None:
        self.folder = folder
        self.about = Day(day)
        self._buffers = {table: bytearray() for table in TABLES}
        self._files: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._touched: set[str] = set()
        self._dirty: set[int] = set()

    @classmethod
    def open(cls, folder: Path, day: int) -> tuple["DayLog", dict[str, np.ndarray]]:
        """Go on with a day, or begin it; what had arrived by table, RECORD arrays."""
        log = cls(folder, day)
        folder.mkdir(parents=True, exist_ok=True)
        found = read(folder)
        about = folder / "day.json"
        if about.is_file():
            log.about = _about(about)
        for table, records in found.items():
            log._open(table)
            os.ftruncate(log._files[table], records.nbytes)
            log._sizes[table] = records.nbytes
        return log, found

    def append(self, table: str, record: Any) -> None:
        """record: bytes of whole RECORDs."""
        self._buffers[table] += record
        self._touched.add(table)

    def describe(self) -> None:
        """Write `day.json` after a change of `about`. Raises Unavailable."""
        beside = self.folder / ".day.json"
        try:
            beside.write_bytes(msgspec.json.encode(self.about) + b"\n")
            os.replace(beside, self.folder / "day.json")
        except OSError as error:
            raise Unavailable(f"{beside}: {error.strerror}; nothing is taken until it can be written") from None

    def flush(self) -> bool:
        """Hand everything to the operating system: a killed process loses none of it; whether there was anything.

        Raises Unavailable.
        """
        wrote = bool(self._touched)
        while self._touched:
            table = next(iter(self._touched))
            self._write(table, self._buffers[table])
            self._touched.discard(table)
        return wrote

    def sync(self) -> None:
        """Force everything to the disk: a lost power loses none of it. Raises Unavailable."""
        self.flush()
        try:
            for file in self._dirty:
                os.fdatasync(file)
        except OSError as error:
            raise Unavailable(f"{self.folder}: {error.strerror}; nothing is taken until it can be written") from None
        self._dirty.clear()

    def close(self) -> None:
        try:
            self.flush()
        finally:
            for file in self._files.values():
                os.close(file)
            self._files.clear()

    def _open(self, table: str) -> int:
        file = os.open(self.folder / f"{table}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._files[table] = file
        self._sizes.setdefault(table, 0)
        return file

    def _write(self, table: str, buffer: bytearray) -> None:
        try:
            file = self._files.get(table) or self._open(table)
            written = os.write(file, buffer)
            if written < len(buffer):  # the disk took a part: the rest says why
                del buffer[:written]
                self._sizes[table] += written
                self._write(table, buffer)
                return
        except OSError as error:
            path = self.folder / f"{table}.log"
            raise Unavailable(f"{path}: {error.strerror}; nothing is taken until it can be written") from None
        self._sizes[table] += written
        self._dirty.add(file)
        buffer.clear()


def read(folder: Path) -> dict[str, np.ndarray]:
    """The arrivals of a day's folder by table, without what a crash tore."""
    found = {table: _records(folder / f"{table}.log", table) for table in TABLES}
    found = {table: records for table, records in found.items() if records.size}
    if not found:
        return {}
    numbers = np.sort(np.concatenate([records["number"] for records in found.values()]))
    odd = np.flatnonzero(numbers != np.arange(1, numbers.size + 1))
    if odd.size:
        last = int(odd[0])  # the files were torn apart: whatever came after the first hole was never confirmed
        found = {table: records[records["number"] <= last] for table, records in found.items()}
    return found


def about(folder: Path) -> Day:
    """What a day's folder says of itself. Raises DataError when it cannot be read."""
    return _about(folder / "day.json")


def _about(path: Path) -> Day:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Day)
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{path}: {error}; move the day's folder away to begin the day anew") from None
    if found.format != FORMAT:
        raise DataError(f"{path}: format {found.format}: this version reads {FORMAT}; move the day's folder away")
    return found


def _records(path: Path, table: str) -> np.ndarray:
    if not path.is_file():
        return np.zeros(0, RECORD[table])
    size = RECORD[table].itemsize
    return np.fromfile(path, RECORD[table], count=path.stat().st_size // size)
