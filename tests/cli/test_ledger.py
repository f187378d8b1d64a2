"""`mia ledger` as a user meets it."""

import json
import shutil
from pathlib import Path

import pytest

from mia_ml import settings
from mia_ml.ledger import ledger
from tests.ledger.test_ledger import outcome
from tests.ledger.writers import JANUARY, WHEN, look, trial

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copy(REPOSITORY / settings.PARAMS, tmp_path)
    return tmp_path


def fill(project: Path) -> None:
    with ledger.open("ledger/trials.db", project) as kept:
        for number in range(1_200):
            kept.launch(trial(number), WHEN)
        kept.end(kept.launch(trial(0), WHEN), "pruned", WHEN, 1.0)
        kept.record_outer([(trial(0, scope="outer", instrument="NQ", kind="ladder"), outcome(0))], WHEN)
        look(kept, "gate of release 1", *JANUARY, "ES")
        look(kept, "gate of release 2", *JANUARY, "ES")


def test_a_table_of_what_was_scored_and_of_looks(mia, project: Path) -> None:
    fill(project)
    code, out, err = mia("ledger")
    assert (code, err) == (0, "")
    first, *lines = out.splitlines()
    assert first == f"{project}/ledger/trials.db: 1,200 configurations scored in sample, 1 out of sample"
    words = [line.split() for line in lines]
    assert ["ES", "2024-01-02..2024-01-31", "inner", "policy", "0", "1", "0", "1,199", "1,200", "1,201"] in words
    assert ["NQ", "2024-01-02..2024-01-31", "outer", "ladder", "1", "0", "0", "0", "1", "1"] in words
    about = f"2024-01-02..2024-01-31 of ES  ana  {WHEN}  ab      gate of release"
    assert f"  1     0.0250  {about} 1" in lines
    assert f"  2     0.0083  {about} 2" in lines
    assert len({len(line) for line in lines[:3]}) == 1, "columns stand below each other"


def test_one_instrument_as_json(mia, project: Path) -> None:
    fill(project)
    code, out, _ = mia("ledger", "--instrument", "NQ", "--json")
    assert code == 0
    assert json.loads(out) == {
        "trials": [
            {
                "instrument": "NQ",
                "first_day": 20240102,
                "last_day": 20240131,
                "scope": "outer",
                "kind": "ladder",
                "launches": 1,
                "complete": 1,
                "pruned": 0,
                "failed": 0,
                "abandoned": 0,
                "configurations": 1,
            }
        ],
        "looks": [],
    }
    looks = json.loads(mia("ledger", "--json")[1])["looks"]
    assert [(look["look"], look["alpha"], look["instruments"]) for look in looks] == [
        (1, 0.025, ["ES"]),
        (2, 0.05 / 6, ["ES"]),
    ]


def test_nothing_yet(mia, project: Path) -> None:
    code, out, err = mia("ledger")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"{project}/ledger/trials.db: 0 configurations scored in sample, 0 out of sample",
        "0 looks at the sealed hold-out",
    ]


def test_one_line_where_it_cannot_be_read(mia, project: Path) -> None:
    (project / "ledger").mkdir()
    (project / "ledger" / "trials.db").write_text("no database" * 400)
    code, out, err = mia("ledger")
    assert (code, out) == (1, "")
    assert "file is not a database" in err
    assert err.count("\n") == 1
    code, _, err = mia("ledger", "--params", "gone.yaml")
    assert code == 1
    assert err.startswith("mia: gone.yaml: no such file")
