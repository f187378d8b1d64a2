"""The sealed hold-out on disk: days that no stage can read, because they are not in the folder of tables.

`seal` moves every table of a day, the indices' as well, to a folder beside; a killed run is finished by the next one.
`unseal` first writes one line to an append-only record, JSON lines, then shows the days: the k-th look at the same
period of the same instrument is known to be the k-th (SPEC 8). A look that was killed half-way goes on as itself.
"""

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from mia_ml.core.errors import DataError, TableError, UsageError
from mia_ml.core.instruments import root_of
from mia_ml.core.moments import iso
from mia_ml.store import manifest, parquet
from mia_ml.store.staging import day_name, sole_writer

PENDING = "_unsealing.json"
PRICES = ("trades", "book", "bars")


@dataclass(frozen=True)
class Holdout:
    """What is sealed: days `yyyymmdd`, both included, the instruments whose prices they hold, table files."""

    first_day: int
    last_day: int
    instruments: tuple[str, ...]
    files: int


@dataclass(frozen=True)
class Look:
    """One line of the record. look: 1 for the first at these days, counting looks that share a day and an instrument.

    when_utc: ISO 8601. first_day, last_day: `yyyy-mm-dd`.
    """

    look: int
    who: str
    when_utc: str
    why: str
    first_day: str
    last_day: str
    instruments: list[str]
    files: int

    @property
    def alpha(self) -> float:
        """The error probability that this look may spend: 0.05 / (k (k + 1)), 0.05 over all looks together.

        >>> Look(2, "", "", "", "", "", [], 0).alpha == 0.05 / 6
        True
        """
        return 0.05 / (self.look * (self.look + 1))


def seal(tables: Path, sealed: Path, first_day: int) -> Holdout:
    """Move every table file of the days from `first_day` (yyyymmdd) on to `sealed`, on the same file system.

    Doing it again changes nothing. Raises TableError where it would show a day that was sealed, and where `sealed`
    holds days of other tables; DataError when no day is from `first_day` on.
    """
    parquet.inventory(tables)  # refuses what is no folder
    with sole_writer(tables):
        files = parquet.inventory(tables)
        before = parquet.inventory(sealed) if sealed.is_dir() else []
        _check_continues(tables, sealed, before, first_day)
        for table, symbol, day, path in files:
            if day >= first_day:
                _move(path, parquet.path_of(sealed, table, symbol, day))
        for symbol_folder in {path.parent for *_, path in files}:
            if not any(symbol_folder.iterdir()):
                symbol_folder.rmdir()
        if not sealed.is_dir():
            raise DataError(f"{tables}: no table of {iso(first_day)} or later: nothing to seal")
        return holdout(sealed)


def _check_continues(tables: Path, sealed: Path, before: list[tuple[str, str, int, Path]], first_day: int) -> None:
    made = manifest.read(tables).days
    for table, symbol, day, path in before:
        if made and day_name((table, symbol, day)) not in made:
            raise TableError(f"{path}: was sealed of other tables than {tables}: remove {sealed}, or seal elsewhere")
        if day < first_day:
            raise TableError(
                f"{path}: is sealed, a hold-out from {iso(first_day)} on would show it: seal from {iso(day)} or "
                f"earlier, look at it with mia unseal, or remove {sealed} and ingest again"
            )


def _move(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(path, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        raise TableError(f"{target}: not on the file system of {path}: seal to a folder beside the tables") from error


def holdout(sealed: Path) -> Holdout:
    """What a folder holds sealed. Raises TableError when it is no folder, DataError when it is empty."""
    files = parquet.inventory(sealed)
    if not files:
        raise DataError(f"{sealed}: nothing is sealed here")
    # indices may go on for years after the last price
    days = [day for table, _, day, _ in files if table in PRICES] or [day for _, _, day, _ in files]
    instruments = sorted({root_of(symbol) for table, symbol, _, _ in files if table in PRICES})
    return Holdout(min(days), max(days), tuple(instruments), len(files))


def unseal(tables: Path, sealed: Path, out: Path, record: Path, *, who: str, when_utc: str, why: str) -> Look:
    """Record a look, then link into `out` what is sealed and, for its history, what is open; both stay where they are.

    out: may be `tables`, which then hide nothing any more. Raises UsageError without a reason, TableError or DataError
    when nothing is sealed, TableError when the record cannot be read.
    """
    why = " ".join(why.split())
    if not why:
        raise UsageError("a look at the hold-out needs its reason: say it with --why")
    if out.resolve() == sealed.resolve():
        raise UsageError(f"{out}: is the sealed folder itself: show the days in another one")
    found = holdout(sealed)
    files = parquet.inventory(sealed) + parquet.inventory(tables)
    first, last = iso(found.first_day), iso(found.last_day)
    pending = out / PENDING
    with sole_writer(out), _locked(record) as handle:
        before = _lines(handle, record)
        look = _interrupted(pending, before)
        if look is None or (look.why, look.first_day, look.last_day) != (why, first, last):
            number = 1 + sum(_meets(look, first, last, found.instruments) for look in before)
            look = Look(number, who, when_utc, why, first, last, list(found.instruments), found.files)
            manifest.write_json(pending, asdict(look))
            _append(handle, look)
        for table, symbol, day, path in files:
            _link(path, parquet.path_of(out, table, symbol, day))
        pending.unlink()
    return look


def looks(record: Path) -> list[Look]:
    """Every look so far, in order. Raises TableError on a line that is none."""
    if not record.exists():
        return []
    with _locked(record) as handle:
        return _lines(handle, record)


def _meets(look: Look, first: str, last: str, instruments: tuple[str, ...]) -> bool:
    return look.first_day <= last and first <= look.last_day and not set(instruments).isdisjoint(look.instruments)


def _interrupted(pending: Path, before: list[Look]) -> Look | None:
    """The look that a killed run had recorded but not finished showing."""
    try:
        look = Look(**json.loads(pending.read_text()))
    except FileNotFoundError:
        return None
    return look if look in before else None


@contextmanager
def _locked(record: Path) -> Iterator[int]:
    record.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(record, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def _content(handle: int) -> bytes:
    return os.pread(handle, os.fstat(handle).st_size, 0)


def _lines(handle: int, record: Path) -> list[Look]:
    """What follows the last line break was cut off by a kill before anything was shown for it."""
    found = []
    for number, line in enumerate(_content(handle).split(b"\n")[:-1], 1):
        try:
            found.append(Look(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise TableError(
                f"{record}: line {number} is not a look ({error}): lines are only ever added, restore the file"
            ) from error
    return found


def _append(handle: int, look: Look) -> None:
    os.ftruncate(handle, _content(handle).rfind(b"\n") + 1)
    os.write(handle, json.dumps(asdict(look)).encode() + b"\n")
    os.fsync(handle)


def _link(path: Path, target: Path) -> None:
    if target.exists() and target.samefile(path):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.part")
    beside.unlink(missing_ok=True)
    try:
        os.link(path, beside)
    except OSError:  # another file system, or one without links
        shutil.copyfile(path, beside)
    os.replace(beside, target)
