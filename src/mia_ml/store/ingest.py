"""Ingest: what sources yield, screened, split into trading days and written as canonical Parquet.

Every vendor record is either applied or quarantined. Nothing is visible before all files were read: the days are staged
(`staging`), checked against what is there (`manifest`), then published. A repeated ingest writes the same bytes.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mia_ml.core.errors import TableError
from mia_ml.core.tables import Batch, FileDone, Item, Reject
from mia_ml.store import manifest, parquet, quarantine
from mia_ml.store.manifest import Manifest, Source
from mia_ml.store.rules import Rules
from mia_ml.store.screen import Screen, offending
from mia_ml.store.staging import Staging, day_name, sole_writer

Progress = Callable[[str, int], None]
"""Told now and then: the vendor file being read, and the canonical rows read so far."""


@dataclass
class Report:
    """What an ingest did. Records are vendor rows; `tables` counts canonical rows, `reasons` refused vendor rows.

    day_files: Parquet files written. errors: one line for each file that could not be read to its end. warnings: what
    a user should look at.
    """

    records: int = 0
    quarantined: int = 0
    tables: dict[str, int] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    day_files: int = 0
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

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

    def screen(self, batch: Batch, rules: Rules) -> tuple[np.ndarray, np.ndarray]:
        """Mask of the accepted rows, and the trading day of every row."""
        key = (batch.table, batch.symbol)
        if key not in self.screens:
            self.screens[key] = Screen(*key, rules)
        screened = self.screens[key].check(batch)
        if screened.reason.any():
            self.refused.refuse(batch, screened.reason, offending(batch, screened.reason))
        return screened.reason == 0, screened.day

    @property
    def quarantine_name(self) -> str:
        return f"{Path(self.name).name.split('.')[0] or 'source'}-{self.fingerprint}.parquet"


def ingest(items: Iterable[Item], root: Path, rules: Rules, progress: Progress | None = None) -> Report:
    """Write what a source yields below `root`; the report accounts for every vendor record.

    A file that stops early keeps what was read of it and is named in `errors`. Raises TableError, before anything is
    written, when a day exists that was made from other files.
    """
    root = Path(root)
    with sole_writer(root):
        before = manifest.read(root)
        run = _Run(root, rules, progress)
        try:
            for item in items:
                run.take(item)
            return run.publish(before)
        finally:
            run.staging.clear()


class _Run:
    def __init__(self, root: Path, rules: Rules, progress: Progress | None):
        self.root = root
        self.rules = rules
        self.progress = progress or (lambda file, rows: None)
        self.staging = Staging(root)
        self.report = Report()
        self.manifest = Manifest()
        self.refusals: dict[str, str] = {}  # quarantine file by fingerprint, '' where nothing was refused
        self.rows = 0
        self.file: _File | None = None
        self.repeated = False

    def take(self, item: Item) -> None:
        if self.file is None or self.file.name != item.file:
            if self.file is not None:
                raise TableError(f"{self.file.name}: the source went on to {item.file} without closing it")
            self.file = _File(item.file)
            self.repeated = self.file.fingerprint in self.manifest.sources
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
        self.report.tables[batch.table] = self.report.tables.get(batch.table, 0) + day.size
        if day.size:
            self.staging.add(file.fingerprint, batch.table, batch.symbol, columns, day)
        self.rows += accepted.size
        self.progress(file.name, self.rows)

    def _close(self, file: _File, done: FileDone) -> None:
        if self.repeated:
            first = self.manifest.sources[file.fingerprint].name
            self.report.errors.append(f"{file.name}: the same content as {first}: read once, remove one of the two")
            return
        if done.error:
            self.report.errors.append(done.error)
        self.staging.file_done(file.fingerprint)
        refused = file.refused.vendor_rows()
        self.report.records += done.records
        self.report.quarantined += refused
        self.report.reasons.update(file.refused.by_reason())
        self.manifest.sources[file.fingerprint] = Source(Path(file.name).name, done.records, refused, done.error)
        self.refusals[file.fingerprint] = file.quarantine_name
        if refused:
            file.refused.write(self.staging.folder / file.quarantine_name)

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
        for name in self.refusals.values():
            self._publish_refusals(name)
        after.complete = True
        after.write(self.root)
        self.report.day_files = len(staged)
        self.report.warnings = [
            f"{day_name(day)}: several files cover the same time of this day, their rows are merged by time"
            for day in dict.fromkeys(self.staging.overlaps)
        ]
        return self.report

    def _publish_refusals(self, name: str) -> None:
        staged, target = self.staging.folder / name, self.root / quarantine.FOLDER / name
        if staged.exists():
            target.parent.mkdir(exist_ok=True)
            staged.replace(target)
        else:
            target.unlink(missing_ok=True)
