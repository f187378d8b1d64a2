"""Bar files: every real example to its last row, time stamps by hand, and bad rows refused with their reason."""

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.errors import ConfigError
from mia_ml.core.tables import SCHEMAS, Batch, FileDone, Reject
from mia_ml.sources import bars, delimited
from mia_ml.sources.bar_mapping import BarMapping

CONF = Path(__file__).resolve().parents[2] / "conf" / "source"
NAMED = {name: name for name in ("ts", "open", "high", "low", "close", "volume")}
POSITIONS = {name: k for k, name in enumerate(NAMED)}
HEADER = "ts,open,high,low,close,volume\n"


def utc(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


def shipped(name: str) -> tuple[BarMapping, str]:
    settings = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    assert settings["kind"] == "bars"
    return BarMapping.from_dict(settings["mapping"]), settings["symbol"]


def split(items):
    found = list(items)
    return tuple([item for item in found if isinstance(item, kind)] for kind in (Batch, Reject, FileDone))


def column(batches, name):
    return np.concatenate([batch.columns[name] for batch in batches])


def read_text(folder: Path, text: str, mapping: BarMapping | None = None, name: str = "bars.csv"):
    path = folder / name
    path.write_text(text)
    return split(bars.read([path], mapping or BarMapping(NAMED), "ES"))


def test_real_dollar_bars(shared_data):
    mapping, symbol = shipped("bars_es_dollar")
    batches, rejects, (done,) = split(bars.read([shared_data / "bars/es_dollar_bars_2015_2016.csv"], mapping, symbol))
    assert (done.records, done.error, rejects) == (24_079, "", [])
    ts = column(batches, "ts_event")
    assert ts.size == 24_079
    assert ts[0] == utc("2015-01-01T23:00:23.723")
    assert column(batches, "n_trades")[0] == 8478
    assert np.isnan(column(batches, "buy_volume")).all()
    # stamps are closes: a weekend's move lies inside the bar stamped after it
    after_weekend = np.flatnonzero(np.diff(ts) > 24 * 3600 * 10**9) + 1
    reach = column(batches, "high") - column(batches, "low")
    assert reach[after_weekend].mean() > 2 * reach[after_weekend - 1].mean()


def test_real_hourly_bars(shared_data):
    mapping, symbol = shipped("bars_spy_hourly")
    batches, rejects, (done,) = split(bars.read([shared_data / "bars/spy_hourly_1998_2021.zip"], mapping, symbol))
    assert (done.records, done.error, rejects) == (40_832, "", [])
    ts, close = column(batches, "ts_event"), column(batches, "close")
    assert ts[0] == utc("1998-01-02T15:00")  # the hour from 09:00 New York, winter
    assert close[0] == 97.03
    assert ts[-1] == utc("2021-03-31T20:00")  # the hour to 16:00 New York, summer
    assert close[-1] == 396.33
    assert (np.diff(ts) > 0).all()


def test_real_minute_bars_of_all_contracts(shared_data):
    mapping, symbol = shipped("bars_lean_minute")
    batches, rejects, done = split(bars.read([shared_data / "bars/es_minute_2013"], mapping, symbol))
    assert not rejects
    assert not [each.error for each in done if each.error]
    counts: dict[str, int] = {}
    for batch in batches:
        counts[batch.symbol] = counts.get(batch.symbol, 0) + batch.row.size
    assert counts == {"ESZ3": 6826, "ESH4": 1689, "ESM4": 24, "ESU4": 1, "ESZ4": 1}
    assert sum(each.records for each in done) == sum(counts.values())
    front = [batch for batch in batches if batch.symbol == "ESZ3"]
    ts, volume = column(front, "ts_event"), column(front, "volume")
    assert ts[0] == utc("2013-10-06T22:01")  # Sunday 18:00 New York is the first minute
    minute = ts // (60 * 10**9) % 1440
    by_minute = np.bincount(minute, weights=volume, minlength=1440)
    assert by_minute.argmax() == 20 * 60  # the minute that ends at 16:00 New York


def test_quotes_and_trades_are_no_bars_and_say_why(shared_data):
    mapping, symbol = shipped("bars_spy_hourly")
    batches, rejects, (quotes,) = split(bars.read([shared_data / "ticks/spy_quotes_1s_20131007.zip"], mapping, symbol))
    assert (batches, rejects) == ([], [])
    assert "row 1 has 11 cells" in quotes.error
    mapping, symbol = shipped("bars_lean_minute")
    _, _, (trades,) = split(bars.read([shared_data / "ticks/spy_trades_20131007.zip"], mapping, symbol))
    assert "does not match name_pattern" in trades.error


def test_columns_types_and_order_are_canonical(tmp_path):
    (batch,), _, _ = read_text(tmp_path, HEADER + "2015-01-02 10:00:00,1,2,0.5,1.5,7\n")
    assert list(batch.columns) == list(SCHEMAS["bars"].columns)
    for name, dtype in SCHEMAS["bars"].columns.items():
        assert batch.columns[name].dtype == np.dtype(dtype)


@pytest.mark.parametrize(
    ("stamp", "settings", "closes"),
    [
        ("2015-01-02 10:00:00.25", {}, "2015-01-02T10:00:00.25"),
        ("2015-01-02T10:00", {}, "2015-01-02T10:00"),
        ("2015-01-02", {}, "2015-01-02"),
        ("2015-01-02T10:00:00Z", {"time_zone": "America/New_York"}, "2015-01-02T10:00"),
        ("2015-01-02 10:00:00+01:00", {}, "2015-01-02T09:00"),
        ('"2015-01-02 10:00:00"', {}, "2015-01-02T10:00"),
        ("2015-01-02 10:00", {"time_zone": "America/New_York"}, "2015-01-02T15:00"),
        ("2015-07-02 10:00", {"time_zone": "America/New_York"}, "2015-07-02T14:00"),
        ("2015-01-02 10:00", {"stamp": "start", "period_s": 300}, "2015-01-02T10:05"),
        ("02.01.2015 10-30", {"time_format": "%d.%m.%Y %H-%M"}, "2015-01-02T10:30"),
        ("1420192800", {"time_format": "epoch_s"}, "2015-01-02T10:00"),
        ("1420192800000000001", {"time_format": "epoch_ns"}, "2015-01-02T10:00:00.000000001"),
    ],
)
def test_a_stamp_becomes_the_close_in_utc(tmp_path, stamp, settings, closes):
    (batch,), _, _ = read_text(tmp_path, f"{HEADER}{stamp},1,2,0.5,1.5,7\n", BarMapping(NAMED, **settings))
    assert batch.columns["ts_event"].tolist() == [utc(closes)]


def test_an_hour_that_happens_twice_and_one_that_never_does(tmp_path):
    mapping = BarMapping(NAMED, time_zone="America/New_York", stamp="start", period_s=1800)
    stamps = ["2021-11-07 00:30", "2021-11-07 01:00", "2021-11-07 01:30", "2021-11-07 01:00", "2021-11-07 01:30"]
    stamps += ["2021-11-07 02:00", "2022-03-13 02:30"]
    text = HEADER + "".join(f"{stamp},1,2,0.5,1.5,7\n" for stamp in stamps)
    (batch,), (reject,), _ = read_text(tmp_path, text, mapping)
    steps = np.diff(batch.columns["ts_event"]) // (60 * 10**9)
    assert steps.tolist() == [30] * 5
    assert batch.columns["ts_event"][0] == utc("2021-11-07T05:00")
    assert (reject.row, reject.value) == (7, "2022-03-13 02:30")


def test_bars_that_end_together_are_kept(tmp_path):
    row = "2015-01-02 10:00:00.123,1,2,0.5,1.5,7\n"
    (batch,), rejects, _ = read_text(tmp_path, HEADER + row + row)
    assert batch.row.tolist() == [1, 2]
    assert not rejects


@pytest.mark.parametrize(
    ("row", "reason", "value"),
    [
        ("soon,1,2,0.5,1.5,7", "no such date and time", "soon"),
        (",1,2,0.5,1.5,7", "no such date and time", ""),
        ("2015-01-02 10:00,x,2,0.5,1.5,7", "open is not a number", "x"),
        ("2015-01-02 10:00,1,2,nan,1.5,7", "low is not a number", "nan"),
        ("2015-01-02 10:00,1,2,0.5,1.5,", "volume is not a number", ""),
        ("2015-01-02 10:00,1,2,0.5,1.5,-7", "volume is negative", "-7"),
        ("2015-01-02 10:00,1,1.2,0.5,1.5,7", "not between", "1 1.2 0.5 1.5"),
        ("2015-01-02 10:00,1,2,1.1,1.5,7", "not between", "1 2 1.1 1.5"),
        ("2015-01-02 10:00,1,2,0.5,1.5,7,8", "more cells", ""),
        ("2015-01-02 10:00,1,2", "low is not a number", ""),
        ("", "no such date and time", ""),
    ],
)
def test_a_bad_row_is_refused_with_row_and_value_and_nothing_else_is_lost(tmp_path, row, reason, value):
    good = "2015-01-02 09:00,1,2,0.5,1.5,7\n"
    (batch,), (reject,), (done,) = read_text(tmp_path, HEADER + good + row + "\n" + good)
    assert reason in reject.reason
    assert (reject.row, reject.value, reject.table) == (2, value, "bars")
    assert batch.row.tolist() == [1, 3]
    assert done.records == 3


def test_volumes_by_side_stay_absent_where_the_file_has_none(tmp_path):
    mapping = BarMapping({**NAMED, "buy_volume": "buy", "sell_volume": "sell"})
    text = "ts,open,high,low,close,volume,buy,sell\n" + "2015-01-02 10:00,1,2,0.5,1.5,7,4,3\n"
    text += "2015-01-02 10:01,1,2,0.5,1.5,7,,\n" + "2015-01-02 10:02,1,2,0.5,1.5,7,x,3\n"
    (batch,), (reject,), _ = read_text(tmp_path, text, mapping)
    np.testing.assert_array_equal(batch.columns["buy_volume"], [4, np.nan])
    assert (reject.row, reject.value) == (3, "x")


def sample(rows: int) -> str:
    minutes = (f"2015-01-02 10:{k:02d}:00,{k},{k + 2},{k - 1},{k + 1},{k}\n" for k in range(rows))
    return HEADER + "".join(minutes)


def test_gzip_zip_and_parquet_give_what_plain_text_gives(tmp_path):
    text = sample(30)
    (plain,), _, _ = read_text(tmp_path, text)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("folder/one.csv", text)
        archive.writestr("two.csv", text.replace("\n", "\r\n"))
    frame = pl.read_csv(io.BytesIO(text.encode()), try_parse_dates=True)
    frame.write_parquet(tmp_path / "c.parquet")
    frame.with_columns(pl.col("ts").dt.replace_time_zone("UTC")).write_parquet(tmp_path / "d.parquet")
    for name in ("a.csv.gz", "b.zip", "c.parquet", "d.parquet"):
        batches, rejects, done = split(bars.read([tmp_path / name], BarMapping(NAMED), "ES"))
        assert not rejects
        assert not [each.error for each in done if each.error]
        for batch in batches:
            assert all(batch.columns[key].tobytes() == plain.columns[key].tobytes() for key in plain.columns)
    assert len(split(bars.read([tmp_path / "b.zip"], BarMapping(NAMED), "ES"))[0]) == 2


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 900))
def test_any_split_into_blocks_gives_the_same_bars(tmp_path_factory, size):
    folder = tmp_path_factory.mktemp("bars")
    text = sample(12).replace("10:05:00,5", "10:05:00,oops")
    whole = read_text(folder, text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCK_BYTES", size)
        chopped = read_text(folder, text)
    for name in whole[0][0].columns:
        assert column(whole[0], name).tobytes() == column(chopped[0], name).tobytes()
    assert whole[1:] == chopped[1:]


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.csv", b"", "empty file"),
        ("a.csv", HEADER.encode(), "a header and no bars"),
        ("a.csv", b"when,open\n1,2\n", "no column 'ts'"),
        ("a.csv.gz", gzip.compress(sample(2000).encode())[:-40], "cannot be read beyond row"),
        ("a.zip", b"PK\x03\x04 cut", "not a readable zip"),
        ("a.parquet", b"PAR1", "not a readable Parquet"),
        ("a.xlsx", b"", "not a bar file"),
    ],
)
def test_a_bad_file_names_itself_and_the_reason_in_one_line(tmp_path, name, content, text):
    path = tmp_path / name
    path.write_bytes(content)
    good = tmp_path / "good.csv"
    good.write_text(sample(3))
    batches, _, (bad, fine) = split(bars.read([path, good], BarMapping(NAMED), "ES"))
    assert text in bad.error
    assert name in bad.error
    assert "\n" not in bad.error
    assert (fine.records, fine.error) == (3, "")
    assert batches[-1].file == str(good)


def test_missing_files_empty_folders_and_missing_symbols(tmp_path):
    (tmp_path / "empty").mkdir()
    _, _, (missing, empty) = split(bars.read([tmp_path / "no.csv", tmp_path / "empty"], BarMapping(NAMED), "ES"))
    assert "no.csv" in missing.error
    assert "in this folder" in empty.error
    path = tmp_path / "a.csv"
    path.write_text(sample(1))
    _, _, (done,) = split(bars.read([path], BarMapping(NAMED)))
    assert "give the symbol" in done.error


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"columns": NAMED, "headr": True}, "did you mean 'header'"),
        ({}, "mapping.columns is missing"),
        ({"columns": {"ts": 0}}, "does not say where open"),
        ({"columns": {**NAMED, "vol": "v"}}, "unknown bar column 'vol'"),
        ({"columns": NAMED, "header": False}, "without a header"),
        ({"columns": NAMED, "stamp": "start"}, "period_s"),
        ({"columns": NAMED, "stamp": "middle"}, "unknown mapping.stamp"),
        ({"columns": NAMED, "time_zone": "Mars"}, "unknown time zone"),
        ({"columns": NAMED, "name_pattern": "("}, "name_pattern"),
        ({"columns": NAMED, "time_format": "ms_since_midnight"}, "date"),
        ({"columns": NAMED, "price_scale": 0}, "price_scale"),
        ({"columns": NAMED, "separator": "ab"}, "separator"),
    ],
)
def test_an_impossible_mapping_is_refused_in_one_line(settings, text):
    with pytest.raises(ConfigError, match=text) as refusal:
        BarMapping.from_dict(settings)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", sorted(path.stem for path in CONF.glob("bars_*.yaml")))
def test_every_shipped_mapping_is_sound(name):
    shipped(name)


def test_milliseconds_count_from_the_midnight_of_the_date_in_the_name(tmp_path):
    mapping = BarMapping(
        POSITIONS,
        header=False,
        time_format="ms_since_midnight",
        time_zone="America/New_York",
        name_pattern=r"^(?P<date>\d{8})_(?P<symbol>[a-z]+)",
    )
    text = "34200000,1,2,0.5,1.5,7\n86400001,1,2,0.5,1.5,7\n-1,1,2,0.5,1.5,7\n"
    (batch,), rejects, _ = read_text(tmp_path, text, mapping, "20131007_spy.csv")
    assert batch.symbol == "SPY"
    assert batch.columns["ts_event"].tolist() == [utc("2013-10-07T13:30")]
    assert [reject.row for reject in rejects] == [2, 3]
    _, _, (done,) = read_text(tmp_path, text, mapping, "20131307_spy.csv")
    assert "date '20131307'" in done.error
