"""Sierra Chart `.scid` and `.depth` files, from bytes composed by hand out of the published layout."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.tables import SCHEMAS, Batch, FileDone, Reject
from mia_ml.sources import sierra
from mia_ml.sources.sierra import binary

FIXTURES = Path(__file__).parent / "fixtures"
T0 = np.datetime64("2022-01-24T13:30:00", "ns").astype(np.int64)
SCID, DEPTH = "ESH22_FUT_CME.scid", "ESH22_FUT_CME.2022-01-24.depth"


def fixture_bytes(name: str) -> bytes:
    lines = (FIXTURES / f"{name}.hex").read_text().splitlines()
    return bytes.fromhex(" ".join(line.split("#")[0] for line in lines))


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def items(*paths: Path, **options):
    found = list(sierra.read(paths, **options))
    batches = [item for item in found if isinstance(item, Batch)]
    rejects = [item for item in found if isinstance(item, Reject)]
    done = [item for item in found if isinstance(item, FileDone)]
    return batches, rejects, done


def joined(batches: list[Batch]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([batch.columns[name] for batch in batches]) for name in batches[0].columns}


def test_scid_fixture_is_read_as_its_notes_say(tmp_path):
    (batch,), (reject,), (done,) = items(write(tmp_path, SCID, fixture_bytes(SCID)))
    assert (batch.table, batch.symbol) == ("trades", "ESH22")
    trades = batch.columns
    assert trades["price"].tolist() == [4347.75, 4347.5, 4347.5, 4347.25, 4347.25, 4347.5, 4347.5, 4347.5]
    assert trades["size"].tolist() == [3, 10, 4, 2, 1, 5, 1, 7]
    assert trades["side"].tolist() == [1, -1, -1, -1, -1, 1, 1, 0]
    assert batch.row.tolist() == [1, 2, 3, 4, 5, 6, 7, 9]
    assert (reject.row, reject.value) == (8, "open 4347.5")
    assert "37 trades" in reject.reason
    assert (done.records, done.error) == (9, "")
    for name, dtype in SCHEMAS["trades"].columns.items():
        assert trades[name].dtype == np.dtype(dtype)


def test_fills_of_one_unbundled_order_share_a_time_and_nothing_else_does(tmp_path):
    (batch,), _, _ = items(write(tmp_path, SCID, fixture_bytes(SCID)))
    micros = (batch.columns["ts_event"] - T0) // 1000
    assert micros.tolist() == [5000, 6000, 6000, 6000, 6003, 9000, 10000, 2_000_000]


@pytest.mark.parametrize("records_at_once", [1, 2, 3, 4])
def test_chunks_of_a_scid_file_do_not_show(tmp_path, monkeypatch, records_at_once):
    path = write(tmp_path, SCID, fixture_bytes(SCID))
    whole = joined(items(path)[0])
    monkeypatch.setattr(binary, "CHUNK_RECORDS", records_at_once)
    chopped = joined(items(path)[0])
    for name in whole:
        assert whole[name].tobytes() == chopped[name].tobytes()


def test_prices_stored_in_hundredths_land_on_the_tick(tmp_path):
    path = write(tmp_path, "ESH22.scid", fixture_bytes("ESH22_hundredths.scid"))
    (batch,), _, _ = items(path, price_multiplier=0.01)
    assert batch.columns["price"].tolist() == [4347.75]


def test_depth_fixture_gives_a_row_for_each_change_of_the_top_five(tmp_path):
    batches, rejects, (done,) = items(write(tmp_path, DEPTH, fixture_bytes(DEPTH)))
    book = joined(batches)
    assert list(book) == list(SCHEMAS["book"].columns)
    assert ((book["ts_event"] - T0) // 1_000_000).tolist() == [0, 1, 3, 4]
    assert np.concatenate([batch.row for batch in batches]).tolist() == [3, 7, 9, 10]
    bids = np.stack([book[f"bid_px_{k:02d}"] for k in range(5)], axis=1)
    sizes = np.stack([book[f"bid_sz_{k:02d}"] for k in range(5)], axis=1)
    nan = np.nan
    np.testing.assert_array_equal(
        bids,
        [
            [4347.5, nan, nan, nan, nan],
            [4347.5, 4347.25, 4347.0, 4346.75, 4346.5],
            [4347.5, 4347.25, 4347.0, 4346.75, 4346.5],
            [4347.25, 4347.0, 4346.75, 4346.5, 4346.25],
        ],
    )
    assert sizes.tolist() == [[34, 0, 0, 0, 0], [34, 20, 21, 22, 23], [34, 20, 21, 22, 23], [20, 21, 22, 23, 24]]
    assert book["ask_px_00"].tolist() == [4347.75] * 4
    assert book["ask_sz_00"].tolist() == [12, 12, 9, 9]
    assert [(reject.row, reject.table) for reject in rejects] == [(11, "book"), (12, "book")]
    assert "deletes a level" in rejects[0].reason
    assert "command 9" in rejects[1].value
    assert (done.records, done.error) == (13, "")


@pytest.mark.parametrize("records_at_once", [1, 2, 5])
def test_chunks_of_a_depth_file_do_not_show(tmp_path, monkeypatch, records_at_once):
    path = write(tmp_path, DEPTH, fixture_bytes(DEPTH))
    whole = joined(items(path)[0])
    monkeypatch.setattr(binary, "CHUNK_RECORDS", records_at_once)
    chopped = joined(items(path)[0])
    for name in whole:
        assert whole[name].tobytes() == chopped[name].tobytes()


LEVEL_CHANGES = st.lists(
    st.tuples(st.sampled_from([1, 2, 2, 3, 3, 4, 5, 6, 7]), st.integers(0, 11), st.integers(0, 3), st.booleans()),
    min_size=1,
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(changes=LEVEL_CHANGES)
def test_the_book_is_that_of_two_sorted_dictionaries(tmp_path_factory, changes):
    record = np.zeros(len(changes), sierra.depth.RECORD)
    levels: tuple[dict, dict] = ({}, {})
    expected, shown = [], ([], [])
    for i, (command, price, quantity, ends) in enumerate(changes):
        record[i]["time_us"], record[i]["command"], record[i]["flags"] = 3_852_192_600_000_000 + i, command, ends
        record[i]["price"], record[i]["quantity"] = 4000 + 0.25 * price, quantity
        side = levels[command % 2]
        if command == 1:
            levels[0].clear(), levels[1].clear()
        elif command >= 6 or quantity == 0:
            side.pop(4000 + 0.25 * price, None)
        else:
            side[4000 + 0.25 * price] = quantity
        now = sorted(levels[0].items(), reverse=True)[:5], sorted(levels[1].items())[:5]
        if ends and now != shown:
            expected.append((i + 1, now))
            shown = now
    content = fixture_bytes(DEPTH)[:64] + record.tobytes()
    batches, _, (done,) = items(write(tmp_path_factory.mktemp("depth"), DEPTH, content))
    assert done.records == len(changes)
    assert [int(row) for batch in batches for row in batch.row] == [row for row, _ in expected]
    if batches:
        book = joined(batches)
        for n, (_, (bids, asks)) in enumerate(expected):
            for name, side in (("bid", bids), ("ask", asks)):
                prices = [book[f"{name}_px_{k:02d}"][n] for k in range(len(side))]
                sizes = [book[f"{name}_sz_{k:02d}"][n] for k in range(5)]
                assert prices == [price for price, _ in side]
                assert sizes == [size for _, size in side] + [0] * (5 - len(side))


@pytest.mark.parametrize("name", [SCID, DEPTH])
@pytest.mark.parametrize(
    ("damage", "records", "text"),
    [
        (lambda raw: raw[:-3], "all but one", "truncated at byte"),
        (lambda raw: b"", 0, "empty file"),
        (lambda raw: raw[:20], 0, "ends in its header"),
        (lambda raw: b"PK\x03\x04" + raw[4:], 0, "begins with"),
        (lambda raw: raw[:8] + b"\x2c" + raw[9:], 0, "record_size is 44"),
        (lambda raw: raw[:12] + b"\x02" + raw[13:], 0, "version is 2"),
        (lambda raw: raw[:4] + b"\x41" + raw[5:], 0, "header_size is 65"),
    ],
)
def test_a_damaged_file_names_itself_and_the_damage(tmp_path, name, damage, records, text):
    whole = fixture_bytes(name)
    path = write(tmp_path, name, damage(whole))
    all_records = items(write(tmp_path, f"ESH22_whole{path.suffix}", whole))[2][0].records
    batches, _, (done,) = items(path)
    assert text in done.error
    assert path.name in done.error
    assert done.records == (all_records - 1 if records == "all but one" else records)
    assert bool(batches) == bool(done.records)


def test_a_bad_file_does_not_stop_the_others_and_a_folder_is_its_files(tmp_path):
    write(tmp_path, "ESH22_a.scid", b"")
    write(tmp_path, "ESH22_b.scid", fixture_bytes(SCID))
    batches, _, done = items(tmp_path)
    assert [bool(each.error) for each in done] == [True, False]
    assert len(batches) == 1


def test_unknown_symbols_files_and_folders_are_refused_with_the_remedy(tmp_path):
    path = write(tmp_path, "mydata.scid", fixture_bytes(SCID))
    assert "give the contract" in items(path)[2][0].error
    assert items(path, symbol="ESH2")[0][0].symbol == "ESH2"
    assert "not a Sierra Chart file" in items(write(tmp_path, "ES.dbn", b"x"))[2][0].error
    assert "cannot be read" in items(tmp_path / "ES_missing.scid")[2][0].error
    (tmp_path / "empty").mkdir()
    assert "in this folder" in items(tmp_path / "empty")[2][0].error
