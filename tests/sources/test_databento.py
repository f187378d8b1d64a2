"""DBN files made here record by record with the vendor's library: names, units, versions, and what is refused."""

import dataclasses
import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import databento_dbn as dbn
import numpy as np
import pytest
import zstandard

from mia_ml.core.moments import MINUTE
from mia_ml.core.tables import SCHEMAS, Batch, FileDone, Item, Reject
from mia_ml.sources import databento
from mia_ml.sources.databento import stream

START = 1_703_548_800_000_000_000  # 2023-12-26 00:00 UTC
DAY_ONE = datetime.date(2023, 12, 26)
ESH4, ESM4 = 17077, 17078
POINT = 1_000_000_000


@dataclasses.dataclass
class Interval:
    start_date: datetime.date
    end_date: datetime.date
    symbol: str


@dataclasses.dataclass
class Mapping:
    raw_symbol: str
    intervals: list[Interval]


def header(schema: Any, version: int = 3, **changes: Any) -> bytes:
    names = {"ESH4": ESH4, "ESM4": ESM4}
    until = DAY_ONE + datetime.timedelta(days=1)
    options: dict[str, Any] = {
        "dataset": "GLBX.MDP3",
        "start": START,
        "stype_in": dbn.SType.RAW_SYMBOL,
        "stype_out": dbn.SType.INSTRUMENT_ID,
        "schema": schema,
        "mappings": [Mapping(name, [Interval(DAY_ONE, until, str(number))]) for name, number in names.items()],
        "version": version,
    }
    return bytes(dbn.Metadata(**(options | changes)))


def fixed(points: float | None) -> int:
    return dbn.UNDEF_PRICE if points is None else int(points * POINT)


def order(action: str, side: str, order_id: int, points: float, size: int, ts: int, **changes: Any) -> Any:
    options: dict[str, Any] = {"flags": dbn.F_LAST, "instrument_id": ESH4, "publisher_id": 1}
    return dbn.MBOMsg(
        ts_event=START + ts,
        ts_recv=START + ts + 9,
        order_id=order_id,
        price=fixed(points),
        size=size,
        action=dbn.Action(action),
        side=dbn.Side(side),
        sequence=ts % 2**32,
        **(options | changes),
    )


def quote(kind: Any, action: str, side: str, points: float, ts: int, levels: list[tuple], **changes: Any) -> Any:
    pairs = [dbn.BidAskPair(fixed(bid), fixed(ask), bid_size, ask_size) for bid, bid_size, ask, ask_size in levels]
    options: dict[str, Any] = {"flags": dbn.F_LAST, "instrument_id": ESH4}
    if kind is dbn.MBP1Msg:
        options["levels"] = pairs[0]
    if kind is dbn.MBP10Msg:
        options["levels"] = pairs + [dbn.BidAskPair()] * (10 - len(pairs))
    return kind(
        publisher_id=1,
        ts_event=START + ts,
        price=fixed(points),
        size=2,
        action=dbn.Action(action),
        side=dbn.Side(side),
        depth=0,
        ts_recv=START + ts + 9,
        **(options | changes),
    )


def definition(instrument_id: int, symbol: str, ts: int = START, expiration: int = dbn.UNDEF_TIMESTAMP) -> Any:
    return dbn.InstrumentDefMsg(
        1,
        instrument_id,
        ts,
        ts,
        POINT // 4,
        POINT,
        symbol,
        "ES",
        "FUT",
        dbn.InstrumentClass.FUTURE,
        dbn.SecurityUpdateAction.ADD,
        expiration=expiration,
    )


def bar(ts: int) -> Any:
    return dbn.OHLCVMsg(33, 1, ESH4, START + ts, 100 * POINT, 102 * POINT, 99 * POINT, 101 * POINT, 7)


def write(path: Path, head: bytes, records: Iterable[Any] = (), tail: bytes = b"") -> Path:
    content = head + b"".join(bytes(record) for record in records) + tail
    path.write_bytes(zstandard.compress(content) if path.suffix == ".zst" else content)
    return path


def read(*paths: Path) -> tuple[dict[tuple[str, str], dict[str, np.ndarray]], list[Reject], list[FileDone]]:
    """Tables by name and symbol, the rejects, the ends of files."""
    items: list[Item] = list(databento.read(paths))
    tables: dict[tuple[str, str], list[Batch]] = {}
    for item in items:
        if isinstance(item, Batch):
            tables.setdefault((item.table, item.symbol), []).append(item)
            check_contract(item)
    joined = {
        key: {name: np.concatenate([batch.columns[name] for batch in batches]) for name in batches[0].columns}
        | {"row": np.concatenate([batch.row for batch in batches])}
        for key, batches in tables.items()
    }
    return (
        joined,
        [item for item in items if isinstance(item, Reject)],
        [item for item in items if isinstance(item, FileDone)],
    )


def check_contract(batch: Batch) -> None:
    schema = SCHEMAS[batch.table]
    assert set(schema.columns) <= set(batch.columns) <= set(schema.columns | schema.optional)
    for name, column in batch.columns.items():
        assert column.dtype == np.dtype((schema.columns | schema.optional)[name]), name
        assert column.shape == batch.row.shape
    assert batch.row.dtype == np.int64


ORDERS = [
    order("A", "B", 1, 4800.25, 3, 1),
    order("A", "A", 2, 4800.5, 4, 2),
    order("T", "B", 0, 4800.5, 1, 3, flags=0),
    order("F", "A", 2, 4800.5, 1, 3, flags=0),
    order("C", "A", 2, 4800.5, 1, 3),
    order("T", "A", 0, 4800.25, 3, 4, flags=0),
    order("C", "B", 1, 4800.25, 3, 4),
    order("T", "N", 0, 4800.25, 1, 5),
]


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


class TestNames:
    def test_definitions_name_what_a_header_does_not(self, tmp_path: Path):
        data = write(tmp_path / "a.dbn", header(dbn.Schema.MBO, mappings=[]), ORDERS)
        names = write(tmp_path / "z.dbn.zst", header(dbn.Schema.DEFINITION), [definition(ESH4, "ESH4")])
        tables, _, done = read(data, names)
        assert ("trades", "ESH4") in tables
        assert done == [FileDone(str(names), 1), FileDone(str(data), len(ORDERS))]

    def test_a_definition_holds_until_the_next_and_until_expiry(self, tmp_path: Path):
        day = 86_400 * POINT
        lines = [
            definition(ESH4, "OLD", START - 5 * day),
            definition(ESH4, "NEW", START, START + day),
        ]
        names = write(tmp_path / "d.dbn", header(dbn.Schema.DEFINITION), lines)
        for offset, symbol in ((-day, "OLD"), (0, "NEW"), (day, "NEW")):
            data = write(tmp_path / "a.dbn", header(dbn.Schema.MBO, mappings=[]), [order("T", "B", 0, 1, 1, offset)])
            assert set(read(names, data)[0]) == {("trades", symbol)}
        for offset in (-6 * day, 2 * day):
            data = write(tmp_path / "a.dbn", header(dbn.Schema.MBO, mappings=[]), [order("T", "B", 0, 1, 1, offset)])
            tables, _, done = read(names, data)
            assert not tables
            assert "has no name on" in done[1].error

    def test_a_continuous_symbol_is_not_a_contract(self, tmp_path: Path):
        until = DAY_ONE + datetime.timedelta(days=1)
        rule = [Mapping("ES.c.0", [Interval(DAY_ONE, until, str(ESH4))])]
        head = header(dbn.Schema.MBO, stype_in=dbn.SType.CONTINUOUS, mappings=rule)
        data = write(tmp_path / "a.dbn", head, ORDERS)
        tables, _, done = read(data)
        assert not tables
        assert "continuous symbol, not the contract): give its definition file too" in done[0].error
        names = write(tmp_path / "d.dbn", header(dbn.Schema.DEFINITION), [definition(ESH4, "ESH4")])
        assert ("book", "ESH4") in read(data, names)[0]

    def test_ids_may_be_asked_for_by_number(self, tmp_path: Path):
        until = DAY_ONE + datetime.timedelta(days=1)
        ids = [Mapping(str(ESH4), [Interval(DAY_ONE, until, "ESH4")])]
        stypes = {"stype_in": dbn.SType.INSTRUMENT_ID, "stype_out": dbn.SType.RAW_SYMBOL}
        tables, _, _ = read(write(tmp_path / "a.dbn", header(dbn.Schema.MBO, mappings=ids, **stypes), ORDERS))
        assert ("trades", "ESH4") in tables

    def test_an_unknown_instrument_stops_its_file_at_its_row(self, tmp_path: Path):
        stranger = order("T", "B", 0, 4800.25, 1, 6, instrument_id=5)
        path = write(tmp_path / "a.dbn", header(dbn.Schema.MBO), [*ORDERS, stranger, *ORDERS])
        tables, _, done = read(path)
        assert tables["trades", "ESH4"]["row"].tolist() == [3, 6, 8]
        assert done == [
            FileDone(
                str(path),
                len(ORDERS),
                f"{path}: row 9: unknown symbol: instrument 5 has no name on 2023-12-26: give its definition file too",
            )
        ]

    def test_what_follows_an_unknown_instrument_is_not_read(self, tmp_path: Path):
        lines = [
            quote(dbn.MBP1Msg, "A", "B", 9, ts, [(9, 1, 10, 1)], instrument_id=number)
            for ts, number in enumerate((ESH4, 5, ESM4))
        ]
        tables, _, (done,) = read(write(tmp_path / "a.dbn", header(dbn.Schema.MBP_1), lines))
        assert set(tables) == {("book", "ESH4")}
        assert done.records == 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "the file is empty"),
            (b"ts,price\n", "not a DBN file: it begins with"),
            (b"DBN\x03", "not a DBN file: shorter than a header"),
            (b"DBN\x09\x01\x00\x00\x00a", "DBN version 9, and the installed databento-dbn reads 1 to 3: upgrade it"),
            (header(dbn.Schema.MBO)[:50], "truncated inside its header"),
            (header(dbn.Schema.MBO)[:8] + b"\xff" * 999, "its DBN header is damaged"),
            (header(dbn.Schema.STATISTICS), "schema statistics is not used here: request one of mbo, mbp-1, mbp-10,"),
            (header(None, stype_in=None), "a live capture of several schemas: save each schema to a file of its own"),
            (zstandard.compress(b"x" * 99)[:9], "the zstd stream is truncated"),
            (zstandard.compress(b"x" * 99)[:6] + b"\xff" * 9, "the zstd stream is damaged"),
        ],
    )
    def test_what_is_no_market_data_is_refused_in_one_line(self, tmp_path: Path, content: bytes, reason: str):
        path = tmp_path / "a.dbn"
        path.write_bytes(content)
        tables, _, (done,) = read(path)
        assert not tables
        assert done.records == 0
        assert done.error.startswith(f"{path}: {reason}")
        assert "\n" not in done.error

    def test_a_bad_file_does_not_stop_the_next(self, tmp_path: Path):
        missing, good = tmp_path / "no.dbn", write(tmp_path / "b.dbn", header(dbn.Schema.MBO), ORDERS)
        tables, _, done = read(missing, good)
        assert done == [
            FileDone(str(missing), 0, f"{missing}: cannot be read (No such file or directory)"),
            FileDone(str(good), len(ORDERS)),
        ]
        assert tables

    def test_a_file_cut_inside_a_record_gives_what_came_before(self, tmp_path: Path):
        whole = write(tmp_path / "a.dbn", header(dbn.Schema.MBO), ORDERS).read_bytes()
        path = tmp_path / "cut.dbn"
        path.write_bytes(whole[:-70])
        tables, _, (done,) = read(path)
        assert tables["book", "ESH4"]["row"].tolist() == [1, 2, 5]
        assert done.records == 6
        assert done.error == f"{path}: row 7: the file ends inside a record: download it again"

    def test_a_cut_zstd_stream_gives_what_came_before(self, tmp_path: Path):
        many = [order("A", "B", i, 4000 + i * 7919 % 900, 1 + i % 7, i) for i in range(1, 9_000)]
        whole = write(tmp_path / "a.dbn.zst", header(dbn.Schema.MBO), many)
        cut = tmp_path / "cut.dbn.zst"
        cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 4])
        tables, _, (done,) = read(cut)
        assert 0 < done.records < len(many)
        complete, _, _ = read(whole)
        reached = complete["book", "ESH4"]["row"] <= done.records
        np.testing.assert_array_equal(tables["book", "ESH4"]["row"], complete["book", "ESH4"]["row"][reached])
        reason = "the zstd stream is truncated: download the file again"
        assert done.error == f"{cut}: row {done.records + 1}: {reason}"

    def test_several_zstd_frames_are_one_stream(self, tmp_path: Path):
        head, body = header(dbn.Schema.MBO), b"".join(map(bytes, ORDERS))
        path = tmp_path / "a.dbn.zst"
        path.write_bytes(b"".join(map(zstandard.compress, (head[:20], head[20:] + body[:99], body[99:]))))
        assert read(path)[2] == [FileDone(str(path), len(ORDERS))]

    def test_a_record_of_another_kind_stops_the_file(self, tmp_path: Path):
        path = write(tmp_path / "a.dbn", header(dbn.Schema.MBO), ORDERS, bytes(bar(0)))
        tables, _, (done,) = read(path)
        assert tables["trades", "ESH4"]["row"].tolist() == [3, 6, 8]
        assert done.records == len(ORDERS)
        assert "row 9: a record of type 33, 56 bytes (expected mbo: type 160, 56 bytes)" in done.error

    def test_two_venues_do_not_share_a_book(self, tmp_path: Path):
        other = order("A", "B", 5, 4800, 1, 9, publisher_id=2)
        _, _, (done,) = read(write(tmp_path / "a.dbn", header(dbn.Schema.MBO), [*ORDERS, other]))
        assert done.records == len(ORDERS)
        assert "row 9: publisher 2 after 1: request each venue in a file of its own" in done.error

    def test_a_folder_gives_its_dbn_files_in_order(self, tmp_path: Path):
        inner = tmp_path / "job"
        inner.mkdir()
        for name in ("b.dbn.zst", "a.dbn"):
            write(inner / name, header(dbn.Schema.MBO), ORDERS)
        (inner / "manifest.json").write_text("{}")
        assert [Path(end.file).name for end in read(tmp_path)[2]] == ["a.dbn", "b.dbn.zst"]

    def test_a_folder_without_dbn_files_says_so(self, tmp_path: Path):
        (tmp_path / "notes.txt").write_text("hello")
        (tmp_path / "deeper").mkdir()
        for folder in (tmp_path, tmp_path / "deeper"):
            *_, done = read(tmp_path, folder)[2]
            assert done.error == f"{folder}: no .dbn or .dbn.zst file in this folder"

    def test_a_file_without_records_is_an_empty_file_not_a_bad_one(self, tmp_path: Path):
        path = write(tmp_path / "a.dbn.zst", header(dbn.Schema.MBO))
        assert read(path) == ({}, [], [FileDone(str(path), 0)])

    def test_an_unreadable_folder_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        def deny(path: Any) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr("os.scandir", deny)
        (done,) = read(tmp_path)[2]
        assert done.error == f"{tmp_path}: cannot be read (Permission denied)"
