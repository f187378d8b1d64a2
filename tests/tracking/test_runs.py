"""A run reaches the store whole, or waits whole."""

import json
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from mia_ml.core.errors import ConfigError
from mia_ml.tracking import pending, runs, server
from tests.tracking import store, trees


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store.lay(tmp_path_factory.mktemp("repository"))


def log(root: Path, uri: str, name: str, **changes: Any) -> runs.Sent:
    return runs.log(root, uri, "tests", trees.run(root, name, **changes))


def waiting(root: Path) -> list[Path]:
    return pending.waiting(root / pending.FOLDER)


def artifacts(run: Any) -> Path:
    return Path(run.info.artifact_uri.removeprefix("file://"))


def test_a_run_carries_everything(root: Path) -> None:
    sent = log(root, store.URI, "first", children=0)
    run = store.client(root).get_run(sent.run_id)
    assert (run.info.status, run.info.start_time) == ("FINISHED", trees.START_MS)
    assert run.data.params["costs.slippage_ticks"] == "1.0"
    assert run.data.params["many.k149"] == "149"
    assert run.data.metrics == {"win_rate": 0.5}
    assert run.data.tags["undefined.profit_factor"] == "nan"
    assert run.data.tags["synthetic"] == "true"
    assert (artifacts(run) / "tables" / "note.txt").read_text() == "first"
    assert json.loads((artifacts(run) / "config.json").read_text())["costs"] == {"slippage_ticks": 1.0}
    assert sent.line == f"MLflow: run {sent.run_id} in experiment 'tests' at {store.URI}"
    assert not waiting(root)


def test_the_data_is_an_input_of_the_run(root: Path) -> None:
    run = store.client(root).get_run(log(root, store.URI, "with data", children=0).run_id)
    (given,) = run.inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == ("simulate", "0123456789abcdef0123456789abcdef.dir")
    assert json.loads(given.dataset.source) == {"source": "simulate"}


def test_folds_are_children(root: Path) -> None:
    sent = log(root, store.URI, "parent", children=3)
    below = [r for r in store.runs_in(root, "tests") if r.data.tags.get("mlflow.parentRunId") == sent.run_id]
    below.sort(key=lambda run: run.info.run_name)
    assert [run.info.run_name for run in below] == ["fold 0", "fold 1", "fold 2"]
    assert {run.info.status for run in below} == {"FINISHED"}
    last = below[-1]
    assert (last.info.start_time, last.info.end_time) == (trees.START_MS + 2, trees.START_MS + 20)
    assert last.data.params == {"weight.vwap_trend": "0.2"}
    assert last.data.metrics == {"mean_r": 0.02}
    assert last.data.tags["window"] == "2024-03"
    assert (artifacts(last) / "trials" / "2.csv").read_text() == "parent"


def test_what_could_not_be_sent_waits_and_goes_with_the_next_run(tmp_path: Path) -> None:
    away = log(store.lay(tmp_path), store.AWAY, "waiting")
    assert (away.run_id, len(away.waiting)) == ("", 1)
    assert "does not answer" in away.line
    assert away.line.endswith("1 run(s) kept in reports/pending/, the next run sends them")
    assert "\n" not in away.line
    assert "1 run(s) kept earlier are sent" in log(tmp_path, store.URI, "next").line
    assert not waiting(tmp_path)
    names = [run.info.run_name for run in store.runs_in(tmp_path, "tests")]
    assert sorted(names) == ["fold 0", "fold 0", "fold 1", "fold 1", "next", "waiting"]


def test_what_waits_can_be_sent_without_a_run(tmp_path: Path) -> None:
    assert runs.send_waiting(store.lay(tmp_path), store.AWAY) == runs.Sent("", "", (), "")
    log(tmp_path, store.AWAY, "waiting")
    assert len(runs.send_waiting(tmp_path, store.AWAY).waiting) == 1
    assert runs.send_waiting(tmp_path, store.URI).line == "MLflow: 1 run(s) kept earlier are sent"
    assert not waiting(tmp_path)


def test_a_run_the_store_refuses_does_not_hold_up_the_others(tmp_path: Path) -> None:
    refused = log(store.lay(tmp_path), store.URI, "refused", metrics={"win%": 1.0}, children=0)
    assert "refused the run" in refused.line
    assert "\n" not in refused.line
    later = log(tmp_path, store.URI, "later", children=0)
    assert later.run_id
    assert later.waiting == refused.waiting


def test_a_run_that_another_process_sent_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = pending.keep

    def keep_and_lose_the_race(*given: Any) -> Path:
        folder = keep(*given)
        runs.send_waiting(tmp_path, store.URI)
        return folder

    monkeypatch.setattr(pending, "keep", keep_and_lose_the_race)
    sent = log(store.lay(tmp_path), store.URI, "raced", children=0)
    assert [run.info.run_id for run in store.runs_in(tmp_path, "tests")] == [sent.run_id]
    assert not sent.waiting


def test_a_uri_that_is_no_store_is_refused_and_the_run_is_kept(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tracking\.uri 'mlruns'"):
        log(tmp_path, "mlruns", "kept")
    assert len(waiting(tmp_path)) == 1


def test_a_queued_experiment_logs_to_the_repository_it_came_from(root: Path) -> None:
    checkout = root / ".dvc" / "tmp" / "exps" / "tmpabc"
    checkout.mkdir(parents=True)
    sent = log(checkout, store.URI, "queued")
    assert store.client(root).get_run(sent.run_id).info.run_name == "queued"
    assert not (checkout / "mlflow.db").exists()


class Killed(BaseException):
    """The process ended here."""


STEPS = (
    "create_experiment",
    "create_run",
    "log_batch",
    "log_inputs",
    "log_artifacts",
    "set_terminated",
    "create_registered_model",
    "create_model_version",
    "set_model_version_tag",
    "set_registered_model_alias",
    "set_tag",
)


def kill_after(steps: int, broken: pytest.MonkeyPatch) -> list[str]:
    """The process ends right after the given number of changes to the store, or with the first when none."""
    done: list[str] = []

    def step(name: str) -> Any:
        real = getattr(MlflowClient, name)

        def changed(client: MlflowClient, *given: Any, **named: Any) -> Any:
            if steps == 0:
                raise Killed
            result = real(client, *given, **named)
            done.append(name)
            if len(done) == steps:
                raise Killed
            return result

        return changed

    for name in STEPS:
        broken.setattr(MlflowClient, name, step(name))
    return done


def test_killed_between_any_two_steps_it_is_continued_and_nothing_is_there_twice(tmp_path: Path) -> None:
    store.lay(tmp_path)
    reached: set[str] = set()
    for steps in range(100):
        experiment, name = f"killed {steps}", f"model {steps}"
        with pytest.MonkeyPatch.context() as broken:
            done = kill_after(steps, broken)
            try:
                runs.log(tmp_path, store.URI, experiment, trees.run(tmp_path, children=1), trees.model(tmp_path, name))
            except Killed:
                reached |= set(done)
            else:
                break
        again = runs.send_waiting(tmp_path, store.URI)
        assert not again.waiting
        found = store.runs_in(tmp_path, experiment)
        assert sorted(run.info.run_name for run in found) == ["fold 0", "parent"], done
        assert {run.info.status for run in found} == {"FINISHED"}
        (version,) = store.client(tmp_path).search_model_versions(f"name = '{name}'")
        parent = next(run for run in found if run.info.run_name == "parent")
        assert parent.data.metrics == {"win_rate": 0.5}
        assert len(parent.inputs.dataset_inputs) == 1
        assert parent.data.tags["model_version"] == f"{name}/{version.version}"
        assert store.client(tmp_path).get_registered_model(name).aliases == {"candidate": version.version}
    assert reached == set(STEPS)


def test_a_server_that_dies_on_the_way_keeps_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("cable out")

    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, "log_artifacts", refuse)
        cut = log(store.lay(tmp_path), store.URI, "cut", children=0)
    assert cut.line.startswith(
        f"MLflow: {server.resolve(store.URI, tmp_path)} refused the run: cable out; 1 run(s) kept"
    )
    log(tmp_path, store.URI, "after", children=0)
    found = [run for run in store.runs_in(tmp_path, "tests") if run.info.run_name == "cut"]
    assert [run.info.status for run in found] == ["FINISHED"]
