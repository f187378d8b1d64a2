"""`mia replay`: canonical tables through the live engine and scorer."""

from pathlib import Path
from typing import Annotated

import typer

from mia_ml.cli import app
from mia_ml.core.errors import refuse_unknown


@app.command()
def replay(
    tables: Annotated[Path, typer.Option(help="Folder of canonical tables.")],
    out: Annotated[Path, typer.Option(help="Parquet file of rows and decisions.")],
    chunks: Annotated[str, typer.Option(help="whole, event or random: the file is the same byte for byte.")] = "whole",
    seed: Annotated[int, typer.Option(min=0, help="Of the random portions.")] = 0,
    params: Annotated[Path, typer.Option(help="Settings, as dvc exp run composes them.")] = Path("params.yaml"),
) -> None:
    """Stream tables through the engine and the configured formula, as live would have seen them."""
    from mia_ml import settings
    from mia_ml.cli.progress import progress
    from mia_ml.confluence import formula
    from pipelines import market
    from serving import replay as face

    if chunks not in face.CHUNKS:
        raise typer.BadParameter(refuse_unknown("way to chunk", chunks, face.CHUNKS), param_hint="--chunks")
    chosen = settings.load(params)
    days, native = market.trading_days(chosen, tables)
    parameters = market.engine_parameters(chosen, native)
    chosen_formula = formula.build(chosen.confluence.model_dump(), chosen.context.model_dump())
    with progress("replay") as show:
        for day, rows in face.replay(days, parameters, chosen_formula, out, chunks, seed, market.grace_ns(chosen)):
            show(str(day), rows)
    print(f"{rows:,} rows of {len(days.days)} trading days in {out}")
