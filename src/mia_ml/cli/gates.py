"""`mia gates`: what a version was held against, and how far it may go."""

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mia_ml.cli import app
from mia_ml.core.errors import UsageError

if TYPE_CHECKING:
    from mia_ml.judge.judgement import Judgement

FILE = "judgement.json"


@app.command()
def gates(
    version: Annotated[
        str,
        typer.Argument(
            help="Number, alias or models:/NAME@ALIAS of a registered version; or a judgement.json, or its folder."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print version, allowed and tables as JSON.")] = False,
    model: Annotated[str, typer.Option(help="Registered model of a bare number or alias; as in the settings.")] = "",
    tracking_uri: Annotated[str, typer.Option(help="MLflow store; as in the settings.")] = "",
    params: Annotated[Path, typer.Option(help="Settings, as dvc exp run composes them.")] = Path("params.yaml"),
) -> None:
    """Show every gate table of a version, the blocking ones first, and the stage that they allow."""
    from mia_ml.judge import gates_page, judgement, verdict

    local = _local(version)
    if local:
        shown, found = str(local), judgement.read(local)
    else:
        shown, found = _registered(version, model, tracking_uri, params)
    if as_json:
        tables = [json.loads(table.model_dump_json()) for table in found.gates]
        print(json.dumps({"version": shown, "allowed": verdict.allowed(found.gates), "tables": tables}))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print(gates_page.text(shown, found.verdict.sentence, found.gates, width))


def _local(text: str) -> Path | None:
    """The judgement in a file or folder of that name; None when a registered version is meant."""
    path = Path(text)
    if text.startswith("models:/") or text.isdecimal():
        return None
    if path.is_dir():
        for inside in (path / FILE, path / "judge" / FILE):
            if inside.is_file():
                return inside
        raise UsageError(f"{path}: holds no {FILE} and no judge/{FILE}: run the stage judge first")
    if path.suffix == ".json" or len(path.parts) > 1:
        return path
    return None


def _registered(text: str, model: str, tracking_uri: str, params: Path) -> "tuple[str, Judgement]":
    from mia_ml import settings
    from mia_ml.core import project
    from mia_ml.registry import address, judged
    from mia_ml.tracking import server

    if not (model and tracking_uri):
        configured = settings.load(params).tracking
        model, tracking_uri = model or configured.model, tracking_uri or configured.uri
    store = server.resolve(tracking_uri, project.home(Path.cwd()))
    found = judged.fetch(address.parse(text, model), store)
    return found.version, found.judgement
