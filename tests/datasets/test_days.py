"""The plan of a folder: its days, their contract, and the rows of an index that belong to each."""

import numpy as np
import pytest

from mia_ml.core import calendar
from mia_ml.core.errors import DataError
from mia_ml.datasets import days
from mia_ml.features.stream import contract_id
from mia_ml.store import parquet
from tests import small_world

MONDAY, TUESDAY = 20240108, 20240109


def ns(text):
    return int(np.datetime64(text, "ns").astype(np.int64))


def write_bars(root, symbol, day, closes):
    n = len(closes)
    price = np.full(n, 470.0)
    columns = dict.fromkeys(("open", "high", "low", "close"), price) | dict.fromkeys(
        ("volume", "buy_volume", "sell_volume", "n_trades"), np.full(n, 100.0)
    )
    parquet.write(root, "bars", symbol, day, {"ts_event": np.array([ns(t) for t in closes])} | columns)


def write_vix(root, day, values):
    ts = np.array([ns(t) for t in values])
    parquet.write(root, "vix", "VIX", day, {"ts_event": ts, "value": np.array(list(values.values()))})


@pytest.fixture
def spy(tmp_path):
    """SPY closes at 21:00 UTC; the VIX files are Globex days, which end an hour later."""
    write_bars(tmp_path, "SPY", MONDAY, ["2024-01-08T15:30", "2024-01-08T21:00"])
    write_bars(tmp_path, "SPY", TUESDAY, ["2024-01-09T15:30"])
    write_vix(tmp_path, MONDAY, {"2024-01-08T15:00": 13.0, "2024-01-08T21:15": 13.5})
    write_vix(tmp_path, TUESDAY, {"2024-01-09T15:00": 14.0, "2024-01-09T21:15": 14.5})
    return days.plan(tmp_path, "SPY", "nyse", native=True)


def test_index_rows_belong_to_the_day_that_their_time_lies_in(spy):
    monday, tuesday = (days.tape_of(day, 0).vix["value"].tolist() for day in spy.days)
    assert monday == [13.0]
    assert tuesday == [13.5, 14.0]  # Monday's close became known after SPY's own


def test_days_carry_their_contract_and_their_span(spy):
    assert [day.day for day in spy.days] == [MONDAY, TUESDAY]
    assert spy.days[1].after_ns == spy.days[0].close_ns == ns("2024-01-08T21:00")
    at = np.searchsorted(spy.sessions["day"], [MONDAY, TUESDAY])
    assert (spy.contracts[at] == contract_id("SPY")).all()
    assert np.count_nonzero(spy.contracts) == 2


def test_a_folder_without_the_instrument_says_what_would_help(tmp_path):
    write_bars(tmp_path, "SPY", MONDAY, ["2024-01-08T21:00"])
    with pytest.raises(DataError, match="no trades or book of ES; mia ingest writes them"):
        days.plan(tmp_path, "ES", "cme_globex", native=False)


def test_the_contract_in_front_is_read_and_the_other_left(tmp_path):
    small_world.write(tmp_path, 0, 5, overlap_days=3, days=8)
    plan = small_world.plan(tmp_path)
    contracts = [day.contract for day in plan.days]
    roll = contracts.index("ESM4")
    assert roll > 0
    assert contracts == ["ESH4"] * roll + ["ESM4"] * (len(contracts) - roll)
    # the day before, the next contract had traded more, and its files lie beside
    before = plan.days[roll - 1]
    assert parquet.path_of(tmp_path, "trades", "ESM4", before.day).exists()
    assert before.prices["trades"].parent.name == "ESH4"
    sessions = calendar.load("cme_globex", 2024, 2024)
    for day in plan.days:
        trade_ts = days.tape_of(day, 0).trade_ts
        session = sessions.at(day.day)
        assert trade_ts[0] >= session["open_ns"]
        assert trade_ts[-1] <= session["close_ns"]
