import itertools
import json
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.tuning import study as study_module
from mia_ml.tuning.records import Result, Trial
from mia_ml.tuning.study import Study
from tests.tuning import planted, workers

N = 60


def uninterrupted(n_trials: int = N, **changes: Any) -> list[Trial]:
    with Study("memory", "s", planted.pruned_plan(**changes)) as study:
        return study.optimize(n_trials, planted.evaluate)


def table(trials: list[Trial]) -> str:
    """As text: NaN equals itself, and every bit of a float shows."""
    return "\n".join(map(repr, trials))


def test_a_study_finishes_exactly_what_was_asked_for() -> None:
    trials = uninterrupted()
    assert sum(trial.finished for trial in trials) == N
    assert [trial.number for trial in trials] == list(range(len(trials)))
    states = {trial.state for trial in trials}
    assert states == {"complete", "pruned", "failed"}
    failed = next(trial for trial in trials if trial.state == "failed")
    assert failed.error == "DataError: seventeen"
    assert failed.params["cooldown_minutes"] == 17


def test_it_finds_what_was_planted() -> None:
    best = max((t for t in uninterrupted(200) if t.values), key=lambda t: t.values)
    assert best.params["weights.gamma_levels"] == pytest.approx(0.6, abs=0.05)
    assert best.params["threshold.base"] == pytest.approx(0.3, abs=0.05)
    assert best.params["model.forest.max_features"] == "log2"


def slow_at_random(params: dict[str, Any], cut: Any) -> Result:
    time.sleep(random.random() * 0.004)
    return planted.evaluate(params, cut)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_do_not_change_the_trials(threads: int, tmp_path: Path) -> None:
    with Study(str(tmp_path / "a.journal"), "s", planted.pruned_plan()) as study:
        assert table(study.optimize(N, slow_at_random, workers=threads)) == table(uninterrupted())
    kept = optuna.load_study(study_name="s", storage=journal(str(tmp_path / "a.journal"))).trials
    assert [trial.user_attrs["mia"]["number"] for trial in kept] == [trial.number for trial in kept]


def test_a_search_differs_when_proposals_depend_on_anything_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The tests here can fail."""
    counter = itertools.count()
    propose = study_module.proposals.propose

    def told_the_time(sampler: str, choices: Any, figures: int, seed: int, *rest: Any) -> Any:
        return propose(sampler, choices, figures, seed + next(counter), *rest)

    monkeypatch.setattr(study_module.proposals, "propose", told_the_time)
    first = uninterrupted()
    assert table(first) != table(uninterrupted())


def test_a_study_goes_on_where_it_was(tmp_path: Path) -> None:
    where = str(tmp_path / "studies" / "a.journal")
    for n_trials in (5, 8, 21, 21, N):
        with Study(where, "s", planted.pruned_plan()) as study:
            trials = study.optimize(n_trials, planted.evaluate, workers=2)
            assert sum(trial.finished for trial in trials) == n_trials
    assert table(trials) == table(uninterrupted())
    with Study(where, "s") as study:
        assert study.plan == planted.pruned_plan()
        assert table(study.optimize(21, planted.evaluate)) == table(uninterrupted(21))


def test_every_prefix_of_a_journal_comes_to_the_same_end(tmp_path: Path) -> None:
    """What a kill leaves is a prefix of the journal, cut anywhere, also inside a line."""
    whole = tmp_path / "whole.journal"
    with Study(str(whole), "s", planted.pruned_plan()) as study:
        study.optimize(20, planted.evaluate)
    content = whole.read_bytes()
    for cut in [*range(0, len(content), len(content) // 25), len(content) - 1]:
        part = tmp_path / f"{cut}.journal"
        part.write_bytes(content[:cut])
        with Study(str(part), "s", planted.pruned_plan()) as study:
            assert table(study.optimize(24, planted.evaluate, workers=2)) == table(uninterrupted(24)), cut


def test_kill_9_changes_nothing(tmp_path: Path) -> None:
    journal_file = tmp_path / "a.journal"
    where = str(journal_file)
    growth = random.Random(3)
    stored = []
    for _ in range(6):
        until = growth.randrange(25_000) + (journal_file.stat().st_size if journal_file.exists() else 0)
        worker = workers.begun(where, N)
        while worker.is_alive() and journal_file.stat().st_size < until:
            time.sleep(0.001)
        workers.killed(worker)
        with Study(where, "s") as study:
            stored.append(len(study.trials()))
    with Study(where, "s") as study:
        trials = study.optimize(N, planted.evaluate, workers=2)
    assert table(trials) == table(uninterrupted())
    assert len({0, *stored, len(trials)}) > 4, "the kills should hit different moments"
    kept = optuna.load_study(study_name="s", storage=journal(where))
    assert [t.user_attrs["mia"]["number"] for t in kept.trials] == list(range(len(trials)))
    assert all(t.state.is_finished() for t in kept.trials)


def journal(where: str) -> optuna.storages.JournalStorage:
    return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(where))


def test_a_journal_has_one_master(tmp_path: Path) -> None:
    where = str(tmp_path / "a.journal")
    worker = workers.begun(where, 100_000)
    try:
        with pytest.raises(DataError, match="another process works on this study"):
            Study(where, "s")
    finally:
        workers.killed(worker)
    Study(where, "s").close()


def test_trials_left_running_by_others_are_ended(tmp_path: Path) -> None:
    where = str(tmp_path / "a.journal")
    with Study(where, "s", planted.pruned_plan()) as study:
        study.optimize(10, planted.evaluate)
    optuna.load_study(study_name="s", storage=journal(where)).ask()
    with Study(where, "s") as study:
        assert table(study.optimize(20, planted.evaluate)) == table(uninterrupted(20))
    states = [t.state for t in optuna.load_study(study_name="s", storage=journal(where)).trials]
    assert states.count(optuna.trial.TrialState.RUNNING) == 0


def test_nothing_pickled_is_stored(tmp_path: Path) -> None:
    where = tmp_path / "a.journal"
    with Study(str(where), "s", planted.pruned_plan()) as study:
        study.optimize(10, planted.evaluate)
    for line in where.read_text().splitlines():
        json.loads(line)
    assert b"\x80\x04" not in where.read_bytes()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"seed": 8}, "begun with another seed: 7, not 8"),
        ({"sampler": "random"}, 'another sampler: "cmaes", not "random"'),
        ({"about": {"data": "b"}}, "another about"),
        ({"pruning": None}, "another pruning"),
    ],
)
def test_another_plan_under_the_same_name_is_refused(tmp_path: Path, changes: dict[str, Any], text: str) -> None:
    where = str(tmp_path / "a.journal")
    Study(where, "s", planted.pruned_plan()).close()
    with pytest.raises(ConfigError, match=text):
        Study(where, "s", planted.pruned_plan(**changes))
    Study(where, "s").close()


def test_a_study_that_does_not_exist_is_answered_with_those_that_do(tmp_path: Path) -> None:
    where = str(tmp_path / "a.journal")
    Study(where, "fold-1", planted.plan()).close()
    with pytest.raises(ConfigError, match="study 'fold-2' does not exist, known are: fold-1"):
        Study(where, "fold-2")


def failing(params: dict[str, Any], cut: Any) -> Result:
    raise ValueError("no such column\nsecond line")


def test_a_batch_of_failures_ends_the_search(tmp_path: Path) -> None:
    where = str(tmp_path / "a.journal")
    for _ in range(2):
        with Study(where, "s", planted.plan()) as study:
            with pytest.raises(DataError, match="all 8 trials of batch 0 failed, the first with ValueError: no such"):
                study.optimize(N, failing)
            assert len(study.trials()) == 8


@pytest.mark.parametrize("values", [(float("nan"),), (float("inf"),), (1.0, 2.0)])
def test_values_that_cannot_be_compared_make_a_failed_trial(values: tuple[float, ...]) -> None:
    with Study("memory", "s", planted.plan()) as study, pytest.raises(DataError, match="batch 0 failed"):
        study.optimize(3, lambda params, cut: Result(values))


def test_several_objectives_and_pruning_do_not_go_together() -> None:
    with pytest.raises(ConfigError, match="pruning compares one objective, not 2"):
        planted.pruned_plan(objectives=("expectancy_r", "sharpe"), sampler="nsga2")


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    with Study("memory", "s", planted.plan()) as study:
        study.optimize(20, planted.evaluate, progress=lambda done, asked: told.append((done, asked)))
    assert told[0] == (0, 20)
    assert told[-1] == (20, 20)
    assert told == sorted(told)


def test_a_storage_nobody_knows_is_refused() -> None:
    with pytest.raises(ConfigError, match="path of a journal file, or postgresql"):
        Study("sqlite:///a.db", "s", planted.plan())


class Told:
    """Writes down what it hears; refuses a trial by its number."""

    def __init__(self, refused: int = -1) -> None:
        self.heard: list[tuple[str, int]] = []
        self.begun: set[str] = set()
        self.ended_as: dict[int, Trial] = {}
        self.refused = refused

    def launched(self, number: int, params: Mapping[str, Any]) -> None:
        if number == self.refused:
            raise DataError("ledger is full")
        self.heard.append(("launched", number))
        self.begun.add(repr(params))

    def ended(self, trial: Trial) -> None:
        self.heard.append(("ended", trial.number))
        self.ended_as[trial.number] = trial

    def evaluate(self, params: dict[str, Any], cut: Any) -> Result:
        assert repr(params) in self.begun, "no evaluation begins untold"
        return planted.evaluate(params, cut)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_recorder_hears_of_every_trial_before_and_after(threads: int, tmp_path: Path) -> None:
    told, where = Told(), str(tmp_path / "a.journal")
    with Study(where, "s", planted.pruned_plan()) as study:
        trials = study.optimize(N, told.evaluate, workers=threads, recorder=told)
    assert table(trials) == table(uninterrupted())
    assert sorted(told.heard) == sorted((what, t.number) for what in ("launched", "ended") for t in trials)
    for trial in trials:
        assert told.heard.index(("launched", trial.number)) < told.heard.index(("ended", trial.number))
        assert repr(told.ended_as[trial.number]) == repr(trial)
    again = Told()
    with Study(where, "s") as study:
        study.optimize(N, again.evaluate, recorder=again)
    assert again.heard == [], "what is stored is not evaluated again"


@pytest.mark.parametrize("threads", [1, 3])
def test_what_cannot_be_recorded_ends_the_search(threads: int, tmp_path: Path) -> None:
    """And is no failed trial: it goes on where it was once it can be."""
    where = str(tmp_path / "a.journal")
    told = Told(refused=19)
    with Study(where, "s", planted.pruned_plan()) as study, pytest.raises(DataError, match="ledger is full"):
        study.optimize(N, told.evaluate, workers=threads, recorder=told)
    launched = {number for what, number in told.heard if what == "launched"}
    assert launched == {number for what, number in told.heard if what == "ended"}
    assert 19 not in launched
    with Study(where, "s") as study:
        assert {trial.number for trial in study.trials()} <= launched
        assert table(study.optimize(N, planted.evaluate)) == table(uninterrupted())
