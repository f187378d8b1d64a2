"""train: in each training window the filter of the tuned formula, exported, checked, bundled -> data/bundles.

The last bundle, trained on the newest window, goes to artifacts/bundle: it is the one to be registered.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from mia_ml import settings
from mia_ml.confluence import formula
from mia_ml.datasets.days import Days, tape_of
from mia_ml.evaluation import population, redundancy
from mia_ml.evaluation.panel import Panel
from mia_ml.models import agreement
from mia_ml.models.export import export
from mia_ml.models.training import Trained
from mia_ml.scoring import bundle, golden, ranges
from mia_ml.scoring.content import Content, Training
from mia_ml.scoring.fingerprint import code_fingerprint
from mia_ml.tuning.space import model_params
from pipelines import BUNDLE, BUNDLES, METRICS, TUNED, read_json, run, write_metrics
from pipelines.learning import model_inputs, rule_of, training_config, weighting_of
from pipelines.market import grace_ns, trading_days
from pipelines.rows import Sample, read_sample
from pipelines.windows import (
    FINAL,
    Named,
    openings,
    side_by_side,
    training_part,
    walk_forward_of,
    windows_of,
)

GOLDEN_DAYS = {True: 20, False: 3}
"""Last training days on the golden tape: of bar files, of ticks."""
MOST_CHECKED = 1024
"""Events on which library and kernel are compared."""


def golden_of(chosen: settings.Settings, days: Days, native: bool, window: Named, X: np.ndarray) -> golden.Golden:
    known = [day for day in days.days if day.day <= window.train_last_day][-GOLDEN_DAYS[native] :]
    # a stretch holds one contract: nothing crosses a roll
    tapes = [tape_of(day, grace_ns(chosen)) for day in known if day.contract == known[-1].contract]
    return golden.record(tapes, days.sessions, days.contracts, X)


def mean_abs_shap(fitted: Trained, inputs: tuple[str, ...], X: np.ndarray) -> dict[str, float]:
    """Mean size of each input's part in the boosted member's log-odds, on events it was not fitted to."""
    boosted = [member for member in fitted.members if member.kind == "boosted"]
    if not boosted or not X.size:
        return {}
    own = X[:, [inputs.index(name) for name in boosted[0].inputs]]
    sizes = np.abs(redundancy.contributions(boosted[0], own)[:, :-1]).mean(axis=0)
    return dict(zip(boosted[0].inputs, sizes.tolist(), strict=True))


@dataclass(frozen=True)
class Learnt:
    """X: the training events' inputs, float64 [n, k]; held_back: those that no member was fitted to. report: what
    training tells of itself."""

    content: Content
    X: np.ndarray
    held_back: np.ndarray
    fitted: Trained
    report: dict[str, Any]


def learn(
    chosen: settings.Settings,
    part: Sample,
    native: bool,
    window: Named,
    tuned: Mapping[str, Any],
    folds: int,
    synthetic: bool,
) -> Learnt:
    """Train, export and compare the filter of one window.

    part: its rows with labels that may be known there. synthetic: they are of simulated data.
    """
    context = chosen.context.model_dump()
    chosen_formula = formula.build(tuned["confluence"], context)
    panel = Panel.build(part.rows, part.labels, chosen_formula.terms, context)
    grid = chosen.models.threshold_grid
    learnt = population.build(part.rows, part.labels, panel, chosen_formula, grid, model_inputs(chosen))
    config = training_config(chosen, model_params(tuned["params"]))
    fitted = learnt.train(weighting_of(chosen), config, chosen.models.seed)
    ensemble = export(fitted.members, fitted.combination, learnt.inputs)
    agreed = agreement.check(fitted.members, ensemble, learnt.X[-MOST_CHECKED:])
    content = Content(
        instrument=chosen.instrument.root,
        calendar=chosen.instrument.calendar,
        native=native,
        features=chosen.features.model_dump(),
        context=context,
        confluence=tuned["confluence"],
        execution=chosen.execution.model_dump(),
        costs=chosen.costs.model_dump(),
        ensemble=ensemble,
        rule=rule_of(chosen, tuned["params"].get("filter.margin")),
        ranges=ranges.of(part.rows, ranges.features_behind(chosen_formula.terms, ensemble.inputs)),
        training=Training(window.train_first_day, window.train_last_day, folds, chosen.models.seed),
        synthetic=synthetic,
        data_fingerprint=part.fingerprint,
        code_fingerprint=code_fingerprint(),
    )
    held_back = learnt.X[learnt.t0_ns >= fitted.report["cut_ns"]]
    told = {"window": str(window), "agreement": agreed, "excluded": dict(learnt.excluded)} | fitted.report
    return Learnt(content, learnt.X, held_back, fitted, told)


def trained(
    chosen: settings.Settings, sample: Sample, days: Days, native: bool, window: Named, folds: int, synthetic: bool
) -> dict[str, Any]:
    """Learn one window and bundle it; what training reports."""
    tuned = json.loads((TUNED / f"{window.name}.json").read_text())
    part = training_part(walk_forward_of(chosen), sample, window, openings(days))
    learnt = learn(chosen, part, native, window, tuned, folds, synthetic)
    written = bundle.write(BUNDLES / window.name, learnt.content, golden_of(chosen, days, native, window, learnt.X))
    shap = mean_abs_shap(learnt.fitted, model_inputs(chosen), learnt.held_back)
    return {"bundle": written.seal} | learnt.report | {"mean_abs_shap": shap}


@cache
def _at_hand() -> tuple[settings.Settings, Sample, Days, bool, int, bool]:
    """What every window of a worker process reads, once."""
    chosen, sample = settings.load(), read_sample()
    synthetic = bool(read_json(METRICS / "ingest.json")["synthetic"])
    return chosen, sample, *trading_days(chosen), len(windows_of(chosen.validation, sample.days)) - 1, synthetic


def _of_window(window: Named) -> dict[str, Any]:
    chosen, sample, days, native, folds, synthetic = _at_hand()
    return trained(chosen, sample, days, native, window, folds, synthetic)


def main() -> None:
    chosen = settings.load()
    windows = windows_of(chosen.validation, read_sample().days)
    for folder in (BUNDLES, BUNDLE):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    if not windows:
        print("train: validation is 'none', so there is nothing to train for")
    reports: dict[str, Any] = {}
    if windows:
        print(f"train: {len(windows)} windows", flush=True)
        for window, told in side_by_side(windows, chosen.workers, _of_window):
            reports[window.name] = told
            print(f"  {window}: bundle {told['bundle'][:12]} of {told['window']['events']} events", flush=True)
        shutil.copytree(BUNDLES / FINAL, BUNDLE, dirs_exist_ok=True)
    (BUNDLES / "reports.json").write_text(json.dumps(reports, indent=1) + "\n")
    write_metrics("train", {"bundles": len(reports), "final": reports[FINAL]["bundle"] if reports else None})


if __name__ == "__main__":
    run(main)
