import numpy as np
import pytest

from mia_ml.core import calendar, moments
from mia_ml.core.errors import CalendarError


def ns(text):
    return np.datetime64(text, "ns").astype(np.int64)


def text(moment):
    return str(np.datetime64(int(moment), "ns"))[:16]


def test_christmas_evening_belongs_to_the_26th():
    cme = calendar.load("cme_globex", 2023, 2024)
    position = cme.locate(np.array([ns("2023-12-25T23:00"), ns("2023-12-25T22:10"), ns("2023-12-26T22:00")]))
    assert list(cme.sessions["day"][position]) == [20231226] * 3


def test_early_close_and_its_cash_session():
    cme = calendar.load("cme_globex", 2023, 2024)
    black_friday = cme.at(20231124)
    assert text(black_friday["close_ns"]) == "2023-11-24T18:00"  # 13:00 New York
    assert text(black_friday["rth_close_ns"]) == "2023-11-24T18:00"
    thanksgiving = cme.at(20231123)
    assert thanksgiving["rth_open_ns"] == moments.NONE


def test_a_closed_day_is_refused_by_name():
    with pytest.raises(CalendarError, match="20231225 is not a trading day of cme_globex"):
        calendar.load("cme_globex", 2023, 2023).at(20231225)


def test_daylight_saving_moves_the_open_in_utc_not_in_new_york():
    cme = calendar.load("cme_globex", 2024, 2024)
    before, after = cme.at(20240308), cme.at(20240311)  # clocks went forward on Sunday the 10th
    assert text(before["open_ns"]).endswith("23:00")
    assert text(after["open_ns"]).endswith("22:00")
    for session in (before, after):
        assert session["rth_open_ns"] - session["midnight_ns"] == 9.5 * 3600 * moments.NS
        assert session["midnight_ns"] - session["open_ns"] == 6 * 3600 * moments.NS


def test_holiday_friday_expires_on_thursday():
    cme = calendar.load("cme_globex", 2019, 2019)
    assert cme.at(20190418)["days_to_expiry"] == 0  # Good Friday was the 19th
    assert cme.at(20190417)["days_to_expiry"] == 1
    assert cme.at(20190422)["days_to_expiry"] == 25


def test_index_counts_trading_days_whatever_the_span():
    wide = calendar.load("cme_globex", 2021, 2024).at(20231226)
    narrow = calendar.load("cme_globex", 2023, 2023).at(20231226)
    assert wide["index"] == narrow["index"]


def test_a_calendar_is_kept_and_a_damaged_one_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MIA_CACHE_DIR", str(tmp_path))
    calendar.load.cache_clear()
    made = calendar.load("cme_globex", 2023, 2023).sessions
    (kept,) = (tmp_path / "calendars").iterdir()
    for data in (kept.read_bytes(), kept.read_bytes()[:-8], b"", b"no array"):
        kept.write_bytes(data)
        calendar.load.cache_clear()
        assert calendar.load("cme_globex", 2023, 2023).sessions.tobytes() == made.tobytes()
    np.save(kept, np.zeros(3))
    calendar.load.cache_clear()
    assert calendar.load("cme_globex", 2023, 2023).sessions.tobytes() == made.tobytes()
    calendar.load.cache_clear()


def test_a_kept_calendar_is_of_the_type_that_kernels_were_compiled_for(tmp_path, monkeypatch):
    monkeypatch.setenv("MIA_CACHE_DIR", str(tmp_path))
    for _ in ("made", "kept"):
        calendar.load.cache_clear()
        sessions = calendar.load("cme_globex", 2023, 2023).sessions
        assert sessions.dtype.isalignedstruct  # equal dtypes may differ in this
        assert sessions.flags.aligned
    calendar.load.cache_clear()


def test_where_nothing_can_be_kept_it_is_made_each_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MIA_CACHE_DIR", str(tmp_path / "file"))
    calendar.load.cache_clear()
    assert calendar.load("cme_globex", 2023, 2023).at(20230103)["day"] == 20230103
    calendar.load.cache_clear()
