"""Settings as DVC composes them from conf/, without running anything: params.yaml as committed, or a door's own."""

import sys
from pathlib import Path

from dvc.utils.hydra import compose_and_dump
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from mia_ml import settings
from mia_ml.core.errors import ConfigError

CONF = Path("conf")


def compose(out: Path, *overrides: str) -> None:
    """Write the composed settings. Raises ConfigError, one line, on an override that does not fit."""
    if not CONF.is_dir():
        raise ConfigError(f"{CONF}: no such folder here: call it in the folder of the project")
    folder = CONF.resolve()
    try:
        compose_and_dump(str(out), str(folder), None, "config", str(folder / "plugins"), list(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(f"conf: {' '.join(str(error).split())}") from None


if __name__ == "__main__":
    compose(settings.PARAMS, *sys.argv[1:])
