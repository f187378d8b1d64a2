"""After a run: where to look."""

import json
from pathlib import Path
from typing import Any

from mia_ml import settings
from mia_ml.judge import judgement
from mia_ml.tracking import server
from pipelines import BUNDLE, JUDGEMENT, METRICS, VERDICT, run

RESULTS = (
    (Path("data/tables"), "canonical tables, one Parquet file a trading day"),
    (Path("data/tables/_quarantine"), "rows that were refused, with the reason"),
    (Path("data/rows"), "feature rows"),
    (Path("data/decisions"), "scores, signals and each component's contribution"),
    (Path("data/backtest"), "trades, outcomes of the signals, equity by the minute"),
    (METRICS, "figures of each stage"),
    (Path("reports/columns.md"), "how each component fires by session"),
    (Path("data/sealed"), "the hold-out, which no stage has read (mia unseal)"),
    (VERDICT, "the verdict: is it true? (mia report, mia gates)"),
    (Path("ledger"), "every configuration ever scored, and every look at the hold-out (mia ledger)"),
    (Path("reports/evaluation.md"), "out of sample: policies side by side, each test window"),
    (Path("reports/redundancy.md"), "which components say the same, what each is worth"),
    (Path("reports/tuning"), "every trial of every window"),
    (Path("reports/figures"), "equity, folds, weights, redundancy"),
    (BUNDLE, "the newest bundle (mia verify-bundle), registered as `candidate`"),
)
HEADLINE = ("n_trades", "win_rate", "break_even_win_rate", "expectancy_r", "profit_factor", "sharpe", "max_drawdown")


def read(stage: str) -> dict[str, Any]:
    found = METRICS / f"{stage}.json"
    return json.loads(found.read_text()) if found.is_file() else {}


def tested() -> dict[str, Any]:
    """The figures of the tuned and filtered policy; none without a walk-forward."""
    return read("evaluate").get("tuned_filtered", {})


def main() -> None:
    chosen = settings.load()
    print("\nDone.")
    if chosen.source.kind == "simulate":
        print("  SYNTHETIC data: this shows that the machinery works, and nothing about a market.")
    for place, what in RESULTS:
        if place.exists():
            print(f"  {place.as_posix():<24} {what}")
    for name, figures in (("as configured, all days", read("backtest")), ("out of sample", tested())):
        shown = [
            f"{key} {'undecidable' if figures[key] is None else f'{figures[key]:.4g}'}"
            for key in HEADLINE
            if key in figures
        ]
        if shown:
            print(f"  {name}: {', '.join(shown)}")
    if JUDGEMENT.is_file():
        print(f"  {judgement.read(JUDGEMENT).verdict.sentence}")
    uri = server.resolve(chosen.tracking.uri, Path.cwd())
    print(f"  mlflow ui --backend-store-uri {uri}   runs side by side (activate .venv first: . .venv/bin/activate)")
    print("  dvc exp show   experiments side by side;   dvc exp run -S confluence=phase1   the next one")


if __name__ == "__main__":
    run(main)
