"""The `mia` command as a user meets it: exit codes, one line on stderr, JSON on stdout."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mia_ml.sources import tables as tables_source

TS = 1_703_545_200_000_000_000 + np.arange(100) * 10**9


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "in" / "trades" / "ESH4" / "2023-12-26.parquet"
    path.parent.mkdir(parents=True)
    pd.DataFrame({"ts_event": TS, "price": 4800.25, "size": np.r_[0, np.ones(99, int)], "side": np.int8(1)}).to_parquet(
        path
    )
    return tmp_path / "in"


def test_help_is_quick_and_names_the_doors():
    heavy = {"numpy", "pandas", "numba", "pyarrow", "polars", "mlflow"}
    code = "import sys, mia_ml.cli as c; sys.argv = ['mia', '--help']\ntry: c.main()\nexcept SystemExit: pass\n"
    code += f"assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "ingest" in shown
    assert "audit" in shown


def test_ingest_tells_its_account_as_json(mia, folder, tmp_path):
    code, out, err = mia("ingest", "tables", folder, "--out", tmp_path / "out", "--json")
    account = json.loads(out)
    assert (code, err) == (0, "")
    assert {name: account[name] for name in ("in", "applied", "quarantined", "tables", "reasons")} == {
        "in": 100,
        "applied": 99,
        "quarantined": 1,
        "tables": {"trades": 99},
        "reasons": {"size not positive": 1},
    }


def test_ingest_and_audit_in_words(mia, folder, tmp_path):
    code, out, _ = mia("ingest", "tables", folder, "--out", tmp_path / "out")
    assert code == 0
    assert "100 records in = 99 applied + 1 quarantined" in out
    code, out, err = mia("audit", tmp_path / "out", "--max-quarantined", 0.01)
    assert (code, err) == (0, "")
    assert "size not positive 1" in out
    code, out, err = mia("audit", tmp_path / "out", "--max-quarantined", 0.001, "--json")
    assert code == 1
    assert json.loads(out)["passed"] is False
    assert err.count("\n") == 1
    assert "1 of 100 records quarantined" in err


def test_an_interrupted_ingest_goes_on_and_says_so(mia, folder, tmp_path, monkeypatch):
    later = folder / "trades" / "ESH4" / "2023-12-27.parquet"
    pd.read_parquet(folder / "trades" / "ESH4" / "2023-12-26.parquet").assign(ts_event=TS + 86_400 * 10**9).to_parquet(
        later
    )
    _, expected, _ = mia("ingest", "tables", folder, "--out", tmp_path / "whole", "--json")
    original = tables_source._file

    def interrupted(path):
        if path == later:
            raise KeyboardInterrupt
        return original(path)

    with monkeypatch.context() as patch:
        patch.setattr(tables_source, "_file", interrupted)
        assert mia("ingest", "tables", folder, "--out", tmp_path / "out")[0] != 0
    code, out, err = mia("ingest", "tables", folder, "--out", tmp_path / "out", "--json")
    assert (code, out) == (0, expected)
    assert err == "mia: resumed: 1 of 2 files were read before\n"


def test_a_bad_file_is_one_line_and_exit_1_the_others_are_ingested(mia, folder, tmp_path):
    bad = folder / "trades" / "ESM4" / "2023-12-26.parquet"
    bad.parent.mkdir()
    bad.write_bytes(b"")
    code, out, err = mia("ingest", "tables", folder, "--out", tmp_path / "out", "--json")
    assert code == 1
    assert json.loads(out)["applied"] == 99
    assert err.startswith(f"mia: {bad}: ")
    assert err.count("\n") == 1


def test_a_simulated_day_passes_its_own_audit(mia, tmp_path):
    code, out, _ = mia("ingest", "simulate", "--days", 1, "--intensity", 0.01, "--out", tmp_path, "--json")
    assert code == 0
    assert json.loads(out)["tables"].keys() == {"trades", "book", "options", "vix"}
    assert mia("audit", tmp_path)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ingest", "databnto", "x", "--out", "y"], "did you mean 'databento'?"),
        (["ingest", "databento", "--out", "y"], "needs at least one file"),
        (["ingest", "databento", "x"], "--out"),
        (["ingest", "simulate", "x", "--out", "y"], "reads no file"),
        (["ingest", "tables", "x", "--seed", "1", "--out", "y"], "--seed belongs to simulate"),
        (["ingest", "bars", "x", "--out", "y"], "needs --mapping"),
        (["ingestt"], "ingestt"),
        (["audit"], "DIR"),
        (["replay", "--tables", "x"], "--out"),
        (["replay", "--tables", "x", "--out", "y", "--chunks", "evnt"], "did you mean 'event'?"),
    ],
)
def test_wrong_usage_exits_2(mia, arguments, message):
    code, out, err = mia(*arguments)
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.parametrize(
    ("source", "path"),
    [("databento", "gone.dbn"), ("sierra", "gone.scid"), ("tables", "gone")],
)
def test_a_path_that_is_not_there_exits_1(mia, tmp_path, source, path):
    code, _, err = mia("ingest", source, tmp_path / path, "--out", tmp_path / "out")
    assert code == 1
    assert err.count("\n") == 1
    assert path in err


def test_a_folder_that_cannot_be_made_or_read_exits_1(mia, folder, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    for arguments in (["ingest", "tables", folder, "--out", file], ["audit", file], ["audit", tmp_path / "gone"]):
        code, _, err = mia(*arguments)
        assert code == 1
        assert err.count("\n") == 1
        assert "Traceback" not in err


def test_replay_refuses_in_one_line(mia, tmp_path):
    params = Path(__file__).parents[2] / "params.yaml"
    for tables, more, message in (
        (tmp_path, ["--params", tmp_path / "gone.yaml"], "gone.yaml: no such file"),
        (tmp_path / "gone", ["--params", params], "gone: not a directory of tables"),
        (tmp_path, ["--params", params], "no trades or book of ES; mia ingest writes them"),
    ):
        code, out, err = mia("replay", "--tables", tables, "--out", tmp_path / "rows.parquet", *more)
        assert (code, out) == (1, "")
        assert message in err
        assert err.count("\n") == 1
    assert not (tmp_path / "rows.parquet").exists()


def test_nothing_applied_exits_1(mia, folder, tmp_path):
    (folder / "trades" / "ESH4").rename(folder / "trades" / "XYZ")
    code, _, err = mia("ingest", "tables", folder, "--out", tmp_path / "out")
    assert code == 1
    assert "unknown symbol 100" in err


def test_the_real_hour(mia, shared_data, tmp_path):
    file = shared_data / "databento" / "esh4-glbx-mdp3-20231225.mbo.dbn.zst"
    code, out, _ = mia("ingest", "databento", file, "--out", tmp_path, "--json")
    account = json.loads(out)
    assert code == 0
    assert (account["in"], account["quarantined"], account["tables"]["trades"]) == (68_792, 0, 2_973)
    again = mia("ingest", "tables", tmp_path, "--out", tmp_path / "again", "--json")
    assert json.loads(again[1])["applied"] == sum(account["tables"].values())
