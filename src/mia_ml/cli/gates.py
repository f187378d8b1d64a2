"""`mia gates`: what a version was held against, and how far it may go."""

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from mia_ml.cli import app


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
    from mia_ml.cli import judgements
    from mia_ml.judge import gates_page, verdict

    shown, found = judgements.find(version, model, tracking_uri, params)
    if as_json:
        tables = [json.loads(table.model_dump_json()) for table in found.gates]
        print(json.dumps({"version": shown, "allowed": verdict.allowed(found.gates), "tables": tables}))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print(gates_page.text(shown, found.verdict.sentence, found.gates, width))
