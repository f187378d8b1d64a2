"""`mia token`: let somebody use the live service, or no longer."""

from pathlib import Path
from typing import Annotated

import typer

from mia_ml.cli import app


@app.command()
def token(
    name: Annotated[str | None, typer.Argument(help="Who it is for, such as the name of a feed.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="read, feed or admin; may be given more than once.")] = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="End it, and the connections it has open.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Names, scopes and ages of all.")] = False,
    state: Annotated[Path | None, typer.Option(help="State folder of the service; by default serve.state.")] = None,
    params: Annotated[Path, typer.Option(help="Settings, which say where the state is.")] = Path("params.yaml"),
) -> None:
    """Make a token and show it, this once; or revoke one; or list them. A running service notices."""
    from mia_ml import settings
    from mia_ml.core.errors import UsageError
    from mia_ml.core.project import home
    from serving.app import tokens

    folder = state or home(Path.cwd()) / settings.load(params).serve.state
    path = folder / tokens.NAME
    if show:
        if name or scope or revoke:
            raise UsageError("--list goes alone")
        for known in tokens.read(path):
            print(f"{known.name:24}{','.join(known.scopes):18}{known.created}")
        return
    if name is None:
        raise UsageError("which token? give a NAME, or --list")
    if revoke:
        if scope:
            raise UsageError("--revoke ends the whole token: leave --scope out")
        tokens.revoke(path, name)
        print(f"token '{name}' is revoked: its connections end within seconds")
    else:
        print(tokens.create(path, name, scope or []))
