"""`mia gates` as a user meets it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mia_ml.registry import judged
from mia_ml.tracking import runs
from tests.judge import sample
from tests.tracking import store, trees

REPOSITORY = Path(__file__).resolve().parents[2]
TABLES = (sample.table("fail", blocking=False, name="plan"), sample.table("pass", "undecidable"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A judgement on disk, a store with it as version 1 and an unjudged version 2, and the settings."""
    root = store.lay(tmp_path_factory.mktemp("repository"))
    written = root / "run" / "judge" / "judgement.json"
    sample.judgement(*TABLES).write(written)
    settings = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    settings["tracking"] = {"uri": store.URI, "experiment": "tests", "model": "mia-es"}
    (root / "params.yaml").write_text(yaml.safe_dump(settings))
    for seal, files in (("a" * 64, {judged.ARTIFACT: written}), ("b" * 64, {})):
        run = trees.run(root, children=0, files=files)
        runs.log(root, store.URI, "tests", run, trees.model(root, "mia-es", seal))
    return root


@pytest.fixture
def registered(made: Path, monkeypatch) -> Path:
    monkeypatch.chdir(made)
    return made


def test_the_gates_of_a_version(mia, registered):
    (registered / "1").mkdir()  # a number means the version all the same
    code, out, err = mia("gates", "1")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[:2] == ["mia-es/1", "Not decided: a sample."]
    assert lines.index("Desk (desk, blocking): 1 of 2 pass") < lines.index("Plan (plan, reported): 0 of 1 pass")
    assert lines[-1] == "allowed: paper"


def test_as_json(mia, registered):
    code, out, _ = mia("gates", "models:/mia-es/1", "--json")
    assert code == 0

    def strict(constant: str) -> Any:
        raise AssertionError(f"{constant} is no JSON")

    shown = json.loads(out, parse_constant=strict)
    assert (shown["version"], shown["allowed"]) == ("mia-es/1", "paper")
    assert list(shown) == ["version", "allowed", "overridden", "tables"]
    assert [table["name"] for table in shown["tables"]] == ["plan", "desk"]
    assert [result["status"] for result in shown["tables"][1]["results"]] == ["pass", "undecidable"]
    assert shown["tables"][1]["results"][0]["low"] == "NaN"


@pytest.mark.parametrize("which", ["run", "run/judge", "run/judge/judgement.json"])
def test_a_judgement_on_disk_needs_no_store(mia, registered, which, monkeypatch):
    monkeypatch.setattr(judged, "fetch", None)
    code, out, err = mia("gates", which)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "run/judge/judgement.json"
    assert out.splitlines()[-1] == "allowed: paper"


def test_a_model_and_a_store_by_option_need_no_settings(mia, registered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store_uri = f"sqlite:///{registered / 'mlflow.db'}"
    code, out, _ = mia("gates", "1", "--model", "mia-es", "--tracking-uri", store_uri)
    assert (code, out.splitlines()[0]) == (0, "mia-es/1")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["2"], "mia-es/2 has no judgement: it was registered before the judge existed: run dvc exp run"),
        (["candidate"], "mia-es/2 has no judgement: it was registered before the judge existed: run dvc exp run"),
        (["9"], "model 'mia-es' has no version 9: ask for @candidate, /1, /2"),
        (["champion"], "model 'mia-es' has no alias 'champion': ask for @candidate, /1, /2"),
        (["1", "--model", "other"], "no model 'other' is registered: run the register stage first"),
        (["."], ".: holds none of judgement.json, judge/judgement.json, reports/judge/judgement.json: run the stage"),
        (["gone.json"], "gone.json: No such file or directory"),
        (["1", "--params", "gone.yaml"], "gone.yaml: no such file; 'dvc exp run' composes it from conf/"),
    ],
)
def test_refusals_are_one_line(mia, registered, arguments, answer):
    code, out, err = mia("gates", *arguments)
    assert (code, out) == (1, "")
    assert err.startswith(f"mia: {answer}")
    assert err.count("\n") == 1


def test_a_store_that_is_down(mia, registered):
    code, _, err = mia("gates", "1", "--tracking-uri", store.AWAY)
    assert code == 1
    assert err.startswith("mia: models:/mia-es/1 cannot be looked up: http://127.0.0.1:1 does not answer")
    assert err.count("\n") == 1
