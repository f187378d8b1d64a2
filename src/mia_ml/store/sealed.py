"""The sealed hold-out on disk: days that no stage can read, because they are not in the folder of tables.

`seal` moves every table of a day, the indices' as well, to a folder beside; a killed run is finished by the next one.
`unseal` has a look recorded before it shows the first day (SPEC 8). A look that was killed half-way goes on as itself,
by the token that it left where the days are shown.
"""

import errno
import json
import os
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mia_ml.core.errors import DataError, TableError, UsageError
from mia_ml.core.instruments import root_of
from mia_ml.core.moments import iso
from mia_ml.store import manifest, parquet
from mia_ml.store.staging import day_name, sole_writer

PENDING = "_unsealing.json"
PRICES = ("trades", "book", "bars")
Told = TypeVar("Told")


@dataclass(frozen=True)
class Holdout:
    """What is sealed: days `yyyymmdd`, both included, the instruments whose prices they hold, table files."""

    first_day: int
    last_day: int
    instruments: tuple[str, ...]
    files: int


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


def unseal(tables: Path, sealed: Path, out: Path, why: str, recorded: Callable[[Holdout, str], Told]) -> Told:
    """Have a look recorded, then link into `out` what is sealed and, for its history, what is open; both stay in place.

    recorded: called with what will be shown and the token of this look, once it is sure to be possible; whatever it
    raises, nothing is shown. A look at the same days that was killed has the same token when it is gone on with for the
    same reason. out: may be `tables`, which then hide nothing any more. Returns what `recorded` does.

    Raises UsageError without a reason, TableError or DataError when nothing is sealed.
    """
    if not why.strip():
        raise UsageError("a look at the hold-out needs its reason: say it with --why")
    if out.resolve() == sealed.resolve():
        raise UsageError(f"{out}: is the sealed folder itself: show the days in another one")
    found = holdout(sealed)
    files = parquet.inventory(sealed) + parquet.inventory(tables)
    pending = out / PENDING
    with sole_writer(out):
        told = recorded(found, _token(pending, [why, found.first_day, found.last_day, *found.instruments]))
        for table, symbol, day, path in files:
            _link(path, parquet.path_of(out, table, symbol, day))
        pending.unlink()
    return told


def _token(pending: Path, about: list[str | int]) -> str:
    """The token of the look that a killed run had begun about the same, or a new one, kept before it is used."""
    try:
        begun = json.loads(pending.read_text())
    except (FileNotFoundError, ValueError):  # none, or one that a power failure cut off
        begun = {}
    if begun.get("about") != about:
        begun = {"about": about, "token": uuid.uuid4().hex}
        manifest.write_json(pending, begun)
    return str(begun["token"])


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
