"""The peers' own environment, `.venv-peers` beside the code: they bring what this project must not depend on."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from mia_ml.core.errors import DataError

REPOSITORY = Path(__file__).resolve().parents[1]
HOME = REPOSITORY / ".venv-peers"


def ensured(name: str, requirements: tuple[str, ...]) -> Path:
    """The interpreter that has `requirements` (exact pins); installs them when they are not there yet.

    name: of the set, for the file that says it is installed. Raises DataError when it cannot be.
    """
    python = HOME / ("Scripts" if os.name == "nt" else "bin") / "python"
    ready = HOME / f".ready-{name}"
    wanted = "\n".join(requirements)
    if ready.is_file() and ready.read_text() == wanted:
        return python
    print(f"  installing {', '.join(requirements)} into {HOME.name}", file=sys.stderr, flush=True)
    if not python.exists():
        _run([sys.executable, "-m", "venv", str(HOME)], requirements)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, *requirements], requirements)
    ready.write_text(wanted)
    return python


def answer(python: Path, script: Path, *arguments: str) -> dict[str, Any]:
    """The JSON object on the last line that a peer's script prints. Raises DataError when it fails."""
    command = [str(python), "-W", "ignore", str(script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DataError(f"peer {' '.join(arguments[:1])} failed: {_last_line(done.stderr)}")
    return json.loads(done.stdout.splitlines()[-1])


def _run(command: list[str], requirements: tuple[str, ...]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DataError(
            f"{' and '.join(requirements)} cannot be installed into {HOME.name} ({_last_line(done.stderr)}): "
            "connect to a package index, or choose other figures with --only"
        )


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]
