"""`mia gates`: what a version was held against, how far it may go, and whether it went past its gates."""

import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mia_ml.cli import app
from mia_ml.cli.promote import stage_of

if TYPE_CHECKING:
    from mia_ml.judge.judgement import GateTable


@dataclass(frozen=True)
class Promoted:
    """What promotion knows of a version. overridden: why it went past its gates, empty when it did not. paper: its
    gates there, None when nobody asks for them."""

    overridden: str = ""
    paper: "GateTable | None" = None


@app.command()
def gates(
    version: Annotated[
        str,
        typer.Argument(
            help="Number, alias or models:/NAME@ALIAS of a registered version; or a judgement.json, or its folder."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print version, allowed and tables as JSON.")] = False,
    to: Annotated[str, typer.Option(help="champion: show what paper asks as well; paper.")] = "",
    state: Annotated[Path | None, typer.Option(help="Folder of the service; as in the settings.")] = None,
    model: Annotated[str, typer.Option(help="Registered model of a bare number or alias; as in the settings.")] = "",
    tracking_uri: Annotated[str, typer.Option(help="MLflow store; as in the settings.")] = "",
    params: Annotated[Path, typer.Option(help="Settings, as dvc exp run composes them.")] = Path("params.yaml"),
) -> None:
    """Show every gate table of a version, the blocking ones first, and the stage that they allow."""
    from mia_ml.cli import judgements
    from mia_ml.judge import gates_page, verdict

    stage = stage_of(to, "--to") if to else ""
    shown, found = judgements.find(version, model, tracking_uri, params)
    allowed, promoted = verdict.allowed(found.gates), Promoted()
    registered = re.fullmatch(r"(.+)/([0-9]+)", shown)
    if registered and judgements.local(version) is None:
        asked = "champion" in (stage, allowed)
        promoted = _promoted(registered[1], registered[2], asked, state, tracking_uri, params)
    tables = [*found.gates, *([promoted.paper] if promoted.paper else [])]
    if as_json:
        printed = [json.loads(table.model_dump_json()) for table in tables]
        said = {"version": shown, "allowed": allowed, "overridden": promoted.overridden, "tables": printed}
        print(json.dumps(said))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    title = f"{shown}\nOVERRIDDEN: {promoted.overridden}" if promoted.overridden else shown
    waits = allowed == "champion" and promoted.paper is not None and not promoted.paper.passed
    ending = "champion by the judge, paper until the gates of paper pass" if waits else allowed
    print(gates_page.text(title, found.verdict.sentence, tables, width, ending))


def _promoted(name: str, number: str, asked: bool, state: Path | None, tracking_uri: str, params: Path) -> Promoted:
    """By the record; by the tag of the version where the record, or the settings that name it, are elsewhere.

    asked: whether the gates of paper are shown without evidence as well.
    """
    from mia_ml.cli import desks
    from mia_ml.registry import case, history, paper_gate, record

    if not params.is_file():
        return Promoted(_tag(name, number, tracking_uri))
    place = desks.find(params, name, tracking_uri, state=state)
    entries = record.read(place.desk.record)
    reasons = "; ".join(history.overridden(entries, name, number)) or _tag(name, number, place.desk.tracking_uri)
    if not asked and not paper_gate.path_of(place.state, name, number).exists():
        return Promoted(reasons)
    return Promoted(reasons, case.paper_table(name, number, entries, place.state, place.rules)[0])


def _tag(name: str, number: str, tracking_uri: str) -> str:
    from mia_ml.registry import marks, promotion
    from mia_ml.tracking import server

    store = server.resolve(tracking_uri, Path.cwd())
    return marks.Marks(promotion.connected(store), name).version(number).tags.get(marks.OVERRIDE, "")
