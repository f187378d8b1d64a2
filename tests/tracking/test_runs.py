"""A run reaches the store whole, or waits whole."""

import json
from pathlib import Path
from typing import Any

import mlflow
import pytest

from mia_ml.tracking import runs, server

AWAY = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("repository")


def log(root: Path, uri: str, name: str, **changes: Any) -> runs.Sent:
    note = root / "note.txt"
    note.write_text(name)
    arguments: dict[str, Any] = {
        "root": root,
        "uri": uri,
        "experiment": "tests",
        "name": name,
        "config": {"costs": {"slippage_ticks": 1.0}, "many": {f"k{i}": i for i in range(150)}},
        "metrics": {"win_rate": 0.5, "profit_factor": float("nan")},
        "tags": {"synthetic": "true"},
        "files": {"tables/note.txt": note},
        "start_ms": 1_700_000_000_000,
    }
    return runs.log_run(**(arguments | changes))


def stored(root: Path, run_id: str) -> Any:
    return mlflow.MlflowClient(server.resolve("sqlite:///mlflow.db", root)).get_run(run_id)


def test_a_run_carries_everything(root: Path) -> None:
    sent = log(root, "sqlite:///mlflow.db", "first")
    run = stored(root, sent.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.start_time == 1_700_000_000_000
    assert run.data.params["costs.slippage_ticks"] == "1.0"
    assert run.data.params["many.k149"] == "149"
    assert run.data.metrics == {"win_rate": 0.5}
    assert run.data.tags["undefined.profit_factor"] == "nan"
    assert run.data.tags["synthetic"] == "true"
    artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
    assert (artifacts / "tables" / "note.txt").read_text() == "first"
    assert json.loads((artifacts / "config.json").read_text())["costs"] == {"slippage_ticks": 1.0}
    assert not list((root / runs.PENDING).iterdir())


def test_what_could_not_be_sent_waits_and_goes_with_the_next_run(root: Path) -> None:
    away = log(root, AWAY, "waiting")
    assert away.run_id == ""
    assert len(away.waiting) == 1
    assert "does not answer" in away.line
    assert "1 run(s) kept in reports/pending/" in away.line
    assert "\n" not in away.line
    log(root, "sqlite:///mlflow.db", "next")
    assert not list((root / runs.PENDING).iterdir())
    client = mlflow.MlflowClient(server.resolve("sqlite:///mlflow.db", root))
    experiment = client.get_experiment_by_name("tests")
    names = [run.info.run_name for run in client.search_runs([experiment.experiment_id])]
    assert sorted(names) == ["first", "next", "waiting"]


def test_a_run_cut_off_while_being_sent_is_continued_not_doubled(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("cable out")

    with monkeypatch.context() as broken:
        broken.setattr(mlflow.MlflowClient, "log_artifacts", refuse)
        cut = log(root, "sqlite:///mlflow.db", "cut")
    assert "cable out" in cut.line
    log(root, "sqlite:///mlflow.db", "after")
    client = mlflow.MlflowClient(server.resolve("sqlite:///mlflow.db", root))
    experiment = client.get_experiment_by_name("tests")
    found = client.search_runs([experiment.experiment_id], "attributes.run_name = 'cut'")
    assert [run.info.status for run in found] == ["FINISHED"]


def test_a_queued_experiment_logs_to_the_repository_it_came_from(root: Path) -> None:
    checkout = root / ".dvc" / "tmp" / "exps" / "tmpabc"
    checkout.mkdir(parents=True)
    sent = log(checkout, "sqlite:///mlflow.db", "queued", files={})
    assert stored(root, sent.run_id).info.run_name == "queued"
    assert not (checkout / "mlflow.db").exists()
