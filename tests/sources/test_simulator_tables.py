"""The simulator writes canonical tables on the exchange's calendar, the same bytes every time."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mia_ml.core import calendar, moments, tables
from mia_ml.sources import simulator
from mia_ml.sources.simulator import World
from tests.sources.simulator_days import digest, read_days, table

WORLD = World(seed=3, days=3)


@pytest.fixture(scope="module")
def days():
    return read_days(WORLD)


def test_each_table_keeps_its_schema(days):
    for _, day in days:
        assert {name for name, _ in day} == {"trades", "book", "options", "vix"}
        for (name, symbol), columns in day.items():
            schema = tables.SCHEMAS[name]
            assert set(schema.columns) <= set(columns) <= set(schema.columns) | set(schema.optional)
            for column, dtype in (schema.columns | schema.optional).items():
                if column in columns:
                    assert columns[column].dtype == np.dtype(dtype), (name, column)
            assert symbol == {"options": "SPX", "vix": "VIX"}.get(name, "ESH4")


def test_prices_lie_on_the_grid_and_the_book_is_never_crossed(days):
    for _, day in days:
        trades, book = table(day, "trades"), table(day, "book")
        assert np.all(trades["price"] * 4 == np.round(trades["price"] * 4))
        assert np.all(trades["size"] > 0)
        assert set(np.unique(trades["side"])) == {-1, 1}
        for level in range(5):
            assert np.all(book[f"bid_px_{level:02d}"] == book["bid_px_00"] - 0.25 * level)
            assert np.all(book[f"ask_px_{level:02d}"] == book["ask_px_00"] + 0.25 * level)
            assert np.all(book[f"bid_sz_{level:02d}"] > 0)
            assert np.all(book[f"ask_sz_{level:02d}"] > 0)
        assert np.all(book["ask_px_00"] > book["bid_px_00"])


def test_time_never_runs_backwards_and_stays_inside_the_trading_day(days):
    exchange = calendar.load("cme_globex", 2024, 2024)
    for _, day in days:
        session = exchange.sessions[exchange.locate(table(day, "trades")["ts_event"][:1])[0]]
        for columns in day.values():
            ts = columns["ts_event"]
            assert np.all(np.diff(ts) >= 0)
            assert session["open_ns"] <= ts[0] <= ts[-1] < session["close_ns"]
            if "ts_recv" in columns:
                assert np.all(columns["ts_recv"] > ts)
        assert np.all(np.diff(table(day, "trades")["sequence"]) == 1)


def test_prints_hit_the_quote_before_and_tie_with_the_update_after(days):
    for _, day in days:
        trades, book = table(day, "trades"), table(day, "book")
        at = np.searchsorted(book["ts_event"], trades["ts_event"])
        assert np.array_equal(book["ts_event"][at], trades["ts_event"])
        touch = np.where(trades["side"] > 0, book["ask_px_00"][at - 1], book["bid_px_00"][at - 1])
        beyond = (trades["price"] - touch) * trades["side"]
        assert np.all(beyond >= 0)
        assert (beyond == 0).mean() > 0.8


def test_every_output_says_that_it_is_synthetic(days):
    done, day = days[0]
    assert done.file == "simulated seed 3 day 20240102"
    assert set(table(day, "options")["provenance"]) == {"synthetic: mia-ml simulator seed 3"}


def test_a_day_made_alone_equals_the_day_in_sequence(days):
    assert digest(read_days(WORLD, 2, 3)) == digest(days)[2:]
    assert digest(read_days(World(seed=3, days=9), 1, 2)) == digest(days)[1:2]


def test_seeds_differ(days):
    assert digest(read_days(World(seed=4, days=1))) != digest(days)[:1]


@pytest.mark.parametrize("hash_seed", ["0", "77"])
def test_another_process_with_another_hash_seed_makes_the_same_bytes(days, hash_seed):
    code = (
        "from tests.sources.simulator_days import digest, read_days\n"
        "from mia_ml.sources.simulator import World\n"
        "print(digest(read_days(World(seed=3, days=3), 1, 2))[0])"
    )
    env = os.environ | {"PYTHONHASHSEED": hash_seed}
    run = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == digest(days)[1]


def dates(world):
    return [done.file.split()[-1] for done, _ in read_days(world)]


def test_closed_days_are_skipped():
    assert dates(World(start="2023-12-22", days=3, intensity=0.002)) == ["20231222", "20231226", "20231227"]


def test_the_day_after_thanksgiving_closes_early():
    ((_, day),) = read_days(World(start="2024-11-29", days=1))
    trades, options, vix = table(day, "trades"), table(day, "options"), table(day, "vix")
    exchange = calendar.load("cme_globex", 2024, 2024).at(20241129)
    assert moments.utc(int(exchange["rth_close_ns"])) == "2024-11-29T18:00:00.000000000Z"
    assert trades["ts_event"][-1] < exchange["close_ns"]
    assert options["ts_event"][-1] == exchange["rth_close_ns"]
    assert vix["ts_event"][-1] == min(exchange["rth_close_ns"] + 15 * moments.MINUTE, exchange["close_ns"])


def test_a_day_without_a_cash_session_has_no_index_tables():
    ((_, day),) = read_days(World(start="2024-01-15", days=1))  # Martin Luther King day
    assert {name for name, _ in day} == {"trades", "book"}


def test_publications_and_the_cash_open_move_with_daylight_saving():
    def first(start):
        ((_, day),) = read_days(World(start=start, days=1))
        return moments.utc(int(table(day, "options")["ts_event"][0]))

    assert first("2024-03-08") == "2024-03-08T13:00:00.000000000Z"
    assert first("2024-03-11") == "2024-03-11T12:00:00.000000000Z"


def test_the_contract_rolls_seven_days_before_the_expiry_at_the_cost_of_carry():
    thursday, friday = read_days(World(start="2024-03-07", days=2))
    assert ("trades", "ESH4") in thursday[1]
    assert ("trades", "ESM4") in friday[1]
    assert len([1 for name, _ in friday[1] if name == "trades"]) == 1

    def above_index(day):
        options, book = table(day[1], "options"), table(day[1], "book")
        at = np.searchsorted(book["ts_event"], options["ts_event"]) - 1
        mid = (book["bid_px_00"][at] + book["ask_px_00"][at]) / 2
        return np.median(mid - options["underlying_px"])

    assert 3 < above_index(thursday) < 7
    assert 50 < above_index(friday) < 70


def test_before_a_roll_the_next_contract_can_trade_as_well_and_crosses_over():
    wednesday, thursday, friday = read_days(World(start="2024-03-06", days=3, overlap_days=2))
    volume = [
        {symbol: int(columns["size"].sum()) for (name, symbol), columns in day.items() if name == "trades"}
        for _, day in (wednesday, thursday, friday)
    ]
    assert volume[0]["ESM4"] < volume[0]["ESH4"]
    assert volume[1]["ESM4"] > volume[1]["ESH4"]
    assert set(volume[2]) == {"ESM4"}


def test_sources_can_be_missing_on_some_days():
    found = [
        {n for n, _ in day} for _, day in read_days(World(days=8, intensity=0.002, missing={"book": 0.5, "vix": 1.0}))
    ]
    assert all("vix" not in names and {"trades", "options"} <= names for names in found)
    assert 0 < sum("book" in names for names in found) < 8
    absent = [
        each.missing for each in simulator.truth(World(days=8, intensity=0.002, missing={"book": 0.5, "vix": 1.0}))
    ]
    assert [{"trades", "book", "options", "vix"} - names for names in found] == [set(each) for each in absent]


def test_a_roll_near_the_end_of_a_world_is_still_overlapped():
    ((_, day),) = read_days(World(start="2024-03-07", days=1, overlap_days=2))
    assert {symbol for name, symbol in day if name == "trades"} == {"ESH4", "ESM4"}
