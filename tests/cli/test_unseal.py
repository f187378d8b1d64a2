"""`mia unseal` as a user meets it."""

import getpass
import os
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from mia_ml import settings
from mia_ml.cli import unseal
from mia_ml.core.tables import SCHEMAS
from mia_ml.ledger import ledger
from mia_ml.ledger.looks import Look
from mia_ml.store import parquet, sealed

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def world(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    chosen = yaml.safe_load((REPOSITORY / settings.PARAMS).read_text())
    chosen["source"] = {"kind": "tables", "path": "feed", "vix_path": "none.txt", "unique_sequence": False}
    (tmp_path / settings.PARAMS).write_text(yaml.safe_dump(chosen))
    for day in (20231226, 20231227):
        columns = {name: np.ones(1).astype(code) for name, code in SCHEMAS["trades"].columns.items()}
        parquet.write(Path("data/tables"), "trades", "ESH4", day, columns)
    sealed.seal(Path("data/tables"), Path("data/sealed"), 20231227)
    return tmp_path


def looks() -> list[Look]:
    with ledger.open("ledger/trials.db", Path.cwd()) as kept:
        return kept.looks()


def test_a_look_and_a_second_one(mia, world):
    code, out, err = mia("unseal", "--why", "gate of\n  release 1")
    assert (code, err) == (0, "")
    assert "look 1 at 2023-12-27..2023-12-27 of ES, 1 table file in data/unsealed" in out
    assert "alpha = 0.05 / (1 x 2) = 0.0250" in out
    assert len(parquet.inventory(Path("data/unsealed"))) == 2
    code, out, _ = mia("unseal", "--why", "curious", "--who", "ana", "--out", "elsewhere")
    assert code == 0
    assert "This is the 2nd look at this period" in out
    assert "alpha = 0.05 / (2 x 3) = 0.0083" in out
    first, second = looks()
    assert first == Look(
        1, getpass.getuser(), first.when_utc, "gate of release 1", 20231227, 20231227, ("ES",), 1, bundle=""
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", first.when_utc)
    assert (second.look, second.who, second.why) == (2, "ana", "curious")


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


class Killed(BaseException):
    pass


@pytest.mark.parametrize("step", range(1, 7))
def test_a_look_killed_anywhere_is_one_look(mia, world, monkeypatch, step: int) -> None:
    calls = 0

    def counted(*arguments, original, **named):
        nonlocal calls
        calls += 1
        if calls == step:
            raise Killed
        return original(*arguments, **named)

    with monkeypatch.context() as patch:
        for name in ("replace", "link"):
            original = getattr(os, name)
            patch.setattr(os, name, lambda *a, original=original, **k: counted(*a, original=original, **k))
        try:
            mia("unseal", "--why", "release 1")
        except Killed:
            shown = len(parquet.inventory(Path("data/unsealed")))
            assert len(looks()) == 1 or shown == 0
    assert mia("unseal", "--why", "release 1")[0] == 0
    assert [look.look for look in looks()] == ([1] if step < 6 else [1, 2])
    assert len(parquet.inventory(Path("data/unsealed"))) == 2


def test_the_bundle_that_is_judged_is_on_the_record(mia, world, monkeypatch) -> None:
    Path("artifacts/bundle").mkdir(parents=True)
    assert unseal.seal_of(Path("artifacts/bundle")) == ""
    Path("artifacts/bundle/manifest.json").write_text("{}")
    code, _, err = mia("unseal", "--why", "x")
    assert code == 1
    assert err.startswith("mia: artifacts/bundle: manifest.json")
    assert looks() == []
    monkeypatch.setattr(unseal, "seal_of", lambda bundle: "ab" * 32)
    _, out, _ = mia("unseal", "--why", "x")
    assert "for bundle abababababab, 1 table file" in out
    assert [look.bundle for look in looks()] == ["ab" * 32]


def test_without_a_ledger_nothing_is_shown(mia, world) -> None:
    Path("ledger").write_text("a file, no folder")
    code, _, err = mia("unseal", "--why", "x")
    assert code == 1
    assert "ledger" in err
    assert "give ledger.where a file that can be written" in err
    assert parquet.inventory(Path("data/unsealed")) == []
