"""`mia unseal`: look at the hold-out, on the record."""

from pathlib import Path
from typing import Annotated

import typer

from mia_ml.cli import app


@app.command()
def unseal(
    why: Annotated[str, typer.Option(help="What this look is to decide; kept for good.")],
    tables: Annotated[Path, typer.Option(help="Folder of the open days.")] = Path("data/tables"),
    sealed: Annotated[Path, typer.Option(help="Folder of the sealed days.")] = Path("data/sealed"),
    out: Annotated[Path, typer.Option(help="Folder to show them in, the open days with them.")] = Path("data/unsealed"),
    record: Annotated[Path, typer.Option(help="Append-only record of all looks.")] = Path("ledger/unsealed.jsonl"),
    who: Annotated[str | None, typer.Option(help="Who looks; by default the user of this machine.")] = None,
) -> None:
    """Record who looks at the sealed days and why, then show them in a folder of tables."""
    import getpass
    from datetime import UTC, datetime

    from mia_ml.core.words import ordinal
    from mia_ml.store import sealed as store

    name = who or getpass.getuser()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    look = store.unseal(tables, sealed, out, record, who=name, when_utc=now, why=why)
    days = f"{look.first_day}..{look.last_day} of {', '.join(look.instruments) or 'the indices'}"
    print(
        f"look {look.look} at {days}, {look.files:,} table file{'s' * (look.files > 1)} in {out}, recorded in {record}"
    )
    if look.look > 1:
        print(f"This is the {ordinal(look.look)} look at this period: what it shows was no longer unseen.")
    print(f"It may spend alpha = 0.05 / ({look.look} x {look.look + 1}) = {look.alpha:.4f}.")
