"""The stages of dvc.yaml, one thin script each: settings and tables in, one call down, tables and figures out."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mia_ml.core.errors import MiaError

TABLES = Path("data/tables")
METRICS = Path("reports/metrics")


def run(stage: Callable[[], None]) -> None:
    """Run a stage; a refusal is one line and exit code 1."""
    try:
        stage()
    except MiaError as refusal:
        sys.exit(f"mia: {refusal}")


def write_metrics(stage: str, values: Mapping[str, Any]) -> None:
    METRICS.mkdir(parents=True, exist_ok=True)
    (METRICS / f"{stage}.json").write_text(json.dumps(values, indent=2) + "\n")
