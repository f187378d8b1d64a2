"""Tables that another writer made: what can be converted without loss is, the rest is refused by file and column."""

import os

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mia_ml.core.tables import SCHEMAS, Batch, FileDone, Reject
from mia_ml.sources import tables

TS = 1_703_545_200_000_000_000 + np.arange(6) * 10**9


def prints(**change) -> pd.DataFrame:
    columns = {"ts_event": TS, "price": np.full(6, 4800.25), "size": np.arange(1, 7), "side": np.ones(6, np.int8)}
    return pd.DataFrame(columns | change)


def save(root, frame, table="trades", symbol="ESH4"):
    path = root / table / symbol / "2023-12-26.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(path) if isinstance(frame, pd.DataFrame) else frame.write_parquet(path)
    return path


def only(items, kind):
    return [item for item in items if isinstance(item, kind)]


def refused(root) -> str:
    items = list(tables.read([root]))
    assert not only(items, Batch)
    (done,) = only(items, FileDone)
    assert str(root) in done.error
    assert "\n" not in done.error
    return done.error


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"price": np.full(6, 4800.25, np.float32)},
        {"size": np.arange(1, 7, dtype=np.int32), "side": np.ones(6, np.int64)},
        {"size": np.arange(1.0, 7.0)},
        {"ts_event": pd.to_datetime(TS, utc=True)},
        {"ts_event": pd.to_datetime(TS, utc=True).tz_convert("America/New_York")},
        {"colour": "red"},
    ],
)
def test_what_loses_nothing_is_converted(tmp_path, change):
    path = save(tmp_path, prints(**change))
    batch, done = tables.read([tmp_path])
    assert isinstance(batch, Batch)
    assert (batch.table, batch.symbol, batch.file, batch.row.tolist()) == (
        "trades",
        "ESH4",
        str(path),
        [1, 2, 3, 4, 5, 6],
    )
    assert {name: values.dtype for name, values in batch.columns.items()} == {
        name: np.dtype(code) for name, code in SCHEMAS["trades"].columns.items()
    }
    for name, values in prints().items():
        np.testing.assert_array_equal(batch.columns[name], values)
    assert done == FileDone(str(path), 6)


def test_polars_writes_tables_too(tmp_path):
    options = {name: [1.0, None] for name in SCHEMAS["options"].columns}
    frame = pl.DataFrame(options | {"ts_event": TS[:2], "provenance": ["vendor", None]})
    save(tmp_path, frame, "options", "SPX")
    batch, _ = tables.read([tmp_path])
    assert batch.columns["provenance"].tolist() == ["vendor", ""]
    np.testing.assert_array_equal(batch.columns["call_wall"], [1.0, np.nan])
    save(tmp_path, frame.with_columns(pl.col("provenance").cast(pl.Categorical)), "options", "SPX")
    assert next(tables.read([tmp_path])).columns["provenance"].tolist() == ["vendor", ""]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": np.full(6, 1.5)}, "column 'size' is double and cannot become int64 without loss"),
        ({"side": np.full(6, 300)}, "column 'side' is int64 and cannot become int8 without loss"),
        ({"price": np.full(6, 2**60 + 1)}, "column 'price' is int64 and cannot become float64 without loss"),
        ({"side": list("BBBBBB")}, "wanted int8"),
        ({"price": ["4800.25"] * 6}, "wanted float64"),
        ({"ts_event": pd.to_datetime(TS)}, "without a time zone"),
        ({"ts_event": ["2023-12-26"] * 6}, "wanted int64"),
    ],
)
def test_what_would_lose_something_is_refused(tmp_path, change, message):
    save(tmp_path, prints(**change))
    assert message in refused(tmp_path)


def test_a_missing_column_is_named(tmp_path):
    save(tmp_path, prints().drop(columns="side"))
    assert "column 'side' of trades is missing; found ts_event, price, size" in refused(tmp_path)


def test_a_missing_integer_refuses_its_row_a_missing_price_is_nan(tmp_path):
    save(tmp_path, prints(size=[1, 2, None, 4, 5, 6], price=[None] + [4800.25] * 5))
    items = list(tables.read([tmp_path]))
    assert [(item.row, item.reason, item.value) for item in only(items, Reject)] == [(3, "no value", "size")]
    (batch,) = only(items, Batch)
    assert batch.row.tolist() == [1, 2, 4, 5, 6]
    assert batch.columns["size"].tolist() == [1, 2, 4, 5, 6]
    assert np.isnan(batch.columns["price"][0])
    assert only(items, FileDone)[0].records == 6


def test_an_equal_print_is_a_duplicate_only_where_sequences_tell_records_apart(tmp_path):
    again = prints(sequence=np.arange(6)).iloc[[0, 1, 1, 2, 3, 4]]
    save(tmp_path, again)
    items = list(tables.read([tmp_path]))
    assert [(item.row, item.reason, item.value) for item in only(items, Reject)] == [(3, "duplicate", "sequence 1")]
    assert only(items, Batch)[0].row.tolist() == [1, 2, 4, 5, 6]
    shared = again.assign(sequence=[0, 1, 1, 2, 2, 4])  # two different prints share the 2
    save(tmp_path, shared)
    assert not only(tables.read([tmp_path]), Reject)
    save(tmp_path, again.drop(columns="sequence"))
    assert not only(tables.read([tmp_path]), Reject)


@pytest.mark.parametrize("content", [b"", b"ts_event,price\n", b"PAR1PAR1"])
def test_a_file_that_is_no_parquet_stops_no_other(tmp_path, content):
    save(tmp_path, prints()).write_bytes(content)
    save(tmp_path, prints(), symbol="ESM4")
    items = list(tables.read([tmp_path]))
    assert len(only(items, Batch)) == 1
    assert [bool(done.error) for done in only(items, FileDone)] == [True, False]


def test_names_that_are_no_table(tmp_path):
    save(tmp_path, prints(), table="trade")
    assert "unknown table 'trade': did you mean 'trades'?" in refused(tmp_path)


def test_nothing_there(tmp_path):
    assert "no table in this folder" in refused(tmp_path)
    assert "no such file or folder" in refused(tmp_path / "gone")


def test_the_quarantine_of_an_ingest_is_no_table(tmp_path):
    save(tmp_path, prints(), "_quarantine")
    save(tmp_path, prints())
    assert len(only(tables.read([tmp_path]), FileDone)) == 1


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    save(tmp_path, prints())
    locked = tmp_path / "trades" / "ESM4"
    locked.mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path) == str(locked):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    items = list(tables.read([tmp_path]))
    assert [done.error for done in only(items, FileDone)] == [f"{locked}: cannot be read: Permission denied", ""]
