"""The arrivals of one trading day on disk: a file of records for each table, only ever appended to.

    <folder>/day.json     the contract, the feeds by number, who decided from when on
    <folder>/<table>.log  RECORD arrays of `serving.intake.events`, in the order of arrival

What the engine has seen is written before anybody hears of it, and what the folder says of itself before that. Records
are of one length and numbered through all tables, so what a crash tore off is found and cut: after a lost power the
files end at the last number before the first that is missing. A write that fails keeps what it could not write; it is
tried again before anything else is taken.
"""

import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from mia_ml.core.errors import DataError
from serving.intake import events
from serving.intake.events import RECORD, TABLES
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
    """What a day's folder says of itself. positions: how far each feed was when it began."""

    day: int
    positions: dict[str, int] = {}
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
        self._touched: list[str] = []
        """Tables whose buffers are not empty, in the order in which they came to be so."""
        self._dirty: set[int] = set()
        self._described = True

    @classmethod
    def open(cls, folder: Path, day: int) -> tuple["DayLog", dict[str, np.ndarray]]:
        """Go on with a day, or begin it; what had arrived by table, RECORD arrays. Raises Unavailable, and DataError
        on a folder that does not say what its arrivals are."""
        log = cls(folder, day)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            found = read(folder)
            about = folder / "day.json"
            if found or about.is_file():
                log.about = _about(about)
            for table in TABLES:
                path, size = folder / f"{table}.log", found[table].nbytes if table in found else 0
                if path.is_file() and path.stat().st_size != size:
                    os.truncate(path, size)
        except OSError as error:
            log.close()
            raise _unavailable(folder, error) from None
        return log, found

    def append(self, table: str, record: Any) -> None:
        """record: bytes of whole RECORDs."""
        buffer = self._buffers[table]
        if not buffer:
            self._touched.append(table)
        buffer += record

    def describe(self) -> None:
        """`about` has changed: it is written before the next record is."""
        self._described = False

    def flush(self) -> bool:
        """Hand everything to the operating system: a killed process loses none of it; whether there was anything.

        Raises Unavailable.
        """
        touched = self._touched
        wrote = bool(touched) or not self._described
        if not self._described:
            self._write_about()
        while touched:
            self._write(touched[0])
            del touched[0]
        return wrote

    def sync(self) -> None:
        """Force everything to the disk: a lost power loses none of it. Raises Unavailable."""
        self.flush()
        try:
            for file in self._dirty:
                os.fdatasync(file)
        except OSError as error:
            raise _unavailable(self.folder, error) from None
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
        return file

    def _write_about(self) -> None:
        beside = self.folder / ".day.json"
        try:
            with open(beside, "wb") as file:
                file.write(msgspec.json.encode(self.about) + b"\n")
                file.flush()
                os.fsync(file.fileno())  # else a lost power may leave an empty one
            os.replace(beside, self.folder / "day.json")
        except OSError as error:
            raise _unavailable(beside, error) from None
        self._described = True

    def _write(self, table: str) -> None:
        buffer = self._buffers[table]
        try:
            file = self._files.get(table) or self._open(table)
            while buffer:  # a disk may take a part: the rest says why
                del buffer[: os.write(file, buffer)]
        except OSError as error:
            raise _unavailable(self.folder / f"{table}.log", error) from None
        self._dirty.add(file)


def read(folder: Path) -> dict[str, np.ndarray]:
    """The arrivals of a day's folder by table, without what a crash tore."""
    found = {table: _records(folder / f"{table}.log", table) for table in TABLES}
    last = _whole(np.concatenate([records["number"] for records in found.values()]))
    found = {table: events.those(records, records["number"] <= last) for table, records in found.items()}
    return {table: records for table, records in found.items() if records.size}


def _whole(numbers: np.ndarray) -> int:
    """The last number before the first that is missing: the files were torn apart, and whatever came after such a hole
    was never confirmed."""
    there = np.zeros(numbers.size + 2, np.bool_)
    there[numbers[(numbers > 0) & (numbers <= numbers.size)]] = True
    return int(np.argmin(there[1:]))


def about(folder: Path) -> Day:
    """What a day's folder says of itself. Raises DataError when it cannot be read."""
    return _about(folder / "day.json")


def positions(folder: Path) -> dict[str, int]:
    """How far each feed has come, by its name, at the end of what a day's folder holds."""
    told = about(folder)
    out = dict(told.positions)
    for records in read(folder).values():
        for number, feed in enumerate(told.feeds):
            own = records["position"][records["feed"] == number]
            out[feed.name] = max(out.get(feed.name, 0), int(own.max(initial=0)))
    return out


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
    count = path.stat().st_size // RECORD[table].itemsize
    if not count:
        return np.zeros(0, RECORD[table])
    # mapped: a day's log is hundreds of megabytes, and new memory for it takes longer than running it
    found = np.asarray(np.memmap(path, RECORD[table], mode="c", shape=(count,)))
    odd = np.flatnonzero(np.diff(found["number"], prepend=0) <= 0)  # a length that reached the disk without the bytes
    return found[: odd[0]] if odd.size else found


def _unavailable(path: Path, error: OSError) -> Unavailable:
    return Unavailable(f"{path}: {error.strerror}; nothing is taken until it can be written")
