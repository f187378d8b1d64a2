"""Ingest: what sources yield, screened, split into trading days and written as canonical Parquet.

Every vendor record is either applied or quarantined. Nothing is visible before all files were read: the days are staged
(`staging`), checked against what is there (`manifest`), then published. A repeated ingest writes the same bytes; one
that was killed while reading goes on where it was when it is started again with `Readers`.
"""

import hashlib
import importlib.metadata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from mia_ml.core import kernel
from mia_ml.core.errors import TableError
from mia_ml.core.tables import Batch, FileDone, Item, Reject
from mia_ml.store import manifest, parquet, quarantine
from mia_ml.store.manifest import Manifest, Source
from mia_ml.store.rules import Rules
from mia_ml.store.screen import Screen, offending
from mia_ml.store.staging import Account, Staging, day_name, sole_writer

Progress = Callable[[str, int], None]
"""Told now and then: the vendor file being read, and the canonical rows read so far."""

Read = partial[Iterator[Item]]
"""The `read` of a source with its arguments bound."""

LIBRARIES = ("databento-dbn", "numpy", "pandas-market-calendars", "polars", "pyarrow", "tzdata", "zstandard")
"""What the staged bytes depend on besides this package."""


@dataclass(frozen=True)
class Readers:
    """Sources that can pass over files, in order.

    A `read` takes `skip`, asks it once before it reads a file, in order, and yields nothing of one it says True for.
    """

    reads: tuple[Read, ...]

    def items(self, skip: Callable[[str], bool]) -> Iterator[Item]:
        for read in self.reads:
            yield from read(skip=skip)

    def fingerprint(self, rules: Rules) -> str:
        """Sixteen hex digits of all that rows depend on besides the content of the files."""
        circumstances = [
            *((read.func.__module__, read.func.__qualname__, read.args, read.keywords) for read in self.reads),
            rules,
            Path.cwd(),  # of relative paths
            *(kernel.version(room) for room in ("sources", "store")),
            *(importlib.metadata.version(name) for name in LIBRARIES),
        ]
        return hashlib.blake2b(repr(circumstances).encode(), digest_size=8).hexdigest()


@dataclass
class Report:
    """What an ingest did. Records are vendor rows; `tables` counts canonical rows, `reasons` refused vendor rows.

    day_files: Parquet files written. errors: one line for each file that could not be read to its end. warnings: what
    a user should look at. files, resumed: vendor files, and how many of them an earlier run had read; they are not in
    the JSON, which is that of an ingest that was not interrupted.
    """

    records: int = 0
    quarantined: int = 0
    tables: dict[str, int] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    day_files: int = 0
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    files: int = 0
    resumed: int = 0

    @property
    def resumption(self) -> str:
        """What was taken over from an earlier run, in words; nothing where nothing was."""
        return f"resumed: {self.resumed} of {self.files} files were read before" if self.resumed else ""

    @property
    def applied(self) -> int:
        return self.records - self.quarantined

    def as_json(self) -> dict:
        """The JSON of `mia ingest`."""
        return {
            "in": self.records,
            "applied": self.applied,
            "quarantined": self.quarantined,
            "tables": dict(sorted(self.tables.items())),
            "day_files": self.day_files,
            "reasons": dict(sorted(self.reasons.items())),
            "errors": self.errors,
            "warnings": self.warnings,
        }


class _File:
    """One vendor file while it is being read."""

    def __init__(self, name: str):
        self.name = name
        self.fingerprint = manifest.fingerprint(name)
        self.screens: dict[tuple[str, str], Screen] = {}
        self.refused = quarantine.Quarantine(name)
        self.tables: dict[str, int] = {}

    def screen(self, batch: Batch, rules: Rules) -> tuple[np.ndarray, np.ndarray]:
        """Mask of the accepted rows, and the trading day of every row."""
        key = (batch.table, batch.symbol)
        if key not in self.screens:
            self.screens[key] = Screen(*key, rules)
        screened = self.screens[key].check(batch)
        if screened.reason.any():
            self.refused.refuse(batch, screened.reason, offending(batch, screened.reason))
        return screened.reason == 0, screened.day


def ingest(source: Iterable[Item] | Readers, root: Path, rules: Rules, progress: Progress | None = None) -> Report:
    """Write what a source yields below `root`; the report accounts for every vendor record.

    Given `Readers`, the files that a killed ingest by the same readers and rules had staged whole are not read again.

    A file that stops early keeps what was read of it and is named in `errors`. Raises TableError, before anything is
    written, when a day exists that was made from other files.
    """
    root = Path(root)
    with sole_writer(root):
        before = manifest.read(root)
        name = source.fingerprint(rules) if isinstance(source, Readers) else "once"
        run = _Run(root, name, rules, progress)
        try:
            for item in source.items(run.take_over) if isinstance(source, Readers) else source:
                run.take(item)
            report = run.publish(before)
        except Exception:  # not KeyboardInterrupt: a user who stops an ingest may go on with it
            run.staging.clear()
            raise
        run.staging.clear()
        return report


class _Run:
    def __init__(self, root: Path, name: str, rules: Rules, progress: Progress | None):
        self.root = root
        self.rules = rules
        self.progress = progress or (lambda file, rows: None)
        self.staging = Staging(root, name)
        self.report = Report()
        self.manifest = Manifest()
        self.rows = 0
        self.file: _File | None = None
        self.repeated = False
        self.asked = ""  # the file that a source last asked to pass over
        self.unasked = hashlib.blake2b(digest_size=8)  # of files always read: Databento's definitions name what follows

    def take_over(self, file: str) -> bool:
        """Whether an earlier run staged all of a file; it then counts as read."""
        self.asked = file
        try:
            fingerprint = manifest.fingerprint(file)
        except OSError:
            return False  # the source meets the same and says so
        if fingerprint in self.manifest.sources:
            return False
        account = self.staging.take_over(fingerprint, file, self.unasked.hexdigest())
        if account is None:
            return False
        self._account(fingerprint, account)
        self.report.resumed += 1
        return True

    def take(self, item: Item) -> None:
        if self.file is None or self.file.name != item.file:
            if self.file is not None:
                raise TableError(f"{self.file.name}: the source went on to {item.file} without closing it")
            self.file = _File(item.file)
            self.repeated = self.file.fingerprint in self.manifest.sources
            if not self.repeated:
                self.staging.begin(self.file.fingerprint)
        if isinstance(item, FileDone):
            self._close(self.file, item)
            self.file = None
        elif self.repeated:
            return
        elif isinstance(item, Reject):
            self.file.refused.reject(item)
        else:
            self._add(self.file, item)

    def _add(self, file: _File, batch: Batch) -> None:
        accepted, day = file.screen(batch, self.rules)
        columns = batch.columns
        if not accepted.all():
            columns = {name: values[accepted] for name, values in columns.items()}
            day = day[accepted]
        file.tables[batch.table] = file.tables.get(batch.table, 0) + day.size
        if day.size:
            self.staging.add(file.fingerprint, batch.table, batch.symbol, columns, day)
        self.rows += accepted.size
        self.progress(file.name, self.rows)

    def _close(self, file: _File, done: FileDone) -> None:
        if self.repeated:
            first = self.manifest.sources[file.fingerprint].name
            self.report.errors.append(f"{file.name}: the same content as {first}: read once, remove one of the two")
            return
        self.staging.file_done(file.fingerprint)
        quarantined = file.refused.vendor_rows()
        if quarantined:
            file.refused.write(self.staging.refused(file.fingerprint))
        account = Account(
            file.name,
            done.records,
            quarantined,
            file.tables,
            file.refused.by_reason(),
            done.error,
            self.unasked.hexdigest(),
        )
        if self.asked != file.name:
            self.unasked.update(f"{file.fingerprint} {done.records} {done.error}\n".encode())
        elif not done.error:  # what stopped the reading may be gone next time
            self.staging.record(file.fingerprint, account)
        self._account(file.fingerprint, account)

    def _account(self, fingerprint: str, account: Account) -> None:
        report = self.report
        report.files += 1
        report.records += account.records
        report.quarantined += account.quarantined
        report.reasons.update(account.reasons)
        for table, rows in account.tables.items():
            report.tables[table] = report.tables.get(table, 0) + rows
        if account.error:
            report.errors.append(account.error)
        name = Path(account.file).name
        self.manifest.sources[fingerprint] = Source(name, account.records, account.quarantined, account.error)

    def publish(self, before: Manifest) -> Report:
        if self.file is not None:
            raise TableError(f"{self.file.name}: the source ended without closing it")
        staged = self.staging.days
        self.manifest.days = {day_name(day): sources for day, sources in staged.items()}
        existing = {day_name((table, symbol, day)) for table, symbol, day, _ in parquet.inventory(self.root)}
        if why := before.conflict(self.manifest, existing):
            raise TableError(f"{self.root}: {why}")
        after = before.add(self.manifest)
        after.complete = False
        after.write(self.root)
        for day in sorted(staged):
            self.staging.publish(day)
        for fingerprint, source in self.manifest.sources.items():
            self._publish_refusals(fingerprint, source)
        after.complete = True
        after.write(self.root)
        self.report.day_files = len(staged)
        self.report.warnings = [
            f"{day_name(day)}: several files cover the same time of this day, their rows are merged by time"
            for day in dict.fromkeys(self.staging.overlaps)
        ]
        return self.report

    def _publish_refusals(self, fingerprint: str, source: Source) -> None:
        name = f"{source.name.split('.')[0] or 'source'}-{fingerprint}.parquet"
        staged, target = self.staging.refused(fingerprint), self.root / quarantine.FOLDER / name
        if staged.exists():
            target.parent.mkdir(exist_ok=True)
            staged.replace(target)
        else:
            target.unlink(missing_ok=True)
