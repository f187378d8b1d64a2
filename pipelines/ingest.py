"""ingest: the configured source -> canonical tables in data/tables, the hold-out's days apart in data/sealed."""

import itertools
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

from mia_ml import settings
from mia_ml.core import moments
from mia_ml.core.errors import DataError
from mia_ml.settings import sources as kinds
from mia_ml.sources import bars, databento, sierra, simulator, tables, vix
from mia_ml.sources.bar_mapping import BarMapping
from mia_ml.splits.holdout import first_sealed_day
from mia_ml.store import parquet, provenance, sealed
from mia_ml.store.ingest import Read, Readers, Report, ingest
from mia_ml.store.rules import Rules
from pipelines import SEALED, SECONDS_BETWEEN_LINES, TABLES, run, write_metrics


def reads(source: kinds.AnySource) -> tuple[Read, ...]:
    """The source, then the daily VIX where a file of it is given."""
    if source.vix_path == kinds.NO_FILE:
        return (read(source),)
    return read(source), partial(vix.read, [Path(source.vix_path)])


def read(source: kinds.AnySource) -> Read:
    paths = [Path(source.path)]
    match source:
        case kinds.Simulate():
            plain = source.world.model_dump()
            world = simulator.World(**plain | {"faults": simulator.Faults(**plain["faults"])})
            return partial(simulator.read, world)
        case kinds.Databento():
            return partial(databento.read, paths)
        case kinds.Sierra():
            return partial(
                sierra.read,
                paths,
                source.symbol,
                zone=source.zone,
                fraction=source.fraction,
                price_multiplier=source.price_multiplier,
            )
        case kinds.Bars():
            return partial(bars.read, paths, BarMapping.from_dict(source.mapping), source.symbol)
        case kinds.Tables():
            return partial(tables.read, paths)


def nothing_applied(report: Report, path: str) -> str:
    """
    >>> nothing_applied(Report(errors=["a.dbn: not a DBN file", "b.dbn: empty"]), "feed")
    'a.dbn: not a DBN file (and 1 more like it)'
    >>> from collections import Counter
    >>> nothing_applied(Report(records=2, quarantined=2, reasons=Counter({"unknown symbol": 2})), "feed")
    'feed: no row of it could be used: unknown symbol 2'
    """
    if report.errors:
        more = len(report.errors) - 1
        return report.errors[0] + (f" (and {more} more like it)" if more else "")
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in report.reasons.most_common())
    return f"{path}: no row of it could be used: {reasons or 'there is none'}"


def seal(chosen: settings.Settings) -> dict[str, int]:
    """Put the hold-out's days where no stage looks; how many trading days, the first and the last as yyyymmdd."""
    SEALED.mkdir(parents=True, exist_ok=True)
    files = parquet.inventory(TABLES) + parquet.inventory(SEALED)
    days = np.unique([day for table, _, day, _ in files if table in sealed.PRICES])
    holdout = chosen.validation.holdout if chosen.validation.kind == "walk_forward" else None
    first = first_sealed_day(days, holdout)
    if first is None:
        return {"days": 0}
    sealed.seal(TABLES, SEALED, first)
    count = int(np.count_nonzero(days >= first))
    print(f"ingest: {count} trading days from {moments.iso(first)} on are sealed: no stage reads them (mia unseal)")
    return {"days": count, "first_day": first, "last_day": int(days[-1])}


def main() -> None:
    chosen = settings.load()
    last = time.monotonic()

    def progress(file: str, rows: int) -> None:
        nonlocal last
        if time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            print(f"  {rows:>12,} rows  {file}", flush=True)

    rules = Rules(**chosen.ingest.model_dump(), unique_sequence=chosen.source.unique_sequence)
    report = ingest(Readers(reads(chosen.source)), TABLES, rules, progress)
    if not report.applied:
        raise DataError(nothing_applied(report, chosen.source.path))
    if report.resumed:
        print(f"ingest: {report.resumption}")
    for line in itertools.chain(report.errors, report.warnings):
        print(f"mia: {line}", file=sys.stderr)
    print(f"ingest: {report.records:,} records = {report.applied:,} applied + {report.quarantined:,} quarantined")
    synthetic = chosen.source.kind == "simulate" or provenance.is_synthetic(TABLES)
    write_metrics("ingest", report.as_json() | {"synthetic": synthetic, "sealed": seal(chosen)})


if __name__ == "__main__":
    run(main)
