"""DBN files: whose records they are, and which files are refused."""

import datetime
from pathlib import Path
from typing import Any

import databento_dbn as dbn
import numpy as np
import pytest
import zstandard

from mia_ml.core.tables import FileDone
from tests.sources.databento_files import (
    DAY_ONE,
    ESH4,
    ESM4,
    ORDERS,
    POINT,
    START,
    Interval,
    Mapping,
    bar,
    definition,
    header,
    order,
    quote,
    read,
    write,
)


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
