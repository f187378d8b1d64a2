"""`mia report` as a user meets it."""

from pathlib import Path

import pytest
import yaml

from mia_ml.registry import judged
from mia_ml.reports import page
from mia_ml.tracking import runs
from tests import small_world
from tests.reports import sample
from tests.tracking import store, trees

SENTENCE = "Undecided: no trade was made in 40 days, so there is nothing to judge.\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that was judged, its store with version 1 judged and version 2 not, and the settings."""
    root = store.lay(tmp_path_factory.mktemp("repository"))
    written = root / "reports" / "judge" / "judgement.json"
    sample.nothing().write(written)
    settings = yaml.safe_load(small_world.SHIPPED.read_text())
    settings["tracking"] = {"uri": store.URI, "experiment": "tests", "model": "mia-es"}
    (root / "params.yaml").write_text(yaml.safe_dump(settings))
    for seal, files in (("a" * 64, {judged.ARTIFACT: written}), ("b" * 64, {})):
        run = trees.run(root, children=0, files=files)
        sent = runs.log(root, store.URI, "tests", run, trees.model(root, "mia-es", seal))
        (root / f"run_of_{sent.version.partition('/')[2]}").write_text(sent.run_id)
    return root


@pytest.fixture
def checkout(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made)
    Path("reports/verdict.html").unlink(missing_ok=True)
    return made


@pytest.fixture(scope="module")
def expected() -> str:
    return page.html(sample.nothing())


@pytest.mark.parametrize("asked", [(), (".",), ("reports/judge",), ("reports/judge/judgement.json",)])
def test_of_this_checkout(mia, checkout, expected, asked):
    code, out, err = mia("report", *asked)
    assert (code, err) == (0, "")
    assert out == f"reports/verdict.html: reports/judge/judgement.json\n{SENTENCE}"
    assert Path("reports/verdict.html").read_text() == expected


@pytest.mark.parametrize("asked", ["1", "models:/mia-es/1"])
def test_of_a_version(mia, checkout, expected, asked):
    code, out, err = mia("report", asked, "--out", "elsewhere/page.html")
    assert (code, err, out) == (0, "", f"elsewhere/page.html: mia-es/1\n{SENTENCE}")
    assert Path("elsewhere/page.html").read_text() == expected


def test_of_a_run(mia, checkout, expected):
    run_id = Path("run_of_1").read_text()
    code, out, err = mia("report", run_id)
    assert (code, err, out) == (0, "", f"reports/verdict.html: run {run_id}\n{SENTENCE}")
    assert Path("reports/verdict.html").read_text() == expected


def refused(mia, *asked: str) -> str:
    code, out, err = mia("report", *asked)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert not Path("reports/verdict.html").exists()
    return err


def test_what_was_not_judged_is_one_line(mia, checkout):
    run_id = Path("run_of_2").read_text()
    assert refused(mia, run_id).startswith(f"mia: run {run_id} has no judgement: it tested nothing")
    assert refused(mia, "2").startswith("mia: mia-es/2 has no judgement")
    assert refused(mia, "candidate").startswith("mia: mia-es/2 has no judgement")


def test_what_is_not_there_is_one_line(mia, checkout):
    assert refused(mia, "f" * 32) == f"mia: the store has no run {'f' * 32}: mlflow ui lists those there are\n"
    assert refused(mia, "7") == "mia: model 'mia-es' has no version 7: ask for @candidate, /1, /2\n"
    assert refused(mia, "gone/judgement.json") == "mia: gone/judgement.json: No such file or directory\n"
    Path("bare").mkdir(exist_ok=True)
    assert refused(mia, "bare") == (
        "mia: bare: holds none of judgement.json, judge/judgement.json, reports/judge/judgement.json: "
        "run the stage judge first\n"
    )


def test_a_file_that_is_no_judgement_is_one_line(mia, checkout):
    Path("broken.json").write_text('{"about": 3}')
    assert refused(mia, "broken.json").startswith("mia: broken.json: not a judgement: about: ")
    Path("broken.json").write_text("<html>")
    assert refused(mia, "broken.json").startswith("mia: broken.json: not a judgement: ")


def test_a_store_that_is_away_is_one_line(mia, checkout):
    away = ("--tracking-uri", store.AWAY, "--model", "mia-es")
    err = refused(mia, "0" * 31 + "a", *away)
    assert f"run {'0' * 31}a cannot be looked up: {store.AWAY} does not answer" in err
