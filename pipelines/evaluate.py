"""evaluate: each fold's bundle on its own test window, all windows as one record -> data/evaluation, KPIs, pages.

Beside the tuned and filtered policy stand the same policy without its filter and the configured formula as it is, on
the same days: what tuning and filtering are worth is a difference, not a level.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from mia_ml import settings
from mia_ml.backtest import records as backtest_records
from mia_ml.core import moments
from mia_ml.datasets.days import Days
from mia_ml.metrics import kpi
from mia_ml.scoring import bundle, table
from mia_ml.scoring.content import Content
from mia_ml.scoring.scorer import Scorer
from mia_ml.scoring.signals import signals_of
from mia_ml.store import records
from mia_ml.tracking import evaluation_figure, fold_figure
from pipelines import (
    BUNDLES,
    EVALUATION,
    EVALUATION_FIGURES,
    METRICS,
    OUT_OF_SAMPLE,
    REDUNDANCY,
    SIGNALS,
    TUNED,
    run,
    write_metrics,
    write_plot,
)
from pipelines.execution import Record, recorded
from pipelines.market import trading_days
from pipelines.pages import HEADS, evaluation_page, weights_table
from pipelines.redundancy import report_redundancy
from pipelines.rows import Sample, read_sample
from pipelines.windows import FINAL, Named, splitter, walk_forward_of, windows_of

POLICIES = ("tuned_filtered", "tuned", "configured")


def of_days(days: Days, first: int, last: int) -> Days:
    """The days from `first` to `last`, yyyymmdd, with the calendar around them."""
    return Days(tuple(day for day in days.days if first <= day.day <= last), days.sessions, days.contracts)


def decided_by(content: Content, rows: np.ndarray, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The decisions of a fold's bundle on its test rows, which go to a file, and those without the filter."""
    scorer = content.scorer()
    decided = scorer.decide(rows)
    with records.Appender(path) as file:
        members = () if scorer.filter is None else scorer.filter.members
        file.append(table.decision_columns(decided, scorer.formula.terms, members))
    return decided, Scorer(content.formula()).decide(rows)


def per_fold(folds: list[Named], tested: Record) -> list[dict[str, Any]]:
    """Each test window's own figures, of the trades that were signalled in it."""
    rows = []
    for fold in folds:
        trades = tested.result.trades
        own = trades[(trades["day"] >= fold.test_first_day) & (trades["day"] <= fold.test_last_day)]
        day = tested.daily["day"]
        pnl = tested.daily["pnl_usd"][(day >= fold.test_first_day) & (day <= fold.test_last_day)]
        won = own["net_ticks"] > 0
        rows.append(
            {
                "fold": fold.name,
                "trades": int(own.size),
                "win_rate": float(won.mean()) if own.size else None,
                "expectancy_r": float(own["net_r"].mean()) if own.size else None,
                "net_usd": float(pnl.sum()),
            }
        )
    return rows


def main() -> None:
    chosen = settings.load()
    sample = read_sample()
    shutil.rmtree(EVALUATION, ignore_errors=True)
    EVALUATION.mkdir(parents=True)
    folds = windows_of(chosen.validation, sample.days)[:-1]
    synthetic = bool(json.loads((METRICS / "ingest.json").read_text())["synthetic"])
    if not folds:
        print("evaluate: validation is 'none', so nothing is out of sample")
        write_metrics("evaluate", {"folds": 0})
        write_plot(OUT_OF_SAMPLE, day=[], **{policy: [] for policy in POLICIES})
        evaluation_page(chosen, {}, [], [], "", synthetic)
        REDUNDANCY.write_text("# Redundancy\n\nValidation is `none`: nothing was out of sample.\n")
        EVALUATION_FIGURES.mkdir(parents=True, exist_ok=True)
        return
    days, native = trading_days(chosen)
    found = evaluated(chosen, sample, days, native, folds)
    for policy, record in found.items():
        record.write(EVALUATION / policy)
        records.write(EVALUATION / policy / "signals.parquet", record.signals)
    tested = found[POLICIES[0]]
    rows = per_fold(folds, tested)
    (EVALUATION / "folds.json").write_text(json.dumps(rows, indent=1) + "\n")
    dates = map(moments.iso, tested.daily["day"].tolist())
    write_plot(OUT_OF_SAMPLE, day=dates, **{policy: found[policy].daily["equity_usd"] for policy in POLICIES})
    figures = {policy: kpi.as_floats(record.figures) for policy, record in found.items()}
    write_metrics("evaluate", {"folds": len(folds)} | figures)
    windows = [*(fold.name for fold in folds), FINAL]
    components, share = tuned_weights(windows)
    draw(chosen, sample, folds, found, synthetic)
    title = f"tuned in front of each window, {about(chosen, synthetic)}"
    evaluation_figure.weights(EVALUATION_FIGURES / "weights.png", windows, components, share, title)
    report_redundancy(chosen, sample, days, folds, synthetic)
    told = {policy: record.figures for policy, record in found.items()}
    first, last = folds[0].test_rows(sample.rows["day"])[0], folds[-1].test_rows(sample.rows["day"])[1]
    sizes = np.array([np.nan_to_num(np.abs(sample.rows[name][first:last])).mean() for name in components])
    evaluation_page(chosen, told, rows, folds, weights_table(components, share, sizes), synthetic)


def about(chosen: settings.Settings, synthetic: bool) -> str:
    return f"{chosen.confluence.name} on {chosen.instrument.root}" + (", SYNTHETIC data" if synthetic else "")


def tuned_weights(windows: list[str]) -> tuple[list[str], np.ndarray]:
    """The components of all windows' formulas, and each window's weights, float64 [windows, components]."""
    terms = [json.loads((TUNED / f"{name}.json").read_text())["confluence"]["terms"] for name in windows]
    components = list(dict.fromkeys(name for own in terms for name in own))
    return components, np.array([[own.get(name, 0.0) for name in components] for own in terms])


def draw(
    chosen: settings.Settings, sample: Sample, folds: list[Named], found: dict[str, Record], synthetic: bool
) -> None:
    """The folds with what was purged and what is sealed, and the policies' equity."""
    t0_ns, t1_ns, day = sample.labels["signal_ns"][:, 0], sample.labels["end_ns"].max(axis=1), sample.rows["day"]
    sealed = json.loads((METRICS / "ingest.json").read_text())["sealed"]
    sealed_ns = (_midnight_ns(sealed["first_day"]), _midnight_ns(sealed["last_day"])) if sealed["days"] else None
    fold_figure.draw(
        EVALUATION_FIGURES / "folds.png",
        splitter(walk_forward_of(chosen)).of(t0_ns, np.maximum(t0_ns, t1_ns), day),
        f"folds, {chosen.confluence.name} on {chosen.instrument.root}",
        sealed_ns=sealed_ns,
        synthetic=synthetic,
    )
    names = [fold.name for fold in folds]
    days = [moments.iso(day) for day in found[POLICIES[0]].daily["day"].tolist()]
    curves = {HEADS[policy]: record.daily["equity_usd"] for policy, record in found.items()}
    evaluation_figure.equity(
        EVALUATION_FIGURES / "equity.png", days, curves, names, f"out of sample, {about(chosen, synthetic)}"
    )


def _midnight_ns(day: int) -> int:
    return int(np.datetime64(moments.iso(day), "ns").astype(np.int64))


def evaluated(
    chosen: settings.Settings, sample: Sample, every: Days, native: bool, folds: list[Named]
) -> dict[str, Record]:
    """Every policy of POLICIES over all test windows."""
    days = of_days(every, folds[0].test_first_day, folds[-1].test_last_day)
    taken: dict[str, list[np.ndarray]] = {policy: [] for policy in POLICIES}
    for fold in folds:
        content = bundle.load(BUNDLES / fold.name).content
        first, last = fold.test_rows(sample.rows["day"])
        rows = sample.rows[first:last]
        filtered, unfiltered = decided_by(content, rows, EVALUATION / "decisions" / f"{fold.name}.parquet")
        taken["tuned_filtered"].append(signals_of(rows, filtered))
        taken["tuned"].append(signals_of(rows, unfiltered))
        crossed = int((filtered["crossing"] != 0).sum())
        print(f"  {fold}: {taken['tuned_filtered'][-1].size} signals of {crossed} crossings", flush=True)
    configured = records.read(SIGNALS, backtest_records.SIGNAL)
    inside = (configured["day"] >= folds[0].test_first_day) & (configured["day"] <= folds[-1].test_last_day)
    taken["configured"].append(configured[inside])
    return {policy: recorded(chosen, days, native, np.concatenate(taken[policy])) for policy in POLICIES}


if __name__ == "__main__":
    run(main)
