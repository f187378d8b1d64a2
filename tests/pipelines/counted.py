"""Workers on the planted search whose trials are counted, each a process of its own, to be killed.

Every evaluation leaves a witness: one line with the key of its configuration, written as it begins.
"""

import os
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from mia_ml.ledger import ledger
from mia_ml.ledger.configuration import Configuration
from mia_ml.tuning.pruning import Cut
from mia_ml.tuning.records import Result, Trial
from mia_ml.tuning.study import Study
from pipelines.counting import Counted
from tests.processes import PROCESSES
from tests.tuning import planted

DAYS = (20240102, 20240131)
SEARCHED = Configuration("inner", "ES", *DAYS, "policy", "s", {"made_of": "planted"})
THREADS = 2


def searched(storage: str, kept: ledger.Ledger, witness: Path, n_trials: int) -> list[Trial]:
    counted = Counted(kept, SEARCHED)
    handle = os.open(witness, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def evaluate(params: dict[str, Any], cut: Cut) -> Result:
        os.write(handle, f"{counted.configuration(0, params).key}\n".encode())
        time.sleep(0.004)
        return planted.evaluate(params, cut)

    try:
        with Study(storage, "s", planted.pruned_plan()) as study:
            return study.optimize(n_trials, evaluate, THREADS, recorder=counted)
    finally:
        os.close(handle)


def work(storage: str, where: str, witness: Path, n_trials: int, begun: Callable[[], None]) -> None:
    with ledger.open(where, witness.parent) as kept:
        begun()
        searched(storage, kept, witness, n_trials)


def begun(storage: str, where: str, witness: Path, n_trials: int) -> BaseProcess:
    """A worker that has opened the ledger."""
    event = PROCESSES.Event()
    process = PROCESSES.Process(target=work, args=(storage, where, witness, n_trials, event.set))
    process.start()
    assert event.wait(60)
    return process
