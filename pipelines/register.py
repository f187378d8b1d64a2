"""register: one MLflow run of this execution with a child for each test window, and its bundle as a model version.

A store that is away loses nothing: the run waits in reports/pending and the next execution sends it.
"""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mia_ml import settings
from mia_ml.backtest.records import MARK
from mia_ml.registry.register import BundleToRegister, log
from mia_ml.store import records
from mia_ml.tracking import figures, server
from mia_ml.tracking.pending import Data, Run
from pipelines import (
    BACKTEST,
    BUNDLE,
    BUNDLES,
    COLUMNS,
    CONTRIBUTIONS,
    EQUITY,
    EVALUATION,
    EVALUATION_FIGURES,
    EVALUATION_PAGE,
    FIGURES,
    JUDGED,
    METRICS,
    OUT_OF_SAMPLE,
    REDUNDANCY,
    TABLES,
    TUNED,
    TUNING,
    read_plot,
    run,
)

UNPREFIXED = ("backtest", "evaluate")
"""Stages whose figures are the run's KPIs, under their own names."""


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


def without_passwords(config: dict[str, Any]) -> dict[str, Any]:
    """The settings with addresses as they may be shown."""
    for section, key in (("tracking", "uri"), ("tuning", "storage")):
        config[section][key] = server.public(config[section][key])
    return config


def draw(chosen: settings.Settings, title: str) -> None:
    """The pictures of the configured formula and, where there were test windows, of what was out of sample."""
    marks = records.read(BACKTEST / "marks.parquet", MARK)
    figures.equity(FIGURES / "equity.png", marks["ts_ns"], marks["equity_usd"], title)
    shares = read_plot(CONTRIBUTIONS)
    groups = {legend: np.array(shares[legend], float) for legend in ("rows", "signals")}
    figures.contributions(FIGURES / "contributions.png", shares["component"], groups, title)


def child(row: dict[str, Any], start_ms: int) -> Run:
    """The run of one test window: what was chosen in front of it, and what came of it."""
    name = row["fold"]
    tuned = json.loads((TUNED / f"{name}.json").read_text())
    trained = json.loads((BUNDLES / "reports.json").read_text())[name]
    chosen = {"confluence": tuned["confluence"], "params": tuned["params"], "window": tuned["window"]}
    metrics = {key: value for key, value in row.items() if key != "fold"}
    inner = {f"inner.{kind}": tuned[kind]["values"][0] for kind in ("policy", "filter") if tuned.get(kind)}
    members = flat(trained["members"], "held_back.")
    files = {path.name: path for path in TUNING.glob(f"{name}*")} | {f"{name}.json": TUNED / f"{name}.json"}
    return Run(name, chosen, flat(metrics, "") | inner | members, {"bundle": trained["bundle"]}, files, start_ms)


def main() -> None:
    chosen = settings.load()
    synthetic = json.loads((METRICS / "ingest.json").read_text())["synthetic"]
    title = f"{chosen.instrument.root}, {chosen.confluence.name}" + (", SYNTHETIC data" if synthetic else "")
    draw(chosen, title)
    metrics: dict[str, float] = {}
    for path in sorted(METRICS.glob("*.json")):
        metrics |= flat(json.loads(path.read_text()), "" if path.stem in UNPREFIXED else f"{path.stem}.")
    pages = [COLUMNS, EVALUATION_PAGE, REDUNDANCY, EQUITY, CONTRIBUTIONS, OUT_OF_SAMPLE, BACKTEST / "trades.parquet"]
    kept = [
        *pages,
        *METRICS.glob("*.json"),
        *FIGURES.glob("*.png"),
        *TUNING.rglob("*.png"),
        *EVALUATION_FIGURES.glob("*.png"),
        *JUDGED.glob("*"),
    ]
    folds = EVALUATION / "folds.json"
    rows = json.loads(folds.read_text()) if folds.is_file() else []
    now_ms = time.time_ns() // 1_000_000
    data = fingerprint()
    execution = Run(
        name=f"{chosen.confluence.name} on {chosen.source.kind}",
        config=without_passwords(chosen.model_dump()),
        metrics=metrics,
        tags={"synthetic": str(synthetic).lower(), "data_fingerprint": data, "code_version": code_version()},
        files={f"{path.parent.name}/{path.name}": path for path in kept if path.is_file()},
        start_ms=now_ms,
        data=Data(chosen.instrument.root, data, chosen.source.kind),
        children=tuple(child(row, now_ms) for row in rows),
    )
    model = BundleToRegister(BUNDLE, chosen.tracking.model) if rows else None
    sent = log(Path.cwd(), chosen.tracking.uri, chosen.tracking.experiment, execution, model)
    print(sent.line)


if __name__ == "__main__":
    run(main)
