"""The data audit: what is missing, silent, unknown or refused is found, and nothing else."""

import json

import numpy as np
import pytest

from mia_ml.core import calendar, moments
from mia_ml.core.errors import ConfigError, TableError
from mia_ml.core.tables import LEVELS, Batch, FileDone
from mia_ml.store import parquet
from mia_ml.store.audit import Limits, audit
from mia_ml.store.audit_page import text
from mia_ml.store.ingest import ingest
from mia_ml.store.rules import Rules

S = moments.NS
MINUTE = moments.MINUTE
CALENDAR = calendar.load("cme_globex", 2023, 2024)


def prints(day: int, every_s: int = 600) -> dict[str, np.ndarray]:
    session = CALENDAR.at(day)
    ts = np.arange(session["open_ns"], session["close_ns"], every_s * S)
    return {
        "ts_event": ts,
        "price": np.full(ts.size, 4800.0),
        "size": np.full(ts.size, 2),
        "side": np.ones(ts.size, np.int8),
    }


def texts(found: dict, severity: str) -> list[str]:
    return [finding["text"] for finding in found["findings"] if finding["severity"] == severity]


def test_a_sound_week_with_a_holiday_has_no_finding(tmp_path):
    for day in (20231221, 20231222, 20231226, 20231227):  # the 25th is closed
        parquet.write(tmp_path, "trades", "ESH4", day, prints(day))
    found = audit(tmp_path)
    assert found["findings"] == []
    assert found["passed"]
    es = found["tables"]["trades"]["ES"]
    assert (es["days"], es["days_expected"], es["days_missing"]) == (4, 4, [])
    assert es["by_day"]["2023-12-26"] == {
        "rows": 138,
        "contracts": 276,
        "silent_minutes": 10.0,
        "silent_from": "2023-12-25T23:00:00.000000000Z",
    }
    assert json.loads(json.dumps(found)) == found
    assert "passed" in text(found)


def test_a_missing_day_is_named_and_too_many_close_the_gate(tmp_path):
    for day in (20231220, 20231221, 20231226):
        parquet.write(tmp_path, "trades", "ESH4", day, prints(day))
    few, many = audit(tmp_path, Limits(max_missing_days=0.3)), audit(tmp_path, Limits(max_missing_days=0.2))
    assert texts(few, "warning") == ["trades ES: 1 of 4 days missing: 2023-12-22"]
    assert few["passed"]
    assert texts(many, "error") == texts(few, "warning")
    assert not many["passed"]


def test_the_next_contract_continues_the_one_before(tmp_path):
    parquet.write(tmp_path, "trades", "ESZ3", 20231214, prints(20231214))
    parquet.write(tmp_path, "trades", "ESH4", 20231215, prints(20231215))
    assert audit(tmp_path)["tables"]["trades"]["ES"]["symbols"] == ["ESH4", "ESZ3"]
    assert audit(tmp_path)["findings"] == []


def test_the_longest_silence_is_found_within_trading_hours(tmp_path):
    columns = prints(20231226)
    hole = (columns["ts_event"] >= columns["ts_event"][50]) & (columns["ts_event"] < columns["ts_event"][60])
    parquet.write(tmp_path, "trades", "ESH4", 20231226, {name: values[~hole] for name, values in columns.items()})
    found = audit(tmp_path)
    day = found["tables"]["trades"]["ES"]["by_day"]["2023-12-26"]
    assert day["silent_minutes"] == 110.0
    assert day["silent_from"] == moments.utc(columns["ts_event"][49])
    assert "longest 110 minutes on 2023-12-26" in texts(found, "warning")[0]
    assert audit(tmp_path, Limits(quiet_minutes=111))["findings"] == []


def test_the_share_of_unknown_aggressors(tmp_path):
    columns = prints(20231226)
    columns["side"][:69] = 0
    parquet.write(tmp_path, "trades", "ESH4", 20231226, columns)
    assert audit(tmp_path)["tables"]["trades"]["ES"]["unknown_side"] == 0.5
    assert not audit(tmp_path)["passed"]
    assert audit(tmp_path, Limits(max_unknown_side=0.5))["passed"]


def test_the_spread_by_exchange_hour_is_weighted_by_time(tmp_path):
    half_past_nine = int(CALENDAR.at(20231226)["rth_open_ns"])
    ts = half_past_nine + np.array([0, 45, 60, 90]) * MINUTE  # 09:30, 10:15, 10:30, 11:00
    columns = {"ts_event": ts}
    for level in range(LEVELS):
        columns[f"bid_px_{level:02d}"] = 4800.0 - 0.25 * level + np.zeros(4)
        columns[f"ask_px_{level:02d}"] = np.array([4800.25, 4800.5, 4801.0, np.nan]) + 0.25 * level
        columns[f"bid_sz_{level:02d}"] = columns[f"ask_sz_{level:02d}"] = np.full(4, 5)
    parquet.write(tmp_path, "book", "ESH4", 20231226, columns)
    spread = audit(tmp_path)["tables"]["book"]["ES"]["spread_ticks_by_hour"]
    assert spread == {"09": 1.0, "10": round((15 * 2 + 30 * 4) / 45, 4)}


def test_what_ingest_refused_is_counted_by_reason_and_limited(tmp_path):
    columns = prints(20231226)
    columns["size"][3] = 0
    batch = Batch("trades", "ESH4", columns, "f", np.arange(1, 139))
    ingest([batch, FileDone("f", 138)], tmp_path, Rules())
    found = audit(tmp_path)
    assert (found["records"], found["quarantined"]) == (138, 1)
    assert found["quarantined_by_reason"] == {"size not positive": 1}
    assert texts(found, "info") == ["1 of 138 records quarantined"]
    assert not audit(tmp_path, Limits(max_quarantined=0.007))["passed"]


def test_a_file_cut_short_and_a_cut_off_ingest_close_the_gate(tmp_path):
    batch = Batch("trades", "ESH4", prints(20231226), "f", np.arange(1, 139))
    ingest([batch, FileDone("f", 138, "f: truncated")], tmp_path, Rules())
    assert texts(audit(tmp_path), "error") == ["f: not read to its end: f: truncated"]
    manifest = tmp_path / "_manifest.json"
    manifest.write_text(manifest.read_text().replace('"complete": true', '"complete": false'))
    assert any("cut off" in line for line in texts(audit(tmp_path), "error"))


def test_broken_files_and_closed_days_are_findings(tmp_path):
    parquet.write(tmp_path, "trades", "ESH4", 20231226, prints(20231226)).write_bytes(b"PAR1")
    parquet.write(tmp_path, "trades", "ESH4", 20231225, prints(20231226))
    errors = texts(audit(tmp_path), "error")
    assert any("not a readable Parquet file" in line for line in errors)
    assert any("20231225 is not a trading day" in line for line in errors)


def test_an_empty_folder_does_not_pass_and_no_folder_is_refused(tmp_path):
    assert not audit(tmp_path)["passed"]
    with pytest.raises(TableError, match="not a directory"):
        audit(tmp_path / "nothing")


@pytest.mark.parametrize("limits", [{"max_quarantined": 1.1}, {"max_missing_days": -0.1}, {"quiet_minutes": np.nan}])
def test_nonsense_limits_are_refused(limits):
    with pytest.raises(ConfigError, match=next(iter(limits))):
        Limits(**limits)
