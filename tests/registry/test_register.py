"""A run and its bundle arrive together: one version a bundle, linked to where it came from."""

from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.registry import register
from mia_ml.registry.quiet import pyfunc
from mia_ml.scoring.bundle import Bundle
from mia_ml.tracking import pending, runs
from tests.tracking import store, trees


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return store.lay(tmp_path)


def log(root: Path, bundles: Path, which: str = "trained", uri: str = store.URI) -> runs.Sent:
    run = trees.run(root, which, children=1, config={"seed": 11})
    return register.log(root, uri, "tests", run, register.BundleToRegister(bundles / which, "mia-es"))


def candidate(root: Path) -> Any:
    return store.client(root).get_model_version_by_alias("mia-es", "candidate")


def test_a_version_says_where_it_came_from(root: Path, bundles: Path, trained: Bundle) -> None:
    sent = log(root, bundles)
    version = candidate(root)
    assert sent.version == "mia-es/1"
    kept_ms = version.tags.pop("mia.kept_ms")
    assert int(kept_ms) > trees.START_MS
    assert version.tags == {
        "run_id": sent.run_id,
        "bundle_sha256": trained.seal,
        "data_fingerprint": trained.content.data_fingerprint,
        "code_fingerprint": trained.content.code_fingerprint,
        "config_sha256": register.config_sha256({"seed": 11}),
        "synthetic": "true",
    }


def test_the_registered_version_predicts(root: Path, bundles: Path, trained: Bundle) -> None:
    log(root, bundles)
    loaded = pyfunc.load_model(candidate(root).source)
    scoring = trained.content.filter()
    assert scoring
    inputs = dict(zip(scoring.ensemble.inputs, trained.golden.inputs.T, strict=True))
    wanted = scoring.probabilities_of(scoring.ensemble.inputs, trained.golden.inputs)
    assert loaded.predict(inputs).to_numpy().tobytes() == wanted.tobytes()


def test_registered_again_it_is_the_same_version(root: Path, bundles: Path) -> None:
    assert log(root, bundles).version == "mia-es/1"
    assert log(root, bundles).version == "mia-es/1"
    assert log(root, bundles, "retrained").version == "mia-es/2"
    assert int(candidate(root).version) == 2


def test_a_bundle_waits_with_its_run(root: Path, bundles: Path, trained: Bundle) -> None:
    away = log(root, bundles, uri=store.AWAY)
    assert away.line.endswith("1 run(s) with 1 model(s) kept in reports/pending/, the next run sends them")
    (folder,) = away.waiting
    assert (folder / "model" / "artifacts" / "bundle" / "manifest.json").is_file()
    log(root, bundles, "retrained")
    assert candidate(root).tags["data_fingerprint"] == "1" * 64
    registered = store.client(root).search_model_versions("name = 'mia-es'")
    assert sorted(version.tags["bundle_sha256"] == trained.seal for version in registered) == [False, True]


def test_killed_while_registering_there_is_one_version(
    root: Path, bundles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for step in ("create_registered_model", "create_model_version", "set_registered_model_alias", "set_tag"):
        with monkeypatch.context() as broken:
            broken.setattr(MlflowClient, step, killed)
            with pytest.raises(KeyboardInterrupt):
                log(root, bundles, uri=store.URI) if step == "create_registered_model" else runs.send_waiting(
                    root, store.URI
                )
    runs.send_waiting(root, store.URI)
    assert len(store.client(root).search_model_versions("name = 'mia-es'")) == 1
    assert int(candidate(root).version) == 1
    assert len(store.runs_in(root, "tests")) == 2


def test_a_run_without_a_bundle(root: Path) -> None:
    sent = register.log(root, store.URI, "tests", trees.run(root, children=0))
    assert (sent.version, sent.waiting) == ("", ())


def test_a_damaged_bundle_stops_before_anything_is_kept(root: Path) -> None:
    (root / "bundle").mkdir()
    with pytest.raises(DataError, match=r"manifest\.json: no such file"):
        register.log(root, store.URI, "tests", trees.run(root), register.BundleToRegister(root / "bundle", "mia-es"))
    assert not pending.waiting(root / pending.FOLDER)


@pytest.mark.parametrize("name", ["", "a/b", "mia@es", "mia'es"])
def test_a_name_that_no_model_can_have(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot name a registered model"):
        register.BundleToRegister(tmp_path, name)
