"""Sierra Chart tick-by-tick text exports: ragged fractions, orders, and ladders that must not look ahead."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.errors import ConfigError
from mia_ml.core.tables import Batch, FileDone, Reject
from mia_ml.sources import delimited, sierra

LADDER = ";".join(f"{side}DOM_{k}" for k in range(5) for side in ("Ask", "Bid"))
HEADER = "Date;Time;Sequence;DepthSequence;Price;Volume;TradeType;AskDOMPrice;BidDOMPrice;" + LADDER
FIRST = np.datetime64("2022-01-24T13:30:00", "ns").astype(np.int64)


def line(time="13:30:00.5000", sequence=1, depth=0, price="4347.75", size="1", kind="2", ladder=1, date="2022-01-24"):
    sizes = ";".join(f"{ladder + k};{10 * ladder + k}" for k in range(5))
    return f"{date};{time};{sequence};{depth};{price};{size};{kind};4347.75;4347.5;{sizes}"


def read(path, lines, **options):
    file = path / "ES_export.txt"
    file.write_text("\n".join([HEADER, *lines]) + "\n")
    return list(sierra.read([file], **options))


def table(items, name):
    batches = [item for item in items if isinstance(item, Batch) and item.table == name]
    rows = np.concatenate([batch.row for batch in batches]) if batches else np.empty(0, int)
    names = batches[0].columns if batches else ()
    return {key: np.concatenate([batch.columns[key] for batch in batches]) for key in names}, rows


def test_the_real_export_is_read_to_the_last_row(shared_data):
    items = list(sierra.read([shared_data / "sierra" / "ES_tbt_2022-01-24.txt"]))
    trades, rows = table(items, "trades")
    (done,) = [item for item in items if isinstance(item, FileDone)]
    assert not [item for item in items if isinstance(item, Reject)]
    assert (done.records, done.error) == (2026, "")
    assert rows.tolist() == list(range(1, 2027))
    assert (np.diff(trades["ts_event"]) >= 0).all()
    assert np.bincount(trades["side"] + 1).tolist() == [1010, 0, 1016]
    assert np.unique(trades["ts_event"]).size == 611  # as many as there are runs of one DepthSequence
    assert trades["ts_event"][0] - FIRST == 5_000_000


def test_real_ladders_agree_with_quotes_at_the_time_given_to_them_and_not_a_row_earlier(shared_data):
    path = shared_data / "sierra" / "ES_tbt_2022-01-24.txt"
    book, rows = table(list(sierra.read([path])), "book")
    cells = [row.split(";") for row in path.read_text().splitlines()]
    ask, bid = cells[0].index("AskPrice"), cells[0].index("BidPrice")
    quotes = np.array([[float(row[bid]), float(row[ask])] for row in cells[1:]])
    best = np.stack([book["bid_px_00"], book["ask_px_00"]], axis=1)
    first_rows = np.concatenate([[0], rows[:-1]])  # a ladder's first row follows the last row of the one before
    agree = (best == quotes[rows]).all(axis=1).mean()  # rows count from 1: this is the row after the ladder's last
    agree_at_first = (best == quotes[first_rows]).all(axis=1).mean()
    assert agree > 0.8
    assert agree_at_first < 0.4


@settings(max_examples=60, deadline=None)
@given(micros=st.lists(st.integers(0, 999_999), min_size=1, max_size=12))
def test_a_fraction_without_leading_zeros_is_a_count_of_microseconds(tmp_path_factory, micros):
    lines = [line(time=f"13:30:00.{us}", sequence=i, depth=i) for i, us in enumerate(micros)]
    trades, _ = table(read(tmp_path_factory.mktemp("text"), lines), "trades")
    assert ((trades["ts_event"] - FIRST) // 1000).tolist() == micros


def test_a_decimal_fraction_can_be_asked_for_and_no_fraction_is_none(tmp_path):
    lines = [line(time="13:30:00.5", depth=1), line(time="13:30:01", depth=2)]
    trades, _ = table(read(tmp_path, lines, fraction="decimal"), "trades")
    assert (trades["ts_event"] - FIRST).tolist() == [500_000_000, 1_000_000_000]


def test_prints_between_two_book_updates_are_one_order(tmp_path):
    lines = [
        line(time="13:30:00.5000", depth=7),
        line(time="13:30:00.5001", depth=7),
        line(time="13:30:00.5002", depth=7, kind="1"),  # the other side
        line(time="13:30:00.5003", depth=9, kind="1"),  # after a book update
        line(time="13:30:00.6000", depth=9, kind="1"),  # the clock moved on
    ]
    trades, _ = table(read(tmp_path, lines), "trades")
    assert ((trades["ts_event"] - FIRST) // 1000).tolist() == [5000, 5000, 5002, 5003, 6000]
    assert trades["side"].tolist() == [1, 1, -1, -1, -1]


def test_a_ladder_is_known_only_when_the_next_one_shows(tmp_path):
    lines = [
        line(time="13:30:00.5000", ladder=1, depth=1),
        line(time="13:30:00.6000", ladder=1, depth=2),
        line(time="13:30:01.7000", ladder=2, depth=3),
        line(time="13:30:02.8000", ladder=3, depth=4),
    ]
    book, rows = table(read(tmp_path, lines), "book")
    assert ((book["ts_event"] - FIRST) // 1000).tolist() == [1_007_000, 2_008_000]
    assert rows.tolist() == [2, 3]
    assert book["ask_sz_00"].tolist() == [1, 2]
    assert book["bid_sz_04"].tolist() == [14, 24]
    assert book["ask_px_02"].tolist() == [4348.25, 4348.25]
    assert book["bid_px_02"].tolist() == [4347.0, 4347.0]


def test_an_empty_level_has_no_price(tmp_path):
    lines = [line(ladder=0, depth=1), line(time="13:30:01.1", ladder=2, depth=2)]
    book, _ = table(read(tmp_path, lines), "book")
    assert np.isnan(book["ask_px_00"][0])
    assert book["ask_sz_00"][0] == 0
    assert book["ask_px_01"][0] == 4348.0


def test_no_trade_sees_a_ladder_that_comes_after_it(tmp_path):
    lines = [line(time=f"13:30:{s:02d}.0", ladder=1 + s // 3, sequence=s, depth=s) for s in range(12)]
    for cut in range(1, 13):
        book, _ = table(read(tmp_path, lines[:cut]), "book")
        whole, _ = table(read(tmp_path, lines), "book")
        for name in book:
            assert book[name].tobytes() == whole[name][: book[name].size].tobytes()


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 400))
def test_any_split_into_blocks_gives_the_same_rows(tmp_path_factory, size):
    path = tmp_path_factory.mktemp("text")
    lines = [line(time=f"13:30:0{i // 4}.{1000 + i}", ladder=1 + i // 3, depth=i // 4) for i in range(12)]
    lines[5] = "garbage"
    whole = read(path, lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCK_BYTES", size)
        chopped = read(path, lines)
    for name in ("trades", "book"):
        (a, rows_a), (b, rows_b) = table(whole, name), table(chopped, name)
        assert rows_a.tolist() == rows_b.tolist()
        assert all(a[key].tobytes() == b[key].tobytes() for key in a)
    assert [i for i in whole if isinstance(i, Reject)] == [i for i in chopped if isinstance(i, Reject)]


@pytest.mark.parametrize(
    ("bad", "value"),
    [
        (line(price="abc"), "abc"),
        (line(price="nan"), "nan"),
        (line(size="1.5"), "1.5"),
        (line(kind="3"), "3"),
        (line(time="25:00:00.1"), "2022-01-24 25:00:00.1"),
        (line(time="13:30:00.1234567"), "2022-01-24 13:30:00.1234567"),
        (line(date="2022-02-30"), "2022-02-30 13:30:00.5000"),
        (line() + ";7", ""),
        ("", ""),
        ("\x00\x01garbage", ""),
        (line()[:40], ""),
    ],
)
def test_a_garbage_row_is_refused_with_its_row_and_value_and_nothing_else_is_lost(tmp_path, bad, value):
    items = read(tmp_path, [line(depth=1), bad, line(depth=2)])
    (reject,) = [item for item in items if isinstance(item, Reject)]
    _, rows = table(items, "trades")
    assert (reject.row, reject.value) == (2, value)
    assert rows.tolist() == [1, 3]
    assert items[-1].records == 3


def test_a_local_time_zone_is_turned_into_utc(tmp_path):
    trades, _ = table(read(tmp_path, [line(time="08:30:00.5000")], zone="America/New_York"), "trades")
    assert trades["ts_event"][0] - FIRST == 5_000_000


@pytest.mark.parametrize("content", ["", "\n\n", "a;b\n1;2\n", HEADER + "\n"])
def test_a_file_without_trades_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "ES_x.txt"
    path.write_text(content)
    (done,) = sierra.read([path])
    assert path.name in done.error
    assert "\n" not in done.error


@pytest.mark.parametrize("option", [{"zone": "Mars/Base"}, {"fraction": "nanos"}, {"price_multiplier": 0.0}])
def test_an_impossible_option_is_refused(tmp_path, option):
    with pytest.raises(ConfigError):
        read(tmp_path, [line()], **option)
