"""Files of records appear whole or not at all."""

import numpy as np
import pytest

from mia_ml.core.errors import TableError
from mia_ml.store import records

PORTIONS = [{"x": np.arange(3.0)}, {"x": np.arange(2.0)}]
DTYPE = np.dtype([("x", "f8")])


def appended(path, portions):
    with records.Appender(path) as file:
        for portion in portions:
            file.append(portion)


def test_portions_become_one_file_when_all_are_there(tmp_path):
    with records.Appender(tmp_path / "rows.parquet") as file:
        for portion in PORTIONS:
            file.append(portion)
            assert not (tmp_path / "rows.parquet").exists()
    assert records.read(tmp_path / "rows.parquet", DTYPE)["x"].tolist() == [0, 1, 2, 0, 1]
    assert [each.name for each in tmp_path.iterdir()] == ["rows.parquet"]


def test_a_failure_on_the_way_leaves_the_file_before_it(tmp_path):
    path = tmp_path / "rows.parquet"
    records.write(path, np.zeros(4, DTYPE))
    before = path.read_bytes()
    with pytest.raises(AttributeError):
        appended(path, [PORTIONS[0], None])
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["rows.parquet"]


def test_a_folder_is_no_file_to_write(tmp_path):
    with pytest.raises(TableError, match="is a folder"):
        appended(tmp_path, PORTIONS)


@pytest.mark.parametrize("foreign", [[("x", "f8"), ("y", "f8")], [("y", "f8")]])
def test_records_of_another_version_are_refused_by_column(tmp_path, foreign):
    records.write(tmp_path / "rows.parquet", np.zeros(1, foreign))
    with pytest.raises(TableError, match=r"differ from this version's at '[xy]'; run its stage again"):
        records.read(tmp_path / "rows.parquet", DTYPE)
