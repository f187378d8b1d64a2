"""An hour of real ES orders and a sample of every schema, against a plain second reading of the same files."""

from pathlib import Path

import databento_dbn as dbn
import numpy as np
import pytest

from mia_ml.core.moments import NS
from mia_ml.core.tables import LEVELS, Batch, Columns, FileDone, Reject
from mia_ml.sources import databento
from tests.sources import reference_book
from tests.sources.reference_book import ReferenceBook, Top

OPEN_NS = 1_703_545_200 * NS  # 2023-12-25 23:00 UTC
N_SNAPSHOT = 8_725


@pytest.fixture(scope="module")
def hour_path(shared_data: Path) -> Path:
    path = shared_data / "databento" / "esh4-glbx-mdp3-20231225.mbo.dbn.zst"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout")
    return path


@pytest.fixture(scope="module")
def hour(hour_path: Path) -> dict[str, Columns]:
    """The tables of the real hour with their vendor rows, after checking that nothing was refused."""
    tables: dict[str, list[Batch]] = {"trades": [], "book": []}
    for item in databento.read([hour_path]):
        assert not isinstance(item, Reject), item
        if isinstance(item, FileDone):
            assert item == FileDone(str(hour_path), 68_792)
        else:
            assert item.symbol == "ESH4"
            tables[item.table].append(item)
    return {
        name: {column: np.concatenate([batch.columns[column] for batch in batches]) for column in batches[0].columns}
        | {"row": np.concatenate([batch.row for batch in batches])}
        for name, batches in tables.items()
    }


def top_of(book: Columns, i: int) -> Top:
    """Row `i` of a book table, as the plain book says it."""

    def side(kind: str) -> tuple[tuple[int, int], ...]:
        price = [book[f"{kind}_px_{level:02d}"][i] for level in range(LEVELS)]
        size = [book[f"{kind}_sz_{level:02d}"][i] for level in range(LEVELS)]
        return tuple((round(p * 1e9), int(s)) for p, s in zip(price, size, strict=True) if not np.isnan(p))

    return side("bid"), side("ask")


def test_the_book_equals_the_plain_one_at_any_time(hour_path: Path, hour: dict[str, Columns]):
    """After every event the last row says what the plain book says: nothing wrong is shown, no change is missed."""
    book = hour["book"]
    reference = ReferenceBook()
    shown = 0
    for row, record in enumerate(reference_book.records(hour_path), 1):
        flags = int(record.flags)
        message = (str(record.action), str(record.side), record.order_id, record.price, record.size, flags)
        assert not reference.apply(*message), row
        if row <= N_SNAPSHOT or not flags & reference_book.F_LAST:
            continue
        if shown < book["row"].size and book["row"][shown] == row:
            assert book["ts_event"][shown] == record.ts_event
            shown += 1
        assert reference.top() == (top_of(book, shown - 1) if shown else ((), ())), row
    assert shown == book["row"].size


def test_the_snapshot_gives_no_row_and_time_never_runs_back(hour: dict[str, Columns]):
    for table in hour.values():
        assert table["row"][0] > N_SNAPSHOT
        assert (np.diff(table["ts_event"]) >= 0).all()
        assert (np.diff(table["row"]) > 0).all()


def test_nothing_arrives_a_second_late(hour: dict[str, Columns]):
    for table in hour.values():
        lag = table["ts_recv"] - table["ts_event"]
        assert lag.min() > 0
        assert lag.max() < NS


def test_the_book_is_crossed_before_the_open_and_never_after(hour: dict[str, Columns]):
    book = hour["book"]
    crossed = book["bid_px_00"] >= book["ask_px_00"]
    assert crossed[book["ts_event"] < OPEN_NS].any()
    assert not crossed[book["ts_event"] >= OPEN_NS].any()


def test_trades_and_sides_are_as_printed(hour: dict[str, Columns]):
    trades, book = hour["trades"], hour["book"]
    assert trades["row"].size == 2_973
    assert trades["size"].sum() == 9_892
    assert [int((trades["side"] == side).sum()) for side in (1, -1, 0)] == [1_542, 1_430, 1]
    before = np.searchsorted(book["row"], trades["row"]) - 1
    bought, sold = trades["side"] > 0, trades["side"] < 0
    assert (trades["price"][bought] >= book["ask_px_00"][before[bought]]).all()
    assert (trades["price"][sold] <= book["bid_px_00"][before[sold]]).all()


def test_the_imbalance_leads_the_mid_price_by_its_sign(hour: dict[str, Columns]):
    book = hour["book"]
    seconds = np.arange(OPEN_NS + NS, book["ts_event"][-1] - NS, NS)
    now, then = (np.searchsorted(book["ts_event"], at, side="right") - 1 for at in (seconds, seconds + NS))
    mid = (book["bid_px_00"] + book["ask_px_00"]) / 2
    bid, ask = book["bid_sz_00"][now], book["ask_sz_00"][now]
    assert 0.15 < np.corrcoef((bid - ask) / (bid + ask), mid[then] - mid[now])[0, 1] < 0.21


EXPECTED = {
    "mbo": {},
    "mbp-1": {"book"},
    "mbp-10": {"book"},
    "tbbo": {"book", "trades"},
    "trades": {"trades"},
    "ohlcv-1m": {"bars"},
    "definition": {},
}


@pytest.mark.parametrize("schema", EXPECTED)
def test_each_sample_gives_its_tables(shared_data: Path, schema: str):
    path = shared_data / "databento" / "samples" / f"test_data.{schema}.dbn.zst"
    *batches, done = databento.read([path])
    records = list(reference_book.records(path))
    assert done == FileDone(str(path), len(records))
    assert {batch.table for batch in batches if isinstance(batch, Batch)} == set(EXPECTED[schema])
    assert all(isinstance(batch, Batch) and batch.symbol == "ESH1" for batch in batches)
    for batch in batches:
        assert isinstance(batch, Batch)
        for i, row in enumerate(batch.row):
            same_record(batch, i, records[row - 1])


def same_record(batch: Batch, i: int, record: object) -> None:
    """Row `i` of a batch holds what the vendor's object says."""
    value = {name: column[i] for name, column in batch.columns.items()}
    if isinstance(record, dbn.OHLCVMsg):
        assert value["ts_event"] == record.ts_event + 60 * NS
        assert (value["open"], value["close"]) == (record.pretty_open, record.pretty_close)
        assert value["volume"] == record.volume
        return
    assert isinstance(record, dbn.MBP1Msg | dbn.MBP10Msg | dbn.TradeMsg)
    assert (value["ts_event"], value["ts_recv"]) == (record.ts_event, record.ts_recv)
    if batch.table == "trades":
        assert (value["price"], value["size"]) == (record.pretty_price, record.size)
        assert value["side"] == {"B": 1, "A": -1, "N": 0}[str(record.side)]
    else:
        levels = record.levels if isinstance(record.levels, list) else [record.levels]
        for level, pair in enumerate(levels[:LEVELS]):
            assert value[f"bid_px_{level:02d}"] == pair.pretty_bid_px
            assert (value[f"bid_sz_{level:02d}"], value[f"ask_sz_{level:02d}"]) == (pair.bid_sz, pair.ask_sz)


@pytest.mark.parametrize("schema", ["statistics", "bbo-1s"])
def test_samples_of_other_schemas_are_refused_by_name(shared_data: Path, schema: str):
    path = shared_data / "databento" / "samples" / f"test_data.{schema}.dbn.zst"
    (done,) = databento.read([path])
    assert isinstance(done, FileDone)
    assert done.error.startswith(f"{path}: schema {schema} is not used here")
