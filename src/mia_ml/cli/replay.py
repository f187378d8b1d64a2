"""`mia replay`: canonical tables through the live engine and scorer."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from mia_ml.cli import app
from mia_ml.core.errors import DataError, UsageError, refuse_unknown

if TYPE_CHECKING:
    import numpy as np

    from mia_ml.datasets.days import Days
    from mia_ml.scoring.bundle import Bundle
    from mia_ml.scoring.scorer import Scorer


class Live(NamedTuple):
    """What a replay runs: the days, the engine's parameters, a scorer that has decided nothing, the grace of bars."""

    days: "Days"
    parameters: "np.ndarray"
    scorer: "Scorer"
    grace_ns: int


@app.command()
def replay(
    tables: Annotated[Path, typer.Option(help="Folder of canonical tables.")],
    out: Annotated[Path, typer.Option(help="Parquet file of rows and decisions.")],
    bundle: Annotated[
        str, typer.Option(help="Folder, or models:/NAME@ALIAS; without one the configured formula, no filter.")
    ] = "",
    chunks: Annotated[str, typer.Option(help="whole, event or random: the file is the same byte for byte.")] = "whole",
    seed: Annotated[int, typer.Option(min=0, help="Of the random portions.")] = 0,
    params: Annotated[Path, typer.Option(help="Settings, as dvc exp run composes them.")] = Path("params.yaml"),
) -> None:
    """Stream tables through the engine and the scorer, as live would have seen them."""
    from mia_ml.cli.progress import progress
    from serving import replay as face

    if chunks not in face.CHUNKS:
        raise typer.BadParameter(refuse_unknown("way to chunk", chunks, face.CHUNKS), param_hint="--chunks")
    live = _of_bundle(_loaded(bundle, params), tables) if bundle else _configured(params, tables)
    with progress("replay") as show:
        for day, rows in face.replay(live.days, live.parameters, live.scorer, out, chunks, seed, live.grace_ns):
            show(str(day), rows)
    print(f"{rows:,} rows of {len(live.days.days)} trading days in {out}")


def _configured(params: Path, tables: Path) -> Live:
    from mia_ml import settings
    from mia_ml.confluence import formula
    from mia_ml.scoring.scorer import Scorer
    from pipelines import market

    chosen = settings.load(params)
    days, native = market.trading_days(chosen, tables)
    scorer = Scorer(formula.build(chosen.confluence.model_dump(), chosen.context.model_dump()))
    return Live(days, market.engine_parameters(chosen, native), scorer, market.grace_ns(chosen))


def _loaded(bundle: str, params: Path) -> "Bundle":
    """The bundle of a folder, or of a registry address, which is fetched first and needs the settings' server."""
    from mia_ml.scoring.bundle import load

    if Path(bundle).is_dir():
        return load(Path(bundle))
    if ":/" not in bundle:
        raise UsageError(f"{bundle}: no such folder; give a bundle's folder or models:/NAME@ALIAS")
    from mia_ml import settings
    from mia_ml.registry.fetch import fetch
    from mia_ml.tracking import server

    store = server.resolve(settings.load(params).tracking.uri, Path.cwd())
    with tempfile.TemporaryDirectory(prefix="mia-bundle-") as into:
        return load(fetch(bundle, store, Path(into)))


def _of_bundle(bundle: "Bundle", tables: Path) -> Live:
    from mia_ml.datasets import days

    content, native = bundle.content, days.is_native(tables)
    if native != content.native:
        kinds = ("ticks", "the bars of a file")
        raise DataError(
            f"{tables}: the bundle's features stand on {kinds[content.native]}, these tables hold {kinds[native]}"
        )
    planned = days.plan(tables, content.instrument, content.calendar, native)
    return Live(planned, content.engine_params(), content.scorer(), content.grace_ns)
