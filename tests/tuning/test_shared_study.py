"""One study in PostgreSQL, worked on by several processes."""

import time
from collections.abc import Iterator

import optuna
import pytest

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.tuning.records import Trial
from mia_ml.tuning.study import Study
from tests import postgres
from tests.tuning import planted, workers

N = 20


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.server() as url:
        yield url


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """A server without studies."""
    yield server
    storage = optuna.storages.RDBStorage(server)
    for name in optuna.get_all_study_names(storage):
        optuna.delete_study(study_name=name, storage=storage)
    storage.remove_session()
    storage.engine.dispose()


def table(trials: list[Trial]) -> str:
    return "\n".join(map(repr, trials))


def alone() -> str:
    with Study("memory", "s", planted.pruned_plan()) as study:
        return table(study.optimize(N, planted.evaluate))


def entries(url: str) -> list[optuna.trial.FrozenTrial]:
    storage = optuna.storages.RDBStorage(url)
    trials = optuna.load_study(study_name="s", storage=storage).trials
    storage.remove_session()
    storage.engine.dispose()
    return trials


def test_two_processes_give_the_trials_of_one_each_once(url: str) -> None:
    others = [workers.begun(url, N) for _ in range(2)]
    for other in others:
        other.join()
    with Study(url, "s") as study:
        assert table(study.optimize(N, planted.evaluate)) == alone()
    numbers = [trial.user_attrs["mia"]["number"] for trial in entries(url)]
    assert sorted(numbers) == list(range(len(numbers)))


def test_a_killed_process_is_made_up_for_by_the_other(url: str) -> None:
    doomed, other = workers.begun(url, N), workers.begun(url, N)
    with Study(url, "s") as study:
        for _ in range(2):
            while doomed.is_alive() and len(entries(url)) < 8:
                time.sleep(0.01)
            workers.killed(doomed)
            doomed = workers.begun(url, N)
        assert table(study.optimize(N, planted.evaluate, workers=2)) == alone()
    workers.killed(doomed)
    other.join()
    found = entries(url)
    assert sorted(trial.user_attrs["mia"]["number"] for trial in found) == list(range(len(found)))
    assert all(trial.state.is_finished() for trial in found)


def test_a_study_is_continued_by_its_name(url: str) -> None:
    with Study(url, "s", planted.pruned_plan()) as study:
        study.optimize(11, planted.evaluate)
    with Study(url, "s") as study:
        assert study.plan == planted.pruned_plan()
        assert table(study.optimize(N, planted.evaluate, workers=2)) == alone()
    with pytest.raises(ConfigError, match="begun with another seed"):
        Study(url, "s", planted.pruned_plan(seed=1))
    with pytest.raises(ConfigError, match="'t' does not exist, known are: s"):
        Study(url, "t")


def test_a_server_that_is_away_is_one_line_without_the_password(url: str) -> None:
    gone = url.replace("host=", "host=/nowhere")
    with pytest.raises(DataError, match="check the address and that the server runs") as refusal:
        Study(gone, "s", planted.plan())
    assert "secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_lost_connection_is_one_line_and_nothing_is_lost(url: str) -> None:
    def cut_off(params: dict, cut: object) -> object:
        import sqlalchemy

        engine = sqlalchemy.create_engine(url)
        with engine.connect() as connection:
            mine = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
            connection.execute(sqlalchemy.text(mine))
        engine.dispose()
        return planted.evaluate(params, cut)  # type: ignore[arg-type]

    with Study(url, "s", planted.pruned_plan()) as study:
        study.optimize(5, planted.evaluate)
        with pytest.raises(DataError, match="every finished trial is stored, run the same again"):
            study.optimize(N, cut_off)  # type: ignore[arg-type]
    with Study(url, "s") as study:
        assert len(study.trials()) == 5
        assert table(study.optimize(N, planted.evaluate)) == alone()
