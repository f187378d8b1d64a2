"""A run and the bundle it made, kept and sent together: the bundle becomes a version that the alias points to."""

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mia_ml.core.errors import ConfigError
from mia_ml.registry import model
from mia_ml.tracking import runs

CANDIDATE = "candidate"


@dataclass(frozen=True)
class BundleToRegister:
    """folder: the bundle. name: of the registered model. alias: it moves to the new version."""

    folder: Path
    name: str
    alias: str = CANDIDATE

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w. -]+", self.name):
            raise ConfigError(f"'{self.name}' cannot name a registered model: use letters, digits, '.', '_', '-', ' '")


def log(root: Path, uri: str, experiment: str, run: runs.Run, registered: BundleToRegister | None = None) -> runs.Sent:
    """`tracking.runs.log`, with the bundle as an MLflow model.

    The version's tags link its run, data, code, configuration and bundle. The same bundle is never a second version.
    When the store is down the model waits with its run; sent later, it takes the alias only from a version that was
    kept before it. Raises DataError when the bundle is damaged or does not replay: nothing is logged then.
    """
    if registered is None:
        return runs.log(root, uri, experiment, run)
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room) / "model"
        made = model.write(folder, registered.folder)
        tags = {
            "data_fingerprint": made.content.data_fingerprint,
            "code_fingerprint": made.content.code_fingerprint,
            "config_sha256": config_sha256(run.config),
            **{name: run.tags[name] for name in ("synthetic",) if name in run.tags},
        }
        prepared = runs.Model(folder, registered.name, registered.alias, made.seal, tags)
        return runs.log(root, uri, experiment, run, prepared)


def config_sha256(config: Mapping[str, Any]) -> str:
    """sha256 in hex of the configuration as sorted JSON.

    >>> config_sha256({"b": 1, "a": [2]}) == config_sha256({"a": [2], "b": 1})
    True
    """
    return hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode()).hexdigest()
