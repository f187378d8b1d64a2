"""Replay of canonical tables: all days of a folder, late rows where they arrived, the order of the engine's tape."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from mia_ml.core.errors import DataError, TableError
from mia_ml.core.tables import Columns
from mia_ml.datasets import days
from mia_ml.features import intake
from mia_ml.sources import simulator
from mia_ml.store import parquet
from serving.feeds import feed, tables
from serving.intake import event_order as one_by_one
from tests import small_world
from tests.serving.feeds import contract
from tests.serving.feeds.contract import Source, collect, run, tables_of

GRACE_NS = small_world.GRACE_NS
KINDS = ("trades", "book", "options", "vix", "late", "bars")
"""Of `intake.times_of`."""


def make(root: Path, pace: float = 0.0) -> tables.TablesFeed:
    return tables.TablesFeed("replay", root, "ES", "cme_globex", GRACE_NS, pace)


def is_late(columns: Columns) -> np.ndarray:
    if "ts_recv" not in columns:
        return np.zeros(columns["ts_event"].size, bool)
    return intake.is_late(columns["ts_event"], columns["ts_recv"], GRACE_NS)


def in_order_of_arrival(columns: Columns) -> Columns:
    """Rows where they count: late ones by their arrival, before others of that time."""
    late = is_late(columns)
    order = np.lexsort((~late, np.where(late, columns.get("ts_recv", 0), columns["ts_event"])))
    return {name: values[order] for name, values in columns.items()}


def held(root: Path) -> contract.Tables:
    """What the files below a folder say, read plainly."""
    found: dict[tuple[str, str], list[Columns]] = {}
    for table, symbol, _, path in parquet.inventory(root):
        found.setdefault((table, symbol), []).append(parquet.read_file(path, table))
    joined = {key: {n: np.concatenate([part[n] for part in parts]) for n in parts[0]} for key, parts in found.items()}
    return {key: in_order_of_arrival(columns) for key, columns in joined.items()}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    return small_world.write(folder, last=2, intensity=0.001, faults=simulator.Faults(late=0.03))


class TestContract(contract.FeedContract):
    screened = True

    @pytest.fixture(scope="class")
    @classmethod
    def source(cls, root: Path) -> Source:
        return Source(lambda: make(root), held(root))

    def test_events_come_in_event_order(self, root: Path, whole: list[feed.Portion]) -> None:
        """That of the engine's tape, event by event."""
        wanted = []
        for day in small_world.plan(root).days:
            tape = days.tape_of(day, GRACE_NS)
            table, row = one_by_one.event_order(tape)
            times = intake.times_of(tape)
            wanted += [(KINDS[k], int(times[k][i])) for k, i in zip(table, row, strict=True)]
        found = []
        for portion in whole:
            for arrival in portion:
                late = is_late(arrival.columns)
                kinds = np.where(late, "late", arrival.table)
                times = np.where(late, arrival.columns.get("ts_recv", 0), arrival.columns["ts_event"])
                found += list(zip(arrival.positions.tolist(), kinds.tolist(), times.tolist(), strict=True))
        assert [(kind, ts) for _, kind, ts in sorted(found)] == wanted
        assert sum(kind == "late" for kind, _ in wanted) > 10


def test_a_folder_of_options_and_vix_alone_is_replayed(root: Path, tmp_path: Path) -> None:
    for table in ("options", "vix"):
        shutil.copytree(root / table, tmp_path / table)
    found = tables_of(run(collect(make(tmp_path))))
    contract.same(found, {key: columns for key, columns in held(root).items() if key[0] in ("options", "vix")})
    assert len(found) == 2


def test_bars_are_replayed_with_the_index(tmp_path: Path) -> None:
    opens = 1_709_503_200_000_000_000  # 2024-03-03 22:00 UTC: 17:00 in Chicago, one hour after the open
    bars = {"ts_event": opens + np.arange(1, 5) * 3_600_000_000_000}
    bars |= {name: np.full(4, 5000.0) for name in ("open", "high", "low", "close", "volume")}
    bars |= {name: np.full(4, np.nan) for name in ("buy_volume", "sell_volume", "n_trades")}
    vix = {"ts_event": bars["ts_event"][1:3], "value": np.array([13.0, 14.0])}
    parquet.write(tmp_path, "bars", "ESH4", 20240304, bars)
    parquet.write(tmp_path, "vix", "VIX", 20240304, vix)
    events = [(position, table) for position, table, *_ in contract.rows_of(run(collect(make(tmp_path))))]
    assert events == list(enumerate(["bars", "bars", "vix", "bars", "vix", "bars"], 1))


def test_a_folder_that_breaks_the_contract_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no table in this folder"):
        run(collect(make(tmp_path)))
    with pytest.raises(TableError, match="not a directory of tables"):
        run(collect(make(tmp_path / "nowhere")))
    table, symbol, day, path = parquet.inventory(root)[0]
    columns = parquet.read_file(path, table)
    parquet.write(tmp_path, table, symbol, day, {name: values[::-1].copy() for name, values in columns.items()})
    with pytest.raises(DataError, match=f"{table} of {symbol}: row 2: time runs backwards"):
        run(collect(make(tmp_path)))
