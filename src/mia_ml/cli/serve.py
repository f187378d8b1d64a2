"""`mia serve`: the live service."""

from pathlib import Path
from typing import Annotated

import typer

from mia_ml.cli import app


@app.command()
def serve(
    alias: Annotated[str, typer.Option(help="Who decides: an alias of the registered model.")] = "champion",
    shadow: Annotated[
        list[str] | None, typer.Option(help="Alias of a challenger that scores along; again for more.")
    ] = None,
    bundle: Annotated[Path | None, typer.Option(help="A bundle's folder decides, without a registry.")] = None,
    params: Annotated[Path, typer.Option(help="Settings, as dvc exp run composes them.")] = Path("params.yaml"),
    state: Annotated[Path | None, typer.Option(help="Folder of the state; as in the settings.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to bind; as in the settings.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port, 0 for a free one; as in the settings.")
    ] = None,
    clock: Annotated[str | None, typer.Option(help="wall or event; as in the settings.")] = None,
    insecure: Annotated[
        bool, typer.Option(help="Bind beyond this machine without TLS, behind a proxy that has it.")
    ] = False,
) -> None:
    """Score a live market: events in, decisions out, until it is stopped."""
    import uvloop

    import serving
    from mia_ml import settings
    from mia_ml.cli.progress import progress
    from mia_ml.core import project
    from mia_ml.store.rules import Rules
    from mia_ml.tracking import server as tracking
    from serving.app import logs, server
    from serving.app.tokens import Tokens
    from serving.service import Service
    from serving.versions.chosen import Lookout
    from serving.versions.succession import Wanted

    chosen = settings.load(params)
    home = project.home(Path.cwd())
    changes = {"state": str(state) if state else None, "host": host, "port": port, "clock": clock}
    section = chosen.serve.model_dump(by_alias=True) | {
        name: value for name, value in changes.items() if value is not None
    }
    live = settings.base.read(settings.Serve, section, "serve")
    folder = home / live.state
    logs.setup()
    lookout = Lookout(
        chosen.tracking.model,
        tracking.resolve(chosen.tracking.uri, home),
        home / chosen.promotion.record,
        folder / "bundles",
    )
    wanted = Wanted(str(bundle) if bundle else alias, () if bundle else tuple(shadow or ()))
    rules = Rules(**chosen.ingest.model_dump())
    with progress("the days before") as show:
        service = Service(live, rules, wanted, lookout, home, chosen.promotion.level, show)
        page = Path(serving.__file__).with_name("page")
        uvloop.run(server.until_stopped(service, live, Tokens(folder / "tokens.json"), page, insecure=insecure))
