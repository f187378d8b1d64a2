"""track: one MLflow run of this execution, with its settings, data fingerprint, code version, figures and tables."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mia_ml import settings
from mia_ml.backtest.records import MARK
from mia_ml.store import records
from mia_ml.tracking import figures, runs
from pipelines import BACKTEST, CONTRIBUTIONS, EQUITY, FIGURES, METRICS, TABLES, read_plot, run


def fingerprint(lock: Path = Path("dvc.lock")) -> str:
    """DVC's hash of the tables; it has already read every byte of them."""
    stages = yaml.safe_load(lock.read_text())["stages"] if lock.is_file() else {}
    for out in stages.get("ingest", {}).get("outs", []):
        if out["path"] == TABLES.as_posix():
            return f"{out['hash']}:{out[out['hash']]}"
    return "none: ingest was not run by DVC"


def code_version() -> str:
    """The commit, marked when the code differs from it (params.yaml always may: every run composes it)."""
    head = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode:
        return "none: not a git repository"
    edited = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "src", "pipelines", "dvc.yaml"], check=False)
    return head.stdout.strip() + ("-edited" if edited.returncode else "")


def flat(values: dict[str, Any], prefix: str) -> dict[str, float]:
    """The numbers in nested figures, undecidable ones NaN.

    >>> flat({"in": 3, "tables": {"trades": 2}, "win_rate": None, "errors": []}, "ingest.")
    {'ingest.in': 3.0, 'ingest.tables.trades': 2.0, 'ingest.win_rate': nan}
    """
    out: dict[str, float] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            out |= flat(value, f"{prefix}{key}.")
        elif value is None or isinstance(value, int | float):
            out[prefix + key] = float("nan") if value is None else float(value)
    return out


def main() -> None:
    chosen = settings.load()
    synthetic = json.loads((METRICS / "ingest.json").read_text())["synthetic"]
    title = f"{chosen.instrument.root}, {chosen.confluence.name}" + (", SYNTHETIC data" if synthetic else "")
    marks = records.read(BACKTEST / "marks.parquet", MARK)
    figures.equity(FIGURES / "equity.png", marks["ts_ns"], marks["equity_usd"], title)
    shares = read_plot(CONTRIBUTIONS)
    groups = {legend: np.array(shares[legend], float) for legend in ("rows", "signals")}
    figures.contributions(FIGURES / "contributions.png", shares["component"], groups, title)

    metrics: dict[str, float] = {}
    for path in sorted(METRICS.glob("*.json")):
        metrics |= flat(json.loads(path.read_text()), "" if path.stem == "backtest" else f"{path.stem}.")
    kept = [EQUITY, CONTRIBUTIONS, *METRICS.glob("*.json"), *FIGURES.glob("*.png"), BACKTEST / "trades.parquet"]
    sent = runs.log_run(
        root=Path.cwd(),
        uri=chosen.tracking.uri,
        experiment=chosen.tracking.experiment,
        name=f"{chosen.confluence.name} on {chosen.source.kind}",
        config=chosen.model_dump(),
        metrics=metrics,
        tags={
            "synthetic": str(synthetic).lower(),
            "data_fingerprint": fingerprint(),
            "code_version": code_version(),
        },
        files={f"{path.parent.name}/{path.name}": path for path in kept},
        start_ms=time.time_ns() // 1_000_000,
    )
    print(sent.line)


if __name__ == "__main__":
    run(main)
