"""Which judgement is meant: a file or a folder here, a run of the store, or a registered version."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mia_ml.core.errors import UsageError

if TYPE_CHECKING:
    from mia_ml.judge.judgement import Judgement

FILE = "judgement.json"
INSIDE = ("", "judge", "reports/judge")
"""Where a folder may hold it: that of the stage, that of a run's artifacts, a checkout."""


def find(text: str, model: str, tracking_uri: str, params: Path) -> "tuple[str, Judgement]":
    """A judgement, and what it is of as a reader knows it.

    model, tracking_uri: empty, as the settings in `params` have them. Raises UsageError where nothing has that name.
    """
    from mia_ml.judge import judgement

    found = local(text)
    return (str(found), judgement.read(found)) if found else _stored(text, model, tracking_uri, params)


def local(text: str) -> Path | None:
    """The judgement in a file or folder of that name; None when a run or a registered version is meant.

    >>> local("models:/mia-es@paper"), local("3"), local("runs/judgement.json").as_posix()
    (None, None, 'runs/judgement.json')
    """
    path = Path(text)
    if text.startswith("models:/") or text.isdecimal():
        return None
    if path.is_dir():
        for inside in INSIDE:
            if (path / inside / FILE).is_file():
                return path / inside / FILE
        places = ", ".join((Path(inside) / FILE).as_posix() for inside in INSIDE)
        raise UsageError(f"{path}: holds none of {places}: run the stage judge first")
    return path if path.suffix == ".json" or len(path.parts) > 1 else None


def _stored(text: str, model: str, tracking_uri: str, params: Path) -> "tuple[str, Judgement]":
    from mia_ml import settings
    from mia_ml.core import project
    from mia_ml.registry import address, judged
    from mia_ml.tracking import server

    if not (model and tracking_uri):
        configured = settings.load(params).tracking
        model, tracking_uri = model or configured.model, tracking_uri or configured.uri
    store = server.resolve(tracking_uri, project.home(Path.cwd()))
    if re.fullmatch(r"[0-9a-f]{32}", text):
        found = judged.of_run(text, store)
        return f"run {found.run_id}", found.judgement
    found = judged.fetch(address.parse(text, model), store)
    return found.version, found.judgement
