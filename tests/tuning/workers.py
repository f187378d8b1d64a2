"""Workers on the planted search, each a process of its own, to be killed."""

import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

from mia_ml.tuning.pruning import Cut
from mia_ml.tuning.records import Result
from mia_ml.tuning.study import Study
from tests.processes import PROCESSES
from tests.tuning import planted


def slow(params: dict[str, Any], cut: Cut) -> Result:
    time.sleep(0.004)
    return planted.evaluate(params, cut)


def work(where: str, n_trials: int, begun: Callable[[], None]) -> None:
    with Study(where, "s", planted.pruned_plan()) as study:
        begun()
        study.optimize(n_trials, slow, workers=2)


def begun(where: str, n_trials: int) -> BaseProcess:
    """A worker that has opened the study."""
    event = PROCESSES.Event()
    process = PROCESSES.Process(target=work, args=(where, n_trials, event.set))
    process.start()
    assert event.wait(60)
    return process


def killed(process: BaseProcess) -> None:
    process.kill()
    process.join()
