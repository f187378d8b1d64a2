"""Ledger N is the number of trials launched, wherever their processes are killed.

`MIA_KILLS=100` kills in so many studies (the suite does in fewer).
"""

import math
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mia_ml.ledger import ledger
from mia_ml.ledger.ledger import STATES
from mia_ml.tuning.records import Trial
from pipelines import counting
from tests import postgres
from tests.pipelines import counted
from tests.tuning import workers

KILLS = int(os.environ.get("MIA_KILLS", "12"))
N = 40
LONGEST_S = 0.3


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.server() as url:
        yield url


def counts(where: str, project: Path) -> dict[str, int]:
    with ledger.open(where, project) as kept:
        return kept.inner_counts("ES", *counted.DAYS)


def witnessed(witness: Path) -> Counter[str]:
    return Counter(witness.read_text().split()) if witness.exists() else Counter()


def finished(storage: str, where: str, witness: Path) -> None:
    """The search goes on to its end, and what was ever begun is what is counted."""
    with ledger.open(where, witness.parent) as kept:
        trials = counted.searched(storage, kept, witness, N)
        found = kept.inner_counts("ES", *counted.DAYS)
        assert found == dict.fromkeys(STATES, 0) | Counter(trial.state for trial in trials)
        (count,) = kept.counts()
    seen = witnessed(witness)
    assert sum(found.values()) == len(trials) == len(seen)
    assert sum(seen.values()) <= count.launches


@pytest.mark.parametrize("seed", range(KILLS))
def test_every_trial_of_a_killed_search_is_counted(tmp_path: Path, seed: int) -> None:
    storage, witness = str(tmp_path / "s.journal"), tmp_path / "witness"
    moments = random.Random(seed)
    for _ in range(3):
        worker = counted.begun(storage, "trials.db", witness, N)
        worker.join(moments.uniform(0, LONGEST_S))
        workers.killed(worker)
        launched, seen = sum(counts("trials.db", tmp_path).values()), len(witnessed(witness))
        assert seen <= launched <= seen + counted.THREADS
    finished(storage, "trials.db", witness)


@pytest.mark.parametrize("seed", range(math.ceil(KILLS / 12)))
def test_on_a_server_that_several_share(server: str, tmp_path: Path, seed: int) -> None:
    url, witness = postgres.emptied(server), tmp_path / "witness"
    moments = random.Random(seed)
    other, begun = counted.begun(url, url, witness, N), 1
    for _ in range(3):
        worker = counted.begun(url, url, witness, N)
        begun += 1
        worker.join(moments.uniform(0, 5 * LONGEST_S))
        workers.killed(worker)
        seen = len(witnessed(witness))  # the other one goes on
        launched = sum(counts(url, tmp_path).values())
        assert seen <= launched <= len(witnessed(witness)) + begun * counted.THREADS
    workers.killed(other)
    finished(url, url, witness)


def test_the_kills_hit_the_middle_of_searches(tmp_path: Path) -> None:
    """The tests above can fail: a trial counted at its end is missing after some kill."""
    missing, abandoned = 0, 0
    for seed in range(4):
        root = tmp_path / str(seed)
        root.mkdir()
        worker = counted.begun(str(root / "s.journal"), "trials.db", root / "witness", 100_000)
        time.sleep(random.Random(seed).uniform(0.1, LONGEST_S))
        workers.killed(worker)
        found = counts("trials.db", root)
        missing += len(witnessed(root / "witness")) > sum(found.values()) - found["abandoned"]
        abandoned += found["abandoned"]
    assert missing
    assert abandoned


def test_the_sharpe_ratio_of_folds_without_a_trade_is_not_known() -> None:
    folds = ({"sharpe": 1.0}, {"sharpe": math.nan}, {"sharpe": 2.0})
    assert counting.sharpe_of(Trial(0, 0, "pruned", {}, statistics=folds)) == 1.5
    assert math.isnan(counting.sharpe_of(Trial(0, 0, "complete", {}, (0.1,), statistics=({"sharpe": math.nan},))))
    assert math.isnan(counting.sharpe_of(Trial(0, 0, "failed", {})))
