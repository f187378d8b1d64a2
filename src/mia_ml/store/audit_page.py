"""The data audit as text for a terminal."""

import io
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table


def text(audit: dict[str, Any], width: int = 110) -> str:
    """The audit as a reader wants it: tables, spread by hour, what was refused, findings, verdict."""
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False, color_system=None)
    console.print(_tables(audit))
    line = partial(console.print, soft_wrap=True)
    for family, found in audit["tables"].get("book", {}).items():
        hours = ", ".join(f"{hour}h {ticks:.2f}" for hour, ticks in found.get("spread_ticks_by_hour", {}).items())
        line(f"spread of {family} in ticks by exchange hour: {hours}")
    reasons = audit["quarantined_by_reason"]
    listed = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
    line(f"quarantined: {audit['quarantined']:,} of {audit['records']:,} records{': ' + listed if listed else ''}")
    for finding in audit["findings"]:
        line(f"{finding['severity']}: {finding['text']}")
    line("passed" if audit["passed"] else "failed")
    return out.getvalue().rstrip("\n")


def _tables(audit: dict[str, Any]) -> Table:
    table = Table(title="Tables")
    for heading in ("table", "symbols", "first", "last", "days", "missing", "rows", "no side", "longest silence"):
        table.add_column(heading, justify="left" if heading in ("table", "symbols", "first", "last") else "right")
    for name, families in audit["tables"].items():
        for found in families.values():
            silences = [day["silent_minutes"] for day in found["by_day"].values() if "silent_minutes" in day]
            table.add_row(
                name,
                " ".join(found["symbols"]),
                found["first"],
                found["last"],
                f"{found['days']:,}",
                f"{len(found['days_missing']):,}",
                f"{found['rows']:,}",
                f"{found['unknown_side']:.2%}" if "unknown_side" in found else "",
                f"{max(silences):,.1f} min" if silences else "",
            )
    return table
