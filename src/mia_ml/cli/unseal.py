"""`mia unseal`: look at the hold-out, on the record."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mia_ml.cli import app

if TYPE_CHECKING:
    from mia_ml.ledger.looks import Look
    from mia_ml.store.sealed import Holdout


@app.command()
def unseal(
    why: Annotated[str, typer.Option(help="What this look is to decide; kept for good.")],
    tables: Annotated[Path, typer.Option(help="Folder of the open days.")] = Path("data/tables"),
    sealed: Annotated[Path, typer.Option(help="Folder of the sealed days.")] = Path("data/sealed"),
    out: Annotated[Path, typer.Option(help="Folder to show them in, the open days with them.")] = Path("data/unsealed"),
    bundle: Annotated[Path, typer.Option(help="Folder of the bundle to be judged.")] = Path("artifacts/bundle"),
    who: Annotated[str | None, typer.Option(help="Who looks; by default the user of this machine.")] = None,
    params: Annotated[Path, typer.Option(help="Settings, which say where the ledger is.")] = Path("params.yaml"),
) -> None:
    """Record who looks at the sealed days and why, then show them in a folder of tables."""
    import getpass
    from datetime import UTC, datetime

    from mia_ml import settings
    from mia_ml.ledger import ledger
    from mia_ml.store import sealed as store
    from pipelines.counting import traded_as

    reason, name = " ".join(why.split()), who or getpass.getuser()
    chosen, judged = settings.load(params), seal_of(bundle)

    def recorded(found: "Holdout", token: str) -> "Look":
        with ledger.open(chosen.ledger.where, Path.cwd()) as kept:
            return kept.look(
                token,
                who=name,
                when_utc=datetime.now(UTC).isoformat(timespec="seconds"),
                why=reason,
                first_day=found.first_day,
                last_day=found.last_day,
                instruments=[traded_as(chosen, root) for root in found.instruments],
                files=found.files,
                bundle=judged,
            )

    look = store.unseal(tables, sealed, out, reason, recorded)
    of = f" for bundle {look.bundle[:12]}" if look.bundle else ""
    print(f"look {look.look} at {look.period}{of}, {look.files:,} table file{'s' * (look.files > 1)} in {out}")
    if look.look > 1:
        print(f"This is the {ordinal(look.look)} look at this period: what it shows was no longer unseen.")
    print(f"It may spend alpha = 0.05 / ({look.look} x {look.look + 1}) = {look.alpha:.4f}. It stands in mia ledger.")


def seal_of(bundle: Path) -> str:
    """The seal of the bundle in a folder, empty where there is none. Raises DataError when it is damaged."""
    from mia_ml.core.errors import DataError
    from mia_ml.scoring import manifest

    described = bundle / manifest.NAME
    if not described.is_file():
        return ""
    try:
        return manifest.read(described.read_bytes()).seal
    except DataError as error:
        raise DataError(f"{bundle}: {error}") from None


def ordinal(count: int) -> str:
    """
    >>> [ordinal(count) for count in (1, 2, 3, 4, 11, 22)]
    ['1st', '2nd', '3rd', '4th', '11th', '22nd']
    """
    ending = "th" if count % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{ending}"
