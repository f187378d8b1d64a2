"""`mia audit`: is this data good enough to compute from?"""

import json
from pathlib import Path
from typing import Annotated

import typer

from mia_ml.cli import app
from mia_ml.core.errors import DataError


@app.command()
def audit(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of canonical tables.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    max_quarantined: Annotated[float, typer.Option(help="Share of records.")] = 0.01,
    max_missing_days: Annotated[float, typer.Option(help="Share of trading days.")] = 0.05,
    max_unknown_side: Annotated[float, typer.Option(help="Share of prints without an aggressor.")] = 0.20,
    quiet_minutes: Annotated[float, typer.Option(help="A longer silence in trading hours is a warning.")] = 60.0,
) -> None:
    """Hold tables against the exchange calendar and the quarantine; exit code 1 when they do not pass."""
    from mia_ml.store import audit as store
    from mia_ml.store import audit_page

    found = store.audit(folder, store.Limits(max_quarantined, max_missing_days, max_unknown_side, quiet_minutes))
    print(json.dumps(found) if as_json else audit_page.text(found))
    if not found["passed"]:
        errors = [finding["text"] for finding in found["findings"] if finding["severity"] == "error"]
        raise DataError(
            f"{folder}: the audit did not pass: {errors[0]}" + f" (and {len(errors) - 1} more)" * (len(errors) > 1)
        )
