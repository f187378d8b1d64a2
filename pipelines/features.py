"""features: canonical tables -> one file of feature rows a trading day in data/rows."""

import time
from pathlib import Path

import numpy as np

from mia_ml import settings
from mia_ml.core import moments
from mia_ml.datasets import build
from mia_ml.features import clock, engine
from mia_ml.store import column_page, records
from mia_ml.store.column_audit import ColumnAudit
from pipelines import COLUMNS, ROWS, SECONDS_BETWEEN_LINES, run, write_metrics, write_plot
from pipelines.market import engine_parameters, grace_ns, trading_days

PAGE = Path("reports/columns.md")


def write_audit(audit: ColumnAudit) -> int:
    """How every component fires by session, as COLUMNS and as a page; how many of them have something odd."""
    entries = audit.entries()
    told = [entry | {"findings": "; ".join(entry.get("findings", ()))} for entry in entries]
    write_plot(COLUMNS, **{head: [entry[head] for entry in told] for head in told[0]})
    PAGE.write_text(column_page.text(entries))
    return sum(bool(entry["findings"]) for entry in told)


def main() -> None:
    chosen = settings.load()
    days, native = trading_days(chosen)
    parameters = engine_parameters(chosen, native)
    print(f"features: {len(days.days)} trading days; a first run compiles the kernels", flush=True)
    names, audit = np.array(clock.SESSIONS), ColumnAudit(engine.COMPONENTS)
    count, last = 0, time.monotonic()
    for day, rows in build.rows(parameters, days, grace_ns(chosen), chosen.workers):
        records.write(ROWS / f"{moments.iso(day.day)}.parquet", rows)
        components = {name: rows[name] for name in engine.COMPONENTS}
        audit.add(day.day, components, names[rows["session"].astype(np.int64)])
        count += rows.size
        if time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            print(f"  {count:>12,} rows  {moments.iso(day.day)} {day.contract}", flush=True)
    odd = write_audit(audit)
    print(f"features: {count:,} rows of {len(days.days)} trading days; how each component fires: {PAGE}")
    write_metrics("features", {"rows": count, "days": len(days.days), "columns_with_findings": odd})


if __name__ == "__main__":
    run(main)
