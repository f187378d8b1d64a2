"""Days held in memory are the days of the same world ingested to files, to the byte, and so are their labels."""

from dataclasses import dataclass

import numpy as np
import pytest

from mia_ml import settings
from mia_ml.core import calendar
from mia_ml.core.errors import DataError
from mia_ml.core.tables import Batch
from mia_ml.datasets import build, days, held
from mia_ml.datasets.days import Days
from mia_ml.datasets.held import Held
from mia_ml.features import intake
from mia_ml.sources import simulator
from mia_ml.store import parquet
from pipelines.labels import labelled
from tests import small_world

WORLD = {
    "seed": 5,
    "start": "2024-03-04",
    "intensity": 0.002,
    "days": 7,
    "missing": {"book": 0.3, "options": 0.3},
    "faults": simulator.Faults(late=0.05),
}
CALENDAR = calendar.load("cme_globex", 2024, 2025)


@dataclass(frozen=True)
class Both:
    """The same seven days, over the roll of March 2024, either way."""

    files: Days
    memory: Held


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> Both:
    root = small_world.write(tmp_path_factory.mktemp("tables"), **WORLD)
    return Both(small_world.plan(root), held.hold(simulator.read(simulator.World(**WORLD)), "ES", CALENDAR))


def rows_of(plan, read):
    found = build.rows(small_world.engine_params(), plan, small_world.GRACE_NS, 1, read)
    return {day.day: rows for day, rows in found}


def test_the_days_are_the_same(both):
    own = both.memory.days
    assert [day.day for day in own.days] == [day.day for day in both.files.days]
    for name in ("contract", "after_ns", "open_ns", "close_ns", "tick"):
        assert [getattr(day, name) for day in own.days] == [getattr(day, name) for day in both.files.days], name
    assert {day.contract for day in own.days} == {"ESH4", "ESM4"}
    for name in ("sessions", "contracts"):
        assert getattr(own, name).tobytes() == getattr(both.files, name).tobytes()


def test_rows_are_the_same_to_the_byte(both):
    of_files, in_memory = rows_of(both.files, days.tape_of), rows_of(both.memory.days, both.memory.tape)
    assert list(of_files) == list(in_memory)
    for day, rows in of_files.items():
        assert rows.size
        assert rows.tobytes() == in_memory[day].tobytes(), day
    books = [np.isnan(rows["order_book_imbalance"]).all() for rows in of_files.values()]
    assert set(books) == {True, False}  # some days have no book


def test_labels_are_the_same_to_the_byte(both):
    chosen = settings.load(small_world.SHIPPED)
    rows = rows_of(both.files, days.tape_of)

    def told(plan, prices):
        found = list(labelled(chosen, plan, False, lambda day: rows[day.day], prices))
        assert [day.day for day, *_ in found[:-1]] == list(rows)
        assert found[-1][:2] == (None, 0)
        return np.concatenate([labels for *_, labels in found])

    own = told(both.memory.days, both.memory.prices)
    assert own.shape == (sum(part.size for part in rows.values()), 2)
    assert own.tobytes() == told(both.files, days.prices).tobytes()


def test_what_executions_are_walked_along_is_the_same_and_holds_no_late_print(both):
    left_out = 0
    for day, own in zip(both.files.days, both.memory.days.days, strict=True):
        on_file = days.prices(day, "trades", small_world.GRACE_NS)
        held_ = both.memory.prices(own, "trades", small_world.GRACE_NS)
        assert all(on_file[name].tobytes() == held_[name].tobytes() for name in ("ts_event", "ts_recv", "price"))
        assert not intake.is_late(on_file["ts_event"], on_file["ts_recv"], small_world.GRACE_NS).any()
        left_out += parquet.read_file(day.prices["trades"], "trades")["price"].size - on_file["price"].size
    assert left_out > 0


def test_batches_of_a_table_are_joined_in_their_order(both):
    def halves(items):
        for item in items:
            if isinstance(item, Batch) and item.row.size > 1:
                middle = item.row.size // 2
                for part in (slice(None, middle), slice(middle, None)):
                    columns = {name: values[part] for name, values in item.columns.items()}
                    yield Batch(item.table, item.symbol, columns, item.file, item.row[part])
            else:
                yield item

    again = held.hold(halves(simulator.read(simulator.World(**WORLD))), "ES", CALENDAR)
    for day, tables in both.memory.tables.items():
        for table, columns in tables.items():
            for name, values in columns.items():
                assert np.array_equal(again.tables[day][table][name], values), (day, table, name)


def test_two_contracts_on_a_day_are_refused():
    overlapping = simulator.World(**WORLD | {"overlap_days": 2})
    with pytest.raises(DataError, match=r"ESH4 and ESM4 on 2024030\d: hold one contract a day"):
        held.hold(simulator.read(overlapping), "ES", CALENDAR)


def test_a_source_without_a_trade_is_refused():
    def without_trades():
        for item in simulator.read(simulator.World(**WORLD), 0, 1):
            if not (isinstance(item, Batch) and item.table == "trades"):
                yield item

    for nothing in (iter(()), without_trades()):
        with pytest.raises(DataError, match="no day of ES to hold: the source yields no trade"):
            held.hold(nothing, "ES", CALENDAR)
