"""`mia report`: the verdict page of a run."""

from pathlib import Path
from typing import Annotated

import typer

from mia_ml.cli import app


@app.command()
def report(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="Id of an MLflow run; number, alias or models:/NAME@ALIAS of a registered version; a judgement.json, "
            "or a folder that holds one: by default this checkout.",
        ),
    ] = ".",
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("reports/verdict.html"),
    model: Annotated[str, typer.Option(help="Registered model of a bare number or alias; as in the settings.")] = "",
    tracking_uri: Annotated[str, typer.Option(help="MLflow store; as in the settings.")] = "",
    params: Annotated[Path, typer.Option(help="Settings, as dvc exp run composes them.")] = Path("params.yaml"),
) -> None:
    """Write the verdict page of a run as one HTML file that stands alone."""
    from mia_ml.cli import judgements
    from mia_ml.reports import page

    shown, found = judgements.find(run, model, tracking_uri, params)
    page.write(found, out)
    print(f"{out}: {shown}\n{found.verdict.sentence}")
