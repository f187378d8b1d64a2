"""`mia verify-bundle`: does a bundle hold what it says, and does this machine decide as the one that wrote it?"""

from pathlib import Path
from typing import Annotated

import typer

from mia_ml.cli import app


@app.command()
def verify_bundle(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a bundle.")]) -> None:
    """Check every fingerprint of a bundle and replay its golden tape."""
    from mia_ml.scoring import bundle

    print(f"{folder}: OK: {bundle.verify(bundle.load(folder))}")
