"""`mia ledger`: how many configurations were ever scored on which days, and who looked at the hold-out."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mia_ml.cli import app

if TYPE_CHECKING:
    from mia_ml.ledger.ledger import Count
    from mia_ml.ledger.looks import Look

NOTE = "N: configurations, however often launched; abandoned: without an end, its process was killed or still runs"


@app.command()
def ledger(
    instrument: Annotated[str | None, typer.Option(help="Only this one, such as ES.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    params: Annotated[Path, typer.Option(help="Settings, which say where the ledger is.")] = Path("params.yaml"),
) -> None:
    """Show every configuration ever scored, in sample and out of sample, and every look at the hold-out."""
    from mia_ml import settings
    from mia_ml.ledger import ledger as room

    with room.open(settings.load(params).ledger.where, Path.cwd()) as kept:
        counts, looks = kept.counts(instrument), kept.looks(instrument)
        print(json.dumps(as_mapping(counts, looks)) if as_json else text(kept.where, counts, looks))


def as_mapping(counts: "list[Count]", looks: "list[Look]") -> dict[str, Any]:
    import dataclasses

    trials = [
        {name: value for name, value in dataclasses.asdict(count).items() if name != "states"}
        | count.states
        | {"configurations": count.configurations}
        for count in counts
    ]
    return {"trials": trials, "looks": [dataclasses.asdict(look) | {"alpha": look.alpha} for look in looks]}


def text(where: str, counts: "list[Count]", looks: "list[Look]") -> str:
    from mia_ml.core.moments import iso

    n = {scope: sum(count.configurations for count in counts if count.scope == scope) for scope in ("inner", "outer")}
    lines = [f"{where}: {n['inner']:,} configurations scored in sample, {n['outer']:,} out of sample"]
    if counts:
        states = list(counts[0].states)
        rows = [["instrument", "days", "scope", "kind", *states, "N", "launches"]]
        for count in counts:
            days = f"{iso(count.first_day)}..{iso(count.last_day)}"
            numbers = [*count.states.values(), count.configurations, count.launches]
            rows.append([count.instrument, days, count.scope, count.kind, *(f"{number:,}" for number in numbers)])
        lines += [*aligned(rows, right=len(states) + 2), NOTE]
    lines.append(f"{len(looks)} looks at the sealed hold-out")
    if looks:
        rows = [["look", "alpha", "days", "who", "when", "bundle", "why"]]
        for look in looks:
            bundle = look.bundle[:12] or "-"
            rows.append([str(look.look), f"{look.alpha:.4f}", look.period, look.who, look.when_utc, bundle, look.why])
        lines += aligned(rows)
    return "\n".join(lines)


def aligned(rows: list[list[str]], right: int = 0) -> list[str]:
    """Rows as lines, the last `right` columns by their ends.

    >>> aligned([["a", "n"], ["bb", "10"]], right=1)
    ['  a    n', '  bb  10']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    names = len(widths) - right
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if place < names else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
