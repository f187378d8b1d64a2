"""Only the bundle comes, whole and the one that was registered, and nothing of it runs."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from mia_ml.core.errors import DataError, UsageError
from mia_ml.registry import fetch, register
from mia_ml.registry.quiet import pyfunc
from mia_ml.scoring import bundle
from mia_ml.tracking import server
from tests.tracking import store, trees


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, bundles: Path) -> Path:
    """A store with `trained` as version 1 and `retrained`, the candidate, as version 2."""
    room = store.lay(tmp_path_factory.mktemp("repository"))
    for which in ("trained", "retrained"):
        to_register = register.BundleToRegister(bundles / which, "mia-es")
        register.log(room, store.URI, "tests", trees.run(room, children=0), to_register)
    return room


@pytest.fixture(scope="module")
def uri(root: Path) -> str:
    return server.resolve(store.URI, root)


@pytest.mark.parametrize(
    ("asked", "which", "name"),
    [("models:/mia-es@candidate", "retrained", "mia-es-2"), ("models:/mia-es/1", "trained", "mia-es-1")],
)
def test_the_bundle_comes_byte_for_byte(
    uri: str, bundles: Path, tmp_path: Path, asked: str, which: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyfunc, "load_model", None)
    into = tmp_path / "bundles"
    target = fetch.fetch(asked, uri, into)
    assert target == into / name
    assert [path.name for path in into.iterdir()] == [name]
    for path in (bundles / which).iterdir():
        assert (target / path.name).read_bytes() == path.read_bytes()
    bundle.verify(bundle.load(target))


def test_what_is_there_and_whole_is_not_downloaded_again(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = fetch.fetch("models:/mia-es/1", uri, tmp_path)
    downloads: list[Any] = []
    download = fetch._download
    monkeypatch.setattr(fetch, "_download", lambda *given: (downloads.append(given), download(*given)))
    fetch.fetch("models:/mia-es/1", uri, tmp_path)
    assert not downloads
    (target / "manifest.json").write_text("{}")
    fetch.fetch("models:/mia-es/1", uri, tmp_path)
    assert len(downloads) == 1
    assert bundle.load(target).content.data_fingerprint == "0" * 64


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("mia-es@candidate", "names no version: write models:/NAME@ALIAS"),
        ("models:/mia-es", "names no version"),
        ("models:/mia'es/1", "names no version"),
        ("models:/other/1", "no model 'other' is registered: run the register stage first"),
        ("models:/other@paper", "no model 'other' is registered"),
        ("models:/mia-es@champion", "no alias 'champion': ask for @candidate, /1, /2"),
        ("models:/mia-es/7", "no version 7: ask for @candidate, /1, /2"),
    ],
)
def test_what_is_not_there_is_named(uri: str, tmp_path: Path, asked: str, answer: str) -> None:
    with pytest.raises(UsageError, match=re.escape(answer)) as refusal:
        fetch.fetch(asked, uri, tmp_path)
    assert "\n" not in str(refusal.value)


def test_a_store_that_is_down_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"cannot be fetched: http://127\.0\.0\.1:1 does not answer.*; start the store"
    ):
        fetch.fetch("models:/mia-es@candidate", store.AWAY, tmp_path)


def test_artifacts_that_are_gone_or_others_are_noticed(root: Path, uri: str, bundles: Path, tmp_path: Path) -> None:
    source = Path(store.client(root).get_model_version("mia-es", "1").source.removeprefix("file://"))
    stored = source / "artifacts" / "bundle"
    stored.rename(source / "aside")
    with pytest.raises(DataError, match="mia-es version 1: its bundle cannot be downloaded"):
        fetch.fetch("models:/mia-es/1", uri, tmp_path)
    shutil.copytree(bundles / "retrained", stored)
    with pytest.raises(DataError, match="register it again"):
        fetch.fetch("models:/mia-es/1", uri, tmp_path)
    shutil.rmtree(stored)
    (source / "aside").rename(stored)
    assert not list(tmp_path.glob("mia*"))
