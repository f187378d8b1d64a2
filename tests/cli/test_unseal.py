"""`mia unseal` as a user meets it."""

import getpass
import json
import re
from pathlib import Path

import numpy as np
import pytest

from mia_ml.core.tables import SCHEMAS
from mia_ml.store import parquet, sealed


@pytest.fixture
def world(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for day in (20231226, 20231227):
        columns = {name: np.ones(1).astype(code) for name, code in SCHEMAS["trades"].columns.items()}
        parquet.write(Path("data/tables"), "trades", "ESH4", day, columns)
    sealed.seal(Path("data/tables"), Path("data/sealed"), 20231227)
    return tmp_path


def test_a_look_and_a_second_one(mia, world):
    code, out, err = mia("unseal", "--why", "gate of release 1")
    assert (code, err) == (0, "")
    assert "look 1 at 2023-12-27..2023-12-27 of ES, 1 table file in data/unsealed" in out
    assert "alpha = 0.05 / (1 x 2) = 0.0250" in out
    assert len(parquet.inventory(Path("data/unsealed"))) == 2
    code, out, _ = mia("unseal", "--why", "curious", "--who", "ana", "--out", "elsewhere")
    assert code == 0
    assert "This is the 2nd look at this period" in out
    assert "alpha = 0.05 / (2 x 3) = 0.0083" in out
    first, second = (json.loads(line) for line in Path("ledger/unsealed.jsonl").read_text().splitlines())
    assert (first["look"], first["who"], first["why"]) == (1, getpass.getuser(), "gate of release 1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", first["when_utc"])
    assert (second["look"], second["who"], second["why"]) == (2, "ana", "curious")


def test_a_reason_is_asked_for(mia, world):
    code, out, err = mia("unseal")
    assert (code, out) == (2, "")
    assert "--why" in err
    code, out, err = mia("unseal", "--why", " ")
    assert (code, out) == (1, "")
    assert err == "mia: a look at the hold-out needs its reason: say it with --why\n"
    assert not Path("ledger").exists()
    assert not Path("data/unsealed").exists()


def test_one_line_where_nothing_is_sealed(mia, world):
    code, _, err = mia("unseal", "--why", "x", "--sealed", "gone")
    assert (code, err) == (1, "mia: gone: not a directory of tables\n")
