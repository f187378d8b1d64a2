"""An empty MLflow store in a SQLite file: created once, since that takes seconds, and copied."""

import functools
import tempfile
from pathlib import Path
from typing import Any

from mia_ml.tracking import server

URI = "sqlite:///mlflow.db"
AWAY = "http://127.0.0.1:1"


@functools.cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as room:
        server.prepare(server.resolve(URI, Path(room)))
        return (Path(room) / "mlflow.db").read_bytes()


def lay(root: Path) -> Path:
    """`root`, with an empty store in it."""
    (root / "mlflow.db").write_bytes(_empty())
    return root


def client(root: Path) -> Any:
    return server.client(server.resolve(URI, root))


def runs_in(root: Path, experiment: str) -> list[Any]:
    asked = client(root)
    found = asked.get_experiment_by_name(experiment)
    return list(asked.search_runs([found.experiment_id])) if found else []
