"""The daily volatility index: a close is known at 16:15 New York time, never before."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.tables import Batch, FileDone, Reject
from mia_ml.sources import vix

HEADER = "DATE,OPEN,HIGH,LOW,CLOSE\n"


def read(path, text):
    file = path / "vix.csv"
    file.write_text(text)
    found = list(vix.read([file]))
    return tuple([item for item in found if isinstance(item, kind)] for kind in (Batch, Reject, FileDone))


def known(text):
    return int(np.datetime64(text, "ns").astype(np.int64))


def test_the_real_file_is_read_to_the_last_row(shared_data):
    (batch, done) = vix.read([shared_data / "vix" / "vix-daily.csv"])
    assert (batch.table, batch.symbol, batch.row.size) == ("vix", "VIX", 9235)
    assert (done.records, done.error) == (9235, "")
    assert batch.columns["value"][0] == 17.24
    of_day = batch.columns["ts_event"] // 10**9 % 86_400
    assert set(of_day.tolist()) == {20 * 3600 + 900, 21 * 3600 + 900}
    assert (np.diff(batch.columns["ts_event"]) > 0).all()


def test_a_close_is_never_stamped_at_its_open(tmp_path):
    (batch,), _, _ = read(tmp_path, HEADER + "2024-03-08,14,15.5,13.9,14.74\n2024-03-11,15,16.2,15,15.22\n")
    assert batch.columns["ts_event"].tolist() == [known("2024-03-08T21:15"), known("2024-03-11T20:15")]
    assert batch.columns["value"].tolist() == [14.74, 15.22]  # the close, not the open


@settings(max_examples=60, deadline=None)
@given(day=st.dates(min_value=np.datetime64("1990-01-01").item(), max_value=np.datetime64("2036-12-31").item()))
def test_no_close_is_known_before_the_cash_close_of_its_day(tmp_path_factory, day):
    (batch,), _, _ = read(tmp_path_factory.mktemp("vix"), f"{HEADER}{day},1,2,1,2\n")
    since_midnight = batch.columns["ts_event"][0] - known(str(day))
    assert 20.25 * 3600e9 <= since_midnight <= 21.25 * 3600e9


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ("2024-02-30,1,2,1,2", "2024-02-30"),
        ("2024-02-01,1,2,1,", ""),
        ("2024-02-01,1,2,1,n/a", "n/a"),
        ("2024-02-01,1,2,1,0", "0"),
        ("2024-02-01,1,2,1,nan", "nan"),
        ("", ""),
    ],
)
def test_a_bad_day_is_refused_with_its_row_and_value(tmp_path, row, value):
    good = "2024-03-08,14,15.5,13.9,14.74\n"
    (batch,), (reject,), (done,) = read(tmp_path, HEADER + good + row + "\n" + good)
    assert (reject.row, reject.value, reject.table) == (2, value, "vix")
    assert batch.row.tolist() == [1, 3]
    assert done.records == 3


def test_american_dates_and_other_files(tmp_path):
    (batch,), _, _ = read(tmp_path, "DATE,CLOSE\n03/08/2024,14.74\n")
    assert batch.columns["ts_event"].tolist() == [known("2024-03-08T21:15")]
    assert "no column CLOSE" in read(tmp_path, "DATE,VALUE\n1,2\n")[2][0].error
    assert "no days" in read(tmp_path, HEADER)[2][0].error
    (done,) = vix.read([tmp_path / "missing.csv"])
    assert "cannot be read" in done.error
