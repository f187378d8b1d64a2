"""A whole study: 1,000 trials of the 500-thousand-bar objective on two threads, proposals and journal included."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import objective
from benchmarks.figures import Figure
from mia_ml import settings
from mia_ml.tuning.objective import Objective
from mia_ml.tuning.plan import Plan
from mia_ml.tuning.pruning import NEVER
from mia_ml.tuning.space import Space
from mia_ml.tuning.study import Study
from mia_ml.tuning.trials import PolicyTrials

TRIALS = 1_000
BATCH = 16
THREADS = 2
SPACE = {
    "weights": {"kind": "simplex", "components": dict.fromkeys(objective.COMPONENTS)},
    "threshold": {"base": [0.05, 0.45], "high": [1.0, 1.8]},
    "session": {"premarket": [0.5, 1.2], "overnight": [0.2, 1.0]},
    "cooldown_minutes": [0, 60],
}


def trials() -> PolicyTrials:
    """The objective of `objective.case` on all of its bars, as one fold."""
    panel = objective.case().panel
    chosen = settings.load(objective.PARAMS)
    return PolicyTrials(
        panel=panel,
        folds=((0, panel.ts.size),),
        space=Space.from_dict(SPACE, objective.COMPONENTS),
        confluence=chosen.confluence.model_dump(),
        context=chosen.context.model_dump(),
        objective=Objective(("expectancy_r",), least_trades=100),
        capital_usd=objective.EXECUTION.capital_usd,
    )


def speed() -> Iterator[Figure]:
    run = trials()
    run.evaluate(run.space.params(np.full(run.space.size, 0.5)), NEVER)  # compiles
    with tempfile.TemporaryDirectory(prefix="mia-benchmark-study-") as folder:
        start = time.perf_counter()
        with Study(str(Path(folder) / "study.journal"), "study", Plan(run.space, ("expectancy_r",), 0, BATCH)) as study:
            study.optimize(TRIALS, run.evaluate, workers=THREADS)
        taken = time.perf_counter() - start
    note = (
        f"{TRIALS:,} trials of {len(run.space.distributions())} params in batches of {BATCH} by {study.plan.sampler}, "
        f"{objective.BARS:,} bars, {THREADS} threads, journal included"
    )
    yield Figure("study_1000_trials_s", taken, "s", 30.0, at_least=False, note=note)
