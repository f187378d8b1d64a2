"""Write params.yaml as DVC composes it from conf/, without running anything: what is committed."""

import sys
from pathlib import Path

from dvc.utils.hydra import compose_and_dump

from mia_ml import settings

CONF = Path("conf").resolve()

if __name__ == "__main__":
    compose_and_dump(settings.PARAMS, str(CONF), None, "config", str(CONF / "plugins"), sys.argv[1:])
