"""The judgement of a version is the latest that was made of it, from whichever run."""

from dataclasses import replace
from pathlib import Path

import pytest

from mia_ml.core.errors import DataError, UsageError
from mia_ml.registry import address, judged
from mia_ml.tracking import runs, server
from tests.judge import sample
from tests.tracking import store, trees

SEALS = ("a" * 64, "b" * 64)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return store.lay(tmp_path)


def log(root: Path, seal: str = SEALS[0], stage: str = "", at_ms: int = 0, experiment: str = "tests") -> runs.Sent:
    """A run that made the model of that seal, judged when there is a `stage` its gates allow."""
    files = {}
    if stage:
        status = {"champion": "pass", "paper": "undecidable", "nothing": "fail"}[stage]
        path = root / "judgement.json"
        sample.judgement(sample.table(status)).write(path)
        files = {judged.ARTIFACT: path}
    run = replace(trees.run(root, children=0, files=files), start_ms=trees.START_MS + at_ms)
    return runs.log(root, store.URI, experiment, run, trees.model(root, "mia-es", seal))


def fetch(root: Path, text: str) -> judged.Judged:
    return judged.fetch(address.parse(text, "mia-es"), server.resolve(store.URI, root))


def status(found: judged.Judged) -> str:
    return found.judgement.gates[0].results[0].status


def test_a_version_by_number_alias_and_address(root: Path) -> None:
    first, second = log(root, SEALS[0], "paper"), log(root, SEALS[1], "champion")
    for text, sent in (
        ("1", first),
        ("2", second),
        ("candidate", second),
        ("models:/mia-es/1", first),
        ("models:/mia-es@candidate", second),
    ):
        found = fetch(root, text)
        assert (found.version, found.run_id) == (sent.version, sent.run_id)
    assert status(fetch(root, "1")) == "undecidable"
    with pytest.raises(UsageError, match="model 'mia-es' has no version 7: ask for @candidate, /1, /2"):
        fetch(root, "7")
    with pytest.raises(UsageError, match="model 'mia-es' has no alias 'champion': ask for @candidate, /1, /2"):
        fetch(root, "champion")
    with pytest.raises(UsageError, match="no model 'other' is registered: run the register stage first"):
        fetch(root, "models:/other/1")


def test_the_same_bundle_judged_again(root: Path) -> None:
    """Its version stays, and a later run, also of another experiment, says what counts now."""
    log(root)
    with pytest.raises(DataError, match="mia-es/1 has no judgement: it was registered before the judge existed: run"):
        fetch(root, "1")
    log(root, stage="champion", at_ms=1)
    log(root, stage="nothing", at_ms=3, experiment="elsewhere")
    log(root, stage="paper", at_ms=2)
    assert status(fetch(root, "1")) == "fail"
    log(root, at_ms=4)  # a run that was not judged hides none
    assert status(fetch(root, "1")) == "fail"


def test_a_run_that_was_cut_off_before_its_tag(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("mlflow.MlflowClient.set_tag", lambda *_: None)
        sent = log(root, stage="champion")
    assert fetch(root, "1").run_id == sent.run_id


@pytest.mark.parametrize("text", ["mia-es@paper", "", "models:/mia-es", "a b"])
def test_what_names_no_version(text: str) -> None:
    with pytest.raises(UsageError, match=r"names no version: write models:/NAME@ALIAS .*, or a number or an alias$"):
        address.parse(text, "mia-es")


def test_a_store_that_is_down() -> None:
    with pytest.raises(UsageError, match=r"models:/mia-es/1 cannot be looked up: .* start the store") as refused:
        judged.fetch(address.parse("1", "mia-es"), store.AWAY)
    assert "\n" not in str(refused.value)


def test_a_damaged_judgement_is_named_by_its_version(root: Path) -> None:
    sent = log(root, stage="champion")
    artifacts = Path(store.client(root).get_run(sent.run_id).info.artifact_uri.removeprefix("file://"))
    (artifacts / judged.ARTIFACT).write_text("{}")
    with pytest.raises(DataError, match=r"^mia-es/1: not a judgement: about: Field required: run the stage judge"):
        fetch(root, "1")
