"""DBN files of every schema: units, versions, and what a record becomes."""

from pathlib import Path
from typing import Any

import databento_dbn as dbn
import numpy as np
import pytest

from mia_ml.core.moments import MINUTE
from mia_ml.core.tables import FileDone, Reject
from mia_ml.sources.databento import stream
from tests.sources.databento_files import ESM4, ORDERS, START, bar, header, order, quote, read, write


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("name", ["a.mbo.dbn", "a.mbo.dbn.zst"])
def test_orders_give_trades_and_a_book(tmp_path: Path, version: int, name: str):
    tables, rejects, done = read(write(tmp_path / name, header(dbn.Schema.MBO, version), ORDERS))
    trades, book = tables["trades", "ESH4"], tables["book", "ESH4"]
    assert trades["side"].tolist() == [1, -1, 0]
    assert trades["price"].tolist() == [4800.5, 4800.25, 4800.25]
    assert trades["size"].tolist() == [1, 3, 1]
    assert (trades["ts_event"] - START).tolist() == trades["sequence"].tolist() == [3, 4, 5]
    assert trades["row"].tolist() == [3, 6, 8]
    assert book["row"].tolist() == [1, 2, 5, 7]
    assert book["bid_sz_00"].tolist() == [3, 3, 3, 0]
    assert book["ask_sz_00"].tolist() == [0, 4, 3, 3]
    np.testing.assert_array_equal(book["bid_px_00"], [4800.25, 4800.25, 4800.25, np.nan])
    assert np.isnan(book["bid_px_01"]).all()
    assert (book["ts_recv"] - book["ts_event"]).tolist() == [9] * 4
    assert not rejects
    assert done == [FileDone(str(tmp_path / name), len(ORDERS))]


def test_an_unknown_order_is_rejected_and_the_rest_goes_on(tmp_path: Path):
    path = write(tmp_path / "a.dbn", header(dbn.Schema.MBO), [order("C", "B", 9, 1, 2, 0), *ORDERS])
    tables, rejects, done = read(path)
    assert rejects == [Reject(str(path), 1, "order unknown", "order 9 action C size 2", "book")]
    assert tables["book", "ESH4"]["row"].tolist() == [2, 3, 6, 8]
    assert done[0].records == len(ORDERS) + 1


def test_contracts_of_one_file_keep_books_of_their_own(tmp_path: Path):
    lines = [
        order("A", "B", 1, 100, 3, 1, flags=0),
        order("A", "B", 1, 200, 4, 1, instrument_id=ESM4),
        order("M", "B", 1, 101, 3, 2),
    ]
    tables, rejects, _ = read(write(tmp_path / "a.dbn", header(dbn.Schema.MBO), lines))
    assert tables["book", "ESH4"]["bid_px_00"].tolist() == [100, 101]
    assert tables["book", "ESM4"]["bid_px_00"].tolist() == [200]
    assert not rejects


def test_where_the_file_is_cut_into_blocks_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    quotes = [quote(dbn.MBP1Msg, "A", "B", 9, i, [(9, 1 + i, 10, 1)], flags=dbn.F_LAST * (i % 2)) for i in range(9)]
    paths = [
        write(tmp_path / "a.dbn", header(dbn.Schema.MBO), ORDERS),
        write(tmp_path / "b.dbn", header(dbn.Schema.MBP_1), quotes),
    ]
    whole, _, _ = read(*paths)
    monkeypatch.setattr(stream, "BLOCK_BYTES", 100)
    monkeypatch.setattr(stream, "READ_BYTES", 7)
    cut, _, done = read(*paths)
    assert [end.records for end in done] == [len(ORDERS), len(quotes)]
    assert whole.keys() == cut.keys()
    for key, table in whole.items():
        for name, column in table.items():
            np.testing.assert_array_equal(column, cut[key][name])


def test_ten_levels_give_five_and_a_change_below_them_no_row(tmp_path: Path):
    levels = [(100 - i, 10 + i, 101 + i, 20 + i) for i in range(10)]
    deeper = [*levels[:7], (93, 99, 108, 99), *levels[8:]]
    lines = [
        quote(dbn.MBP10Msg, "A", "B", 100, 1, levels),
        quote(dbn.MBP10Msg, "A", "B", 93, 2, deeper),
        quote(dbn.MBP10Msg, "T", "A", 100, 3, levels, flags=0),
        quote(dbn.MBP10Msg, "C", "B", 100, 3, levels[1:]),
    ]
    tables, _, _ = read(write(tmp_path / "a.dbn", header(dbn.Schema.MBP_10), lines))
    book = tables["book", "ESH4"]
    assert book["row"].tolist() == [1, 4]
    assert [float(book[f"bid_px_{i:02d}"][0]) for i in range(5)] == [100, 99, 98, 97, 96]
    assert [int(book[f"ask_sz_{i:02d}"][1]) for i in range(5)] == [21, 22, 23, 24, 25]
    assert tables["trades", "ESH4"]["side"].tolist() == [-1]


@pytest.mark.parametrize("schema", [dbn.Schema.MBP_1, dbn.Schema.TBBO])
def test_one_level_leaves_the_deeper_ones_without_price(tmp_path: Path, schema: Any):
    flags = 0 if schema == dbn.Schema.TBBO else dbn.F_LAST
    lines = [quote(dbn.MBP1Msg, "T", "B", 101, i, [(100, 5 + i, 101, 7)], flags=flags) for i in range(2)]
    tables, _, _ = read(write(tmp_path / "a.dbn", header(schema), lines))
    book = tables["book", "ESH4"]
    assert book["bid_sz_00"].tolist() == [5, 6]
    assert all(np.isnan(book[f"{side}_px_{i:02d}"]).all() for side in ("bid", "ask") for i in range(1, 5))
    assert not any(book[f"{side}_sz_{i:02d}"].any() for side in ("bid", "ask") for i in range(1, 5))
    assert tables["trades", "ESH4"]["size"].tolist() == [2, 2]


def test_a_missing_side_has_no_price(tmp_path: Path):
    lines = [quote(dbn.MBP1Msg, "A", "A", 101, 1, [(None, 0, 101, 7)])]
    tables, _, _ = read(write(tmp_path / "a.dbn", header(dbn.Schema.MBP_1), lines))
    assert np.isnan(tables["book", "ESH4"]["bid_px_00"][0])


def test_bars_are_stamped_by_their_close_and_have_no_sides(tmp_path: Path):
    tables, _, _ = read(write(tmp_path / "a.dbn", header(dbn.Schema.OHLCV_1M), [bar(0), bar(MINUTE)]))
    bars = tables["bars", "ESH4"]
    assert (bars["ts_event"] - START).tolist() == [MINUTE, 2 * MINUTE]
    assert [bars[name][0] for name in ("open", "high", "low", "close", "volume")] == [100, 102, 99, 101, 7]
    assert all(np.isnan(bars[name]).all() for name in ("buy_volume", "sell_volume", "n_trades"))


def test_trades_of_a_live_feed_carry_a_send_time_that_is_left_out(tmp_path: Path):
    lines = [quote(dbn.TradeMsg, "T", "B", 100 + i, i, [], ts_out=START + 99) for i in range(3)]
    content = [bytes(line) for line in lines]
    assert {len(record) for record in content} == {dbn.TradeMsg.size_hint + 8}
    tables, _, done = read(write(tmp_path / "a.dbn", header(dbn.Schema.TRADES, ts_out=True), content))
    assert tables["trades", "ESH4"]["price"].tolist() == [100, 101, 102]
    assert done[0] == FileDone(str(tmp_path / "a.dbn"), 3)


def test_a_record_without_event_time_is_rejected(tmp_path: Path):
    lines = [quote(dbn.TradeMsg, "T", "B", 100, 1, []), quote(dbn.TradeMsg, "T", "B", 100, 2, [])]
    timeless = bytearray(bytes(lines[1]))
    timeless[8:16] = b"\xff" * 8
    tables, rejects, done = read(write(tmp_path / "a.dbn", header(dbn.Schema.TRADES), lines, bytes(timeless)))
    assert tables["trades", "ESH4"]["row"].tolist() == [1, 2]
    assert [(reject.row, reject.reason) for reject in rejects] == [(3, "no event time")]
    assert done[0].records == 3
