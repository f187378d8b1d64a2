"""A whole study: 1,000 trials of the 500-thousand-bar objective on two threads, proposals and journal included.

Then the same with every trial on a ledger.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import objective
from benchmarks.figures import Figure
from mia_ml import settings
from mia_ml.ledger import ledger
from mia_ml.ledger.configuration import Configuration
from mia_ml.tuning.objective import Objective
from mia_ml.tuning.plan import Plan
from mia_ml.tuning.pruning import NEVER
from mia_ml.tuning.records import Trial
from mia_ml.tuning.space import Space
from mia_ml.tuning.study import Study
from mia_ml.tuning.trials import PolicyTrials
from pipelines.counting import Counted

TRIALS = 1_000
BATCH = 16
THREADS = 2
LEDGER_US = 400.0  # a tenth of what the evaluation takes
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


class Timed(Counted):
    """What the searching threads computed for the ledger, s: they wait for each other in any case."""

    taken = 0.0

    def launched(self, number: int, params: Mapping[str, Any]) -> None:
        start = time.thread_time()
        super().launched(number, params)
        self.taken += time.thread_time() - start

    def ended(self, trial: Trial) -> None:
        start = time.thread_time()
        super().ended(trial)
        self.taken += time.thread_time() - start


def searched(run: PolicyTrials, folder: Path, counted: Counted | None = None) -> float:
    """Seconds of a whole study."""
    plan = Plan(run.space, ("expectancy_r",), 0, BATCH)
    start = time.perf_counter()
    with Study(str(folder / f"{counted is not None}.journal"), "study", plan) as study:
        study.optimize(TRIALS, run.evaluate, workers=THREADS, recorder=counted)
    return time.perf_counter() - start


def speed() -> Iterator[Figure]:
    run = trials()
    run.evaluate(run.space.params(np.full(run.space.size, 0.5)), NEVER)  # compiles
    with tempfile.TemporaryDirectory(prefix="mia-benchmark-study-") as name:
        folder = Path(name)
        with ledger.open("trials.db", folder) as kept:
            counted = Timed(kept, Configuration("inner", "ES", 20240102, 20241231, "policy", "study", {}))
            plain_s, counted_s = searched(run, folder), searched(run, folder, counted)
    note = (
        f"{TRIALS:,} trials of {len(run.space.distributions())} params in batches of {BATCH}, {objective.BARS:,} bars, "
        f"{THREADS} threads, journal included"
    )
    yield Figure("study_1000_trials_s", plain_s, "s", 30.0, at_least=False, note=note)
    yield Figure("study_1000_trials_counted_s", counted_s, "s", 30.0, at_least=False, note="the same on a ledger")
    note = "of one core for launch and end of a trial, SQLite"
    yield Figure("ledger_trial_us", 1e6 * counted.taken / TRIALS, "us", LEDGER_US, at_least=False, note=note)
