"""Replay of DBN files: the rows of the reader, in event order over all files; the real hour of ES orders."""

from pathlib import Path
from typing import Any

import databento_dbn as dbn
import numpy as np
import pytest

from mia_ml.core.errors import SourceError
from mia_ml.core.moments import MINUTE, NS
from mia_ml.sources import databento
from mia_ml.sources.databento import stream
from serving.feeds import feed
from serving.feeds.dbn import DbnFeed
from tests.serving.feeds import contract
from tests.serving.feeds.contract import Source, collect, rows_of, run, tables_of
from tests.sources.databento_files import ESM4, START, header, order, quote, write

GRACE_NS = 250_000_000


def make(path: Path) -> DbnFeed:
    return DbnFeed("recording", path, GRACE_NS, pace=0.0)


def quotes(kind: Any, n: int, offset: int = 0, **changes: Any) -> list[Any]:
    """Prints and quotes, several of them at the same moment."""
    made = []
    for i in range(n):
        action = "T" if i % 3 == 0 else "A"
        levels = [(100 + i % 5, 1 + i % 7, 101 + i % 5, 2)]
        made.append(quote(kind, action, "B", 100 + i % 5, offset + i // 2 * 40_000_000, levels, **changes))
    return made


class TestContract(contract.FeedContract):
    """A folder: quotes of one contract, orders of another, trades of the next hour."""

    screened = False

    @pytest.fixture(scope="class")
    @classmethod
    def source(cls, tmp_path_factory: pytest.TempPathFactory) -> Source:
        folder = tmp_path_factory.mktemp("dbn")
        hour = 3_600 * NS
        write(folder / "later.dbn.zst", header(dbn.Schema.TRADES, start=START + hour), quotes(dbn.TradeMsg, 50, hour))
        write(folder / "b.dbn", header(dbn.Schema.MBP_1), quotes(dbn.MBP1Msg, 300))
        orders = [order("A", "B", i, 100, 1 + i % 3, i * 23_000_000, instrument_id=ESM4) for i in range(1, 200)]
        write(folder / "c.dbn", header(dbn.Schema.MBO), orders)
        return Source(lambda: make(folder), contract.joined(list(databento.read([folder]))))


class TestRealHour(contract.FeedContract):
    screened = False

    @pytest.fixture(scope="class")
    @classmethod
    def source(cls, shared_data: Path) -> Source:
        path = shared_data / "databento" / "esh4-glbx-mdp3-20231225.mbo.dbn.zst"
        return Source(lambda: make(path), contract.joined(list(databento.read([path]))))


@pytest.mark.parametrize("schema", ["mbo", "mbp-1", "mbp-10", "tbbo", "trades", "ohlcv-1m"])
def test_every_schema_that_files_have_is_replayed(shared_data: Path, schema: str) -> None:
    path = shared_data / "databento" / "samples" / f"test_data.{schema}.dbn.zst"
    contract.same(tables_of(run(collect(make(path)))), contract.joined(list(databento.read([path]))))


def test_a_late_print_comes_when_it_arrived(tmp_path: Path) -> None:
    times = [1, MINUTE - 5, MINUTE + NS // 10, MINUTE + 3 * NS]
    prints = [quote(dbn.TradeMsg, "T", "B", 100 + i, ts, []) for i, ts in enumerate(times)]
    prints[1].ts_recv = START + MINUTE + NS  # its bar closed 250 ms after the minute
    found = run(collect(make(write(tmp_path / "a.dbn", header(dbn.Schema.TRADES), prints))))
    (columns,) = tables_of(found).values()
    assert columns["price"].tolist() == [100, 102, 101, 103]


def test_rows_that_run_backwards_stay_where_the_file_has_them(tmp_path: Path) -> None:
    """They are refused downstream as ingest refuses them: put in order here they would pass."""
    prints = [quote(dbn.TradeMsg, "T", "B", 100 + i, ts, []) for i, ts in enumerate([10, 30, 20, 40])]
    path = write(tmp_path / "a.dbn", header(dbn.Schema.TRADES), prints)
    (columns,) = tables_of(run(collect(make(path)))).values()
    assert columns["price"].tolist() == [100, 101, 102, 103]


def test_where_blocks_end_changes_no_position(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.dbn", header(dbn.Schema.MBP_1), quotes(dbn.MBP1Msg, 300))
    whole = rows_of(run(collect(make(path))))
    monkeypatch.setattr(stream, "BLOCK_BYTES", 500)
    monkeypatch.setattr(stream, "READ_BYTES", 99)
    assert rows_of(run(collect(make(path)))) == whole


def test_refused_messages_reach_whoever_drains_them(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dbn", header(dbn.Schema.MBO), [order("C", "B", 9, 1, 2, 0), order("A", "B", 1, 9, 2, 5)])
    made = make(path)
    run(collect(made))
    assert [(reject.row, reject.reason) for reject in made.rejects.drain()] == [(1, "order unknown")]
    assert made.rejects.total == 1
    assert made.rejects == []


def test_a_damaged_file_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.dbn", header(dbn.Schema.TRADES), quotes(dbn.TradeMsg, 9)).read_bytes()
    (tmp_path / "a.dbn").write_bytes(whole[:-5])
    write(tmp_path / "b.dbn", header(dbn.Schema.MBP_1), quotes(dbn.MBP1Msg, 9))
    made = make(tmp_path)
    found = tables_of(run(collect(made)))
    assert found["trades", "ESH4"]["price"].size == 3 + 3
    assert made.trouble == f"{tmp_path / 'a.dbn'}: row 9: the file ends inside a record: download it again"


def test_nothing_to_read_is_refused_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no \.dbn or .* file in this folder"):
        run(collect(make(tmp_path)))
    (tmp_path / "a.dbn").write_bytes(b"PK")
    with pytest.raises(SourceError, match="not a DBN file"):
        run(collect(make(tmp_path / "a.dbn")))


def test_a_portion_is_small(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dbn", header(dbn.Schema.TRADES), quotes(dbn.TradeMsg, 30_000))
    sizes = [sum(each.positions.size for each in portion) for portion in run(collect(make(path)))]
    assert sum(sizes) == 10_000
    assert max(sizes) <= feed.MOST_ROWS
    assert np.count_nonzero(np.array(sizes) > feed.MOST_ROWS // 4) > 1
