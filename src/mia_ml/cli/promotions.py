"""`mia promotions`: every promotion and rollback, and whether the record of them is whole."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mia_ml.cli import app
from mia_ml.cli.promote import MODEL, PARAMS, STORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mia_ml.registry.record import Entry


@app.command()
def promotions(
    as_json: Annotated[bool, typer.Option("--json", help="Print every entry of the record as JSON.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Check it against the registry, and the aliases.")] = False,
    restore: Annotated[bool, typer.Option("--restore", help="Bring back what the registry has of it.")] = False,
    model: Annotated[str, MODEL] = "",
    tracking_uri: Annotated[str, STORE] = "",
    params: Annotated[Path, PARAMS] = Path("params.yaml"),
) -> None:
    """Show the record of promotions; its chain is checked each time, with --verify its anchors in MLflow as well."""
    import sys

    from mia_ml.cli import desks
    from mia_ml.registry import promotion, proof, record

    place = desks.find(params, model, tracking_uri)
    path, said = place.desk.record, []
    if restore:
        came = proof.restore(promotion.connected(place.desk.tracking_uri), path)
        said.append(f"{came:,} entries were brought back")
    if verify:
        said.append(proof.verify(promotion.connected(place.desk.tracking_uri), place.model, path))
    entries = record.read(path)
    print(json.dumps([entry.model_dump() for entry in entries]) if as_json else text(str(path), entries))
    for line in said:
        print(line, file=sys.stderr if as_json else sys.stdout)


def text(where: str, entries: "Sequence[Entry]") -> str:
    from mia_ml.cli.ledger import aligned

    ends = {entry.of: entry for entry in entries if entry.is_end}
    acts = [entry for entry in entries if not entry.is_end]
    if not acts:
        return f"{where}: nothing was promoted yet"
    rows = [["entry", "when", "who", "action", "version", "stage", "before", "gates", "state", "sha256", "why"]]
    for entry in acts:
        blocking = [gate for gate in entry.gates if gate.blocking]
        passed = f"{sum(gate.status == 'pass' for gate in blocking)} of {len(blocking)}"
        end = ends.get(entry.number)
        state = end.action if end else "begun"
        why = "; ".join([*[entry.reason] * bool(entry.reason), *(f"OVERRIDDEN: {one}" for one in entry.overridden)])
        rows.append(
            [
                str(entry.number),
                entry.when_utc,
                entry.who,
                entry.action,
                entry.named,
                entry.stage,
                entry.from_version or "-",
                passed,
                state,
                entry.sha256[:12],
                why,
            ]
        )
    return "\n".join([f"{where}: {len(acts):,} promotions and rollbacks", *aligned(rows)])
