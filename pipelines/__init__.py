"""The stages of dvc.yaml, one thin script each: settings and tables in, one call down, tables and figures out."""

import csv
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mia_ml.core.errors import DataError, MiaError

TABLES = Path("data/tables")
SEALED = Path("data/sealed")
ROWS = Path("data/rows")
LABELS = Path("data/labels")
TUNED = Path("data/tuned")
BUNDLES = Path("data/bundles")
BUNDLE = Path("artifacts/bundle")
EVALUATION = Path("data/evaluation")
JUDGED = Path("reports/judge")
JUDGEMENT = JUDGED / "judgement.json"
VERDICT = JUDGED / "verdict.html"
TUNING = Path("reports/tuning")
EVALUATION_PAGE = Path("reports/evaluation.md")
REDUNDANCY = Path("reports/redundancy.md")
OUT_OF_SAMPLE = Path("reports/plots/out_of_sample.csv")
DECISIONS = Path("data/decisions")
SIGNALS = Path("data/signals.parquet")
BACKTEST = Path("data/backtest")
METRICS = Path("reports/metrics")
COLUMNS = Path("reports/columns.csv")
EQUITY = Path("reports/plots/equity.csv")
CONTRIBUTIONS = Path("reports/plots/contributions.csv")
FIGURES = Path("reports/figures/run")
EVALUATION_FIGURES = Path("reports/figures/evaluation")

SECONDS_BETWEEN_LINES = 2.0  # of progress


def run(stage: Callable[[], None]) -> None:
    """Run a stage; a refusal is one line and exit code 1."""
    try:
        stage()
    except MiaError as refusal:
        sys.exit(f"mia: {refusal}")


def write_metrics(stage: str, values: Mapping[str, Any]) -> None:
    """Figures of a stage; a float that is not finite has no JSON form and becomes null."""
    METRICS.mkdir(parents=True, exist_ok=True)
    (METRICS / f"{stage}.json").write_text(json.dumps(_plain(values), indent=2) + "\n")


def read_json(path: Path) -> Any:
    """What a stage has told. Raises DataError when it is not there or damaged."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; run the stage that writes it") from None
    except ValueError as error:
        raise DataError(f"{path}: no JSON ({error}); run the stage that writes it again") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_plot(path: Path, **columns: Iterable[Any]) -> None:
    """Columns of one length as CSV, the form that DVC plots."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def read_plot(path: Path) -> dict[str, list[str]]:
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    return {name: [row[i] for row in rows] for i, name in enumerate(header)}
