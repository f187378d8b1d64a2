"""Canonical Parquet: what is written is read back, in the same bytes each time; a broken file is one clear line."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mia_ml.core.errors import TableError
from mia_ml.core.tables import SCHEMAS
from mia_ml.store import parquet

DAY = 20231226


def table(name: str, rows: int = 5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(rows)
    made = {}
    for column, code in (SCHEMAS[name].columns | SCHEMAS[name].optional).items():
        if code == "O":
            made[column] = np.array([f"row {i}" for i in range(rows)], dtype=object)
        else:
            made[column] = rng.integers(-3, 100, rows).astype(code)
    return made


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_table_comes_back_as_it_was(tmp_path, name):
    columns = table(name)
    for values in columns.values():
        if values.dtype == np.float64:
            values[1] = np.nan
    path = parquet.write(tmp_path, name, "ESH4", DAY, columns)
    assert path == tmp_path / name / "ESH4" / "2023-12-26.parquet"
    found = parquet.read(tmp_path, name, "ESH4", DAY)
    assert list(found) == list(columns)
    for column, values in columns.items():
        np.testing.assert_array_equal(found[column], values)
        assert found[column].dtype == values.dtype
        assert found[column].flags.c_contiguous
        assert found[column].flags.writeable
    assert not [each for each in path.parent.iterdir() if each != path]


def test_the_same_rows_give_the_same_bytes_and_no_others(tmp_path):
    first = parquet.write(tmp_path / "a", "trades", "ESH4", DAY, table("trades")).read_bytes()
    assert parquet.write(tmp_path / "b", "trades", "ESH4", DAY, table("trades")).read_bytes() == first
    assert parquet.write(tmp_path / "b", "trades", "ESH4", DAY, table("trades", 6)).read_bytes() != first


def test_chosen_columns_only(tmp_path):
    parquet.write(tmp_path, "book", "ESH4", DAY, table("book"))
    assert list(parquet.read(tmp_path, "book", "ESH4", DAY, ["ts_event", "bid_px_00"])) == ["ts_event", "bid_px_00"]


def test_no_rows(tmp_path):
    parquet.write(tmp_path, "options", "SPX", DAY, table("options", 0))
    assert all(values.size == 0 for values in parquet.read(tmp_path, "options", "SPX", DAY).values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("price"), "lacks column 'price'"),
        (lambda c: c.update(colour=c["price"]), "unknown column 'colour'"),
        (lambda c: c.update(size=c["size"].astype("i4")), "column size is int32, wanted int64"),
    ],
)
def test_a_broken_contract_is_not_written(tmp_path, change, message):
    columns = table("trades")
    change(columns)
    with pytest.raises(TableError, match=message):
        parquet.write(tmp_path, "trades", "ESH4", DAY, columns)
    assert not list(tmp_path.rglob("*.parquet"))


def written(path, content) -> None:
    path.parent.mkdir(parents=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        pq.write_table(pa.table(content), path)


SOUND = {"ts_event": [1], "price": [1.0], "size": [1], "side": pa.array([1], pa.int8())}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a readable Parquet file"),
        (b"ts_event,price\n1,2\n", "not a readable Parquet file"),
        ({"ts_event": [1]}, "column 'price' is missing, wanted float64; found ts_event"),
        (SOUND | {"size": pa.array([1.5], pa.float64())}, "column 'size' is not int64 without loss"),
        (SOUND | {"side": pa.array([300], pa.int64())}, "column 'side' is not int8 without loss"),
        (SOUND | {"price": pa.array(["1.0"])}, "column 'price' is string, wanted float64"),
        (SOUND | {"size": pa.array([None], pa.int64())}, "column 'size' has no value in row 1"),
    ],
)
def test_a_broken_file_is_one_line_that_names_it(tmp_path, content, message):
    path = parquet.path_of(tmp_path, "trades", "ESH4", DAY)
    written(path, content)
    with pytest.raises(TableError, match=message) as refused:
        parquet.read(tmp_path, "trades", "ESH4", DAY)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_other_numbers_are_read_where_nothing_is_lost(tmp_path):
    """pandas writes int64 for a side, and float32 or int32 is what others keep."""
    path = parquet.path_of(tmp_path, "trades", "ESH4", DAY)
    others = {"price": pa.array([1.25], pa.float32()), "size": pa.array([7], pa.int32()), "side": pa.array([-1])}
    written(path, SOUND | others)
    columns = parquet.read(tmp_path, "trades", "ESH4", DAY)
    assert [columns[name].dtype for name in ("price", "size", "side")] == ["f8", "i8", "i1"]
    assert [columns[name][0] for name in ("price", "size", "side")] == [1.25, 7, -1]


def test_a_truncated_file_is_refused(tmp_path):
    path = parquet.write(tmp_path, "trades", "ESH4", DAY, table("trades", 1000))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TableError, match="not a readable Parquet file"):
        parquet.read(tmp_path, "trades", "ESH4", DAY)


def test_a_missing_price_of_another_writer_is_nan(tmp_path):
    written(parquet.path_of(tmp_path, "trades", "ESH4", DAY), SOUND | {"price": pa.array([None], pa.float64())})
    assert np.isnan(parquet.read(tmp_path, "trades", "ESH4", DAY)["price"][0])


def test_absent_day_and_unknown_names(tmp_path):
    with pytest.raises(TableError, match="no such table file"):
        parquet.read(tmp_path, "trades", "ESH4", DAY)
    with pytest.raises(TableError, match="did you mean 'trades'"):
        parquet.read(tmp_path, "trade", "ESH4", DAY)
    parquet.write(tmp_path, "trades", "ESH4", DAY, table("trades"))
    with pytest.raises(TableError, match="did you mean 'price'"):
        parquet.read(tmp_path, "trades", "ESH4", DAY, ["prise"])


def test_inventory_is_sorted_and_ignores_what_is_not_a_table(tmp_path):
    for name, symbol, day in (("vix", "VIX", DAY), ("trades", "ESM4", DAY), ("trades", "ESH4", DAY)):
        parquet.write(tmp_path, name, symbol, day, table(name))
    parquet.write(tmp_path, "trades", "ESH4", 20231222, table("trades"))
    (tmp_path / "_quarantine").mkdir()
    (tmp_path / "trades" / "ESH4" / ".2023-12-27.parquet.part").touch()
    assert [found[:3] for found in parquet.inventory(tmp_path)] == [
        ("trades", "ESH4", 20231222),
        ("trades", "ESH4", DAY),
        ("trades", "ESM4", DAY),
        ("vix", "VIX", DAY),
    ]
    (tmp_path / "vix" / "VIX" / "today.parquet").touch()
    with pytest.raises(TableError, match="named by its trading day"):
        parquet.inventory(tmp_path)
    with pytest.raises(TableError, match="not a directory"):
        parquet.inventory(tmp_path / "nothing")
