"""One bundle is one version; the alias follows the latest that was trained, not the latest that was sent."""

from pathlib import Path
from typing import Any

import pytest

from mia_ml.tracking import runs
from tests.tracking import store, trees


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return store.lay(tmp_path)


def log(root: Path, identity: str, uri: str = store.URI) -> runs.Sent:
    return runs.log(root, uri, "tests", trees.run(root, children=0), trees.model(root, identity=identity))


def candidate(root: Path) -> Any:
    return store.client(root).get_model_version_by_alias("mia", "candidate")


def test_a_version_is_linked_to_its_run(root: Path) -> None:
    sent = log(root, "a" * 64)
    version = candidate(root)
    assert sent.version == "mia/1"
    assert sent.line.endswith("model mia version 1 is now 'candidate'")
    assert version.run_id == version.tags["run_id"] == sent.run_id
    assert version.tags["bundle_sha256"] == "a" * 64
    assert version.tags["data_fingerprint"] == "d"
    assert store.client(root).get_run(sent.run_id).data.tags["model_version"] == "mia/1"
    stored = Path(version.source.removeprefix("file://"))
    assert (stored / "artifacts" / "weights").read_text() == "a" * 64


def test_the_alias_moves_to_the_new_version(root: Path) -> None:
    log(root, "a" * 64)
    log(root, "b" * 64)
    assert (int(candidate(root).version), candidate(root).tags["bundle_sha256"]) == (2, "b" * 64)


def test_the_same_bundle_is_one_version_and_the_candidate_again(root: Path) -> None:
    for identity in ("a" * 64, "b" * 64, "a" * 64):
        sent = log(root, identity)
    assert sent.version == "mia/1"
    assert int(candidate(root).version) == 1
    assert len(store.client(root).search_model_versions("name = 'mia'")) == 2


def test_a_model_that_had_to_wait_does_not_displace_its_successor(root: Path) -> None:
    away = log(root, "a" * 64, store.AWAY)
    assert "1 run(s) with 1 model(s) kept in reports/pending/" in away.line
    elsewhere = root / "other checkout"
    elsewhere.mkdir()
    uri = f"sqlite:///{root / 'mlflow.db'}"
    log(elsewhere, "b" * 64, uri)
    sent = runs.send_waiting(root, store.URI)
    assert "model mia version 2; 'candidate' stays at version 1, which was trained later" in sent.line
    assert candidate(root).tags["bundle_sha256"] == "b" * 64


def test_models_that_waited_together_leave_the_last_as_candidate(root: Path) -> None:
    log(root, "a" * 64, store.AWAY)
    log(root, "b" * 64, store.AWAY)
    runs.send_waiting(root, store.URI)
    assert candidate(root).tags["bundle_sha256"] == "b" * 64
