"""features: canonical tables -> one file of feature rows a trading day in data/rows."""

import time
from pathlib import Path

import numpy as np

from mia_ml import settings
from mia_ml.core import moments
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.datasets import build
from mia_ml.features import clock, engine, params
from mia_ml.store import records
from mia_ml.store.column_audit import audit_columns
from pipelines import ROWS, SECONDS_BETWEEN_LINES, run, write_metrics, write_plot
from pipelines.market import trading_days

NS_PER_MS = 1_000_000
AUDITED = ("day", "session", *engine.COMPONENTS)
COLUMNS = Path("reports/columns.csv")


def audit_page(rows: np.ndarray) -> dict[str, int]:
    """How every component fires by session, to COLUMNS; what is odd about one is said aloud and counted."""
    names = np.array(clock.SESSIONS)[rows["session"].astype(np.int64)]
    entries = audit_columns({name: rows[name] for name in engine.COMPONENTS}, names, rows["day"])
    heads = [name for name in entries[0] if name != "findings"]
    write_plot(COLUMNS, **{head: [entry[head] for entry in entries] for head in heads})
    odd = [(entry["column"], "; ".join(entry["findings"])) for entry in entries if entry.get("findings")]
    for column, findings in odd:
        print(f"  {column:<30} {findings}")
    return {"columns_with_findings": len(odd)}


def main() -> None:
    chosen = settings.load()
    days, native = trading_days(chosen)
    tick = INSTRUMENTS[chosen.instrument.root].tick
    parameters = params.build(chosen.features.model_dump(), chosen.context.model_dump(), tick, native)
    grace_ns = chosen.features.grace_ms * NS_PER_MS
    print(f"features: {len(days.days)} trading days; a first run compiles the kernels", flush=True)
    seen: list[np.ndarray] = []
    count, last = 0, time.monotonic()
    for day, rows in build.rows(parameters, days, grace_ns, chosen.workers):
        records.write(ROWS / f"{moments.iso(day.day)}.parquet", rows)
        seen.append(rows[list(AUDITED)].copy())
        count += rows.size
        if time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            print(f"  {count:>12,} rows  {moments.iso(day.day)} {day.contract}", flush=True)
    print(f"features: {count:,} rows of {len(days.days)} trading days")
    write_metrics("features", {"rows": count, "days": len(days.days)} | audit_page(np.concatenate(seen)))


if __name__ == "__main__":
    run(main)
