"""judge: is it true? The out-of-sample result with intervals, its trials counted, its promises tested -> reports/judge.

Everything is asked of the test windows that `evaluate` walked. What was computed out of sample is on the ledger before
it is judged, so that the number of trials is never typed.
"""

import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mia_ml import settings
from mia_ml.datasets.days import Days
from mia_ml.evaluation import one_factor, proof, stress
from mia_ml.evaluation.ground import Ground, Outcome
from mia_ml.judge import verdict
from mia_ml.judge.judgement import About, Curve, Integrity, Judgement, Trial
from mia_ml.ledger import ledger
from mia_ml.ledger.ledger import Ledger
from mia_ml.metrics import bootstrap, sharpe
from mia_ml.reports import page
from mia_ml.scoring import bundle
from pipelines import (
    BUNDLES,
    EVALUATION,
    JUDGED,
    JUDGEMENT,
    METRICS,
    VERDICT,
    integrity,
    leaks,
    outer,
    read_json,
    run,
    write_metrics,
)
from pipelines.counting import traded_as
from pipelines.desk import against_baseline, buy_and_hold, looked, measures_of, powered, tables
from pipelines.ground import POLICY, ground_of, policies_of
from pipelines.market import trading_days
from pipelines.probes import Fitted, calibration, climbed, common_matrix, informed, steps_of
from pipelines.rows import Sample, read_sample
from pipelines.windows import Named, windows_of


def judged(
    chosen: settings.Settings, sample: Sample, days: Days, native: bool, folds: list[Named], kept: Ledger
) -> Judgement:
    """The judgement of the tuned and filtered policy, from what the stages before have left in the folder."""
    bundles = {fold.name: bundle.load(BUNDLES / fold.name) for fold in folds}
    ground = ground_of(chosen, sample, days, folds, {name: one.content for name, one in bundles.items()})
    instrument, first, last = traded_as(chosen), int(ground.days[0]), int(ground.days[-1])
    look, alpha = looked(kept, instrument, first, last)
    measures = measures_of(chosen, alpha)
    how = measures.resampling
    policies = policies_of(chosen, ground)
    outcome = policies[POLICY]
    machinery = checked(chosen, ground, outcome)

    say("the plan's ladders")
    steps = steps_of(chosen)
    ladders = climbed(chosen, ground, Fitted(chosen, sample, days, folds), how)
    say("the common matrix")
    every = common_matrix(chosen, ground, [step for one in steps.values() for step in one])
    seals = {name: one.seal for name, one in bundles.items()}
    made_of: dict[str, Mapping[str, Any]] = {
        POLICY: seals,
        "tuned": {window.name: window.confluence for window in ground.windows},
        "configured": chosen.confluence.model_dump(exclude={"name"}),
    }
    outer.record(kept, chosen, sample, ground, outer.candidates(policies, made_of, every))
    trials = outer.on_record(kept, instrument, first, last)
    inner = outer.inner(kept, instrument, *training_days(folds, sample.days))

    say("trials counted, twins, stress")
    found = proof.of(ground, outcome, every, [one for one in trials if one.kind in outer.COUNTED], inner, measures)
    conditions = stress.Conditions.from_dict(chosen.stress.model_dump())
    stressed = stress.rows_of(ground, outcome, conditions, how, ground.filtered)
    by_name = found.by_name | against_baseline(ground, outcome, steps, how)
    say("leaks")
    machinery = (*machinery, *leaks.audited(chosen, sample, days, native, folds, ground))
    held = tables(chosen, ground, outcome, by_name, machinery, alpha if look else math.nan)
    about = About(
        instrument=chosen.instrument.root,
        formula=chosen.confluence.name,
        policy=POLICY,
        synthetic=bool(read_json(METRICS / "ingest.json")["synthetic"]),
        first_day=first,
        last_day=last,
        n_days=ground.days.size,
        folds=tuple(fold.test_first_day for fold in folds),
        capital_usd=ground.capital_usd,
        data_fingerprint=sample.fingerprint,
        bundle=seals[folds[-1].name],
        look=look,
        alpha=alpha,
    )
    seen = powered(chosen, outcome, found.sums, how.level)
    holdout = str(getattr(chosen.validation, "holdout", ""))
    say("what components know, by horizon")
    return Judgement(
        about=about,
        verdict=verdict.reach(about, by_name, held, found.selection, seen, ladders, holdout),
        estimates={
            name: bootstrap.estimates(one.sums(ground.days), ground.capital_usd, how) for name, one in policies.items()
        },
        differences={
            name: bootstrap.differences(found.sums, one.sums(ground.days), ground.capital_usd, how)
            for name, one in policies.items()
            if name != POLICY
        },
        selection=found.selection,
        twins=found.twins,
        information=informed(chosen, ground, days, native, how),
        benchmarks=(
            *buy_and_hold(chosen, ground, days),
            *one_factor.estimates(ground, one_factor.outcomes(ground), how),
        ),
        ladders=ladders,
        stress=stressed,
        power=seen,
        integrity=machinery,
        gates=held,
        days=tuple(ground.days.tolist()),
        curves=tuple(
            Curve(policy=name, equity_usd=tuple((ground.capital_usd + np.cumsum(one.pnl_usd)).tolist()))
            for name, one in policies.items()
        ),
        calibration=calibration(ground),
        trials=tuple(Trial(name=one.name, kind=one.kind, sharpe=sharpe.track(one.pnl_usd).sharpe) for one in trials),
    )


def training_days(folds: list[Named], days: np.ndarray) -> tuple[int, int, int]:
    """First and last day of all training windows, yyyymmdd, and how many trading days the first of them holds."""
    first = folds[0]
    held = np.count_nonzero((days >= first.train_first_day) & (days <= first.train_last_day))
    return first.train_first_day, folds[-1].train_last_day, int(held)


def checked(chosen: settings.Settings, ground: Ground, outcome: Outcome) -> tuple[Integrity, ...]:
    """The checks of the machinery, on what this run has made."""
    folders = [BUNDLES / window.name for window in ground.windows]
    last = bundle.load(folders[-1]).content
    tested = ground.rows[slice(*ground.windows[-1].test)]
    return (
        integrity.parity(folders, integrity.walked_trades(EVALUATION / POLICY), outcome),
        integrity.data_audit(METRICS.parent / "audit.json"),
        integrity.agreement(BUNDLES / "reports.json"),
        integrity.latency(last.scorer(), tested, float(chosen.execution.latency_ms)),
    )


def say(what: str) -> None:
    print(f"  judge: {what}", flush=True)


def headline(found: Judgement) -> dict[str, Any]:
    """What DVC and MLflow keep of it as numbers."""
    chosen = found.selection
    own = {one.name: one for one in found.estimates[found.about.policy]}
    bounds = {f"{name}_{end}": getattr(one, end) for name, one in own.items() for end in ("low", "high")}
    luck = {"psr": chosen.psr.value, "dsr": chosen.dsr.value, "pbo": chosen.pbo.value, "twins_p": found.twins.p.value}
    counted = {"n_outer": chosen.n_outer, "n_inner": sum(chosen.n_inner.values())}
    passed = {table.name: sum(one.status == "pass" for one in table.results) for table in found.gates}
    edge = {"folds": len(found.about.folds), "edge": int(found.verdict.decision == "edge")}
    return edge | luck | counted | {"bounds": bounds, "gates_passed": passed}


def main() -> None:
    chosen = settings.load()
    sample = read_sample()
    shutil.rmtree(JUDGED, ignore_errors=True)
    JUDGED.mkdir(parents=True)
    folds = windows_of(chosen.validation, sample.days)[:-1]
    if not folds:
        print("judge: validation is 'none', so nothing is out of sample and there is nothing to judge")
        write_metrics("judge", {"folds": 0})
        return
    days, native = trading_days(chosen)
    with ledger.open(chosen.ledger.where, Path.cwd()) as kept:
        found = judged(chosen, sample, days, native, folds, kept)
    found.write(JUDGEMENT)
    page.write(found, VERDICT)
    write_metrics("judge", headline(found))
    print(f"judge: {found.verdict.sentence}\n  {VERDICT}")


if __name__ == "__main__":
    run(main)
