"""The figures that compare a simulated stretch with a real one, by hand and on the real hour."""

import numpy as np
import pytest

from mia_ml.sources.simulator import World, statistics
from tests.sources.simulator_days import read_days, table

NS = 1_000_000_000


def test_orders_are_consecutive_prints_of_one_moment_and_side():
    trades = {
        "ts_event": np.array([1, 1, 1, 2, 2]),
        "side": np.array([1, 1, -1, -1, -1], np.int8),
        "size": np.array([3, 4, 1, 2, 5]),
    }
    ts, side, size, prints = statistics.orders(trades)
    assert ts.tolist() == [1, 1, 2]
    assert side.tolist() == [1, -1, -1]
    assert size.tolist() == [7, 1, 7]
    assert prints.tolist() == [2, 1, 2]


def test_each_second_takes_the_last_book_at_or_before_it():
    book = {
        "ts_event": np.array([0, NS, NS + 1, 3 * NS]),
        "bid_px_00": np.array([10.0, 10.0, 10.25, 10.25]),
        "ask_px_00": np.array([10.25, 10.25, 10.5, 10.75]),
        "bid_sz_00": np.array([1, 3, 1, 1]),
        "ask_sz_00": np.array([1, 1, 3, 1]),
    }
    mid, imbalance, spread = statistics.each_second(book, 0.25)
    assert mid.tolist() == [40.5, 40.5, 41.5, 42.0]
    assert imbalance.tolist() == [0.0, 0.5, -0.5, 0.0]
    assert spread.tolist() == [1.0, 1.0, 1.0, 2.0]


def test_the_first_hour_of_a_quiet_evening_resembles_the_real_one():
    """Figures of the ES hour 2023-12-25 23:00 UTC (a holiday evening), and how far the simulator may lie from them."""
    world = World(seed=1, start="2023-12-26", days=1, intensity="es", vix_mean=13.0, vix_volatility=0.0)
    ((_, day),) = read_days(world)
    market = {name: table(day, name) for name in ("trades", "book")}
    open_ns = 1_703_545_200 * NS
    evening = statistics.hour(market, open_ns, open_ns + 3600 * NS)
    figures = {row["figure"]: row for row in statistics.compare(evening, evening, 0.25)}
    assert all(row["ratio"] in (1.0,) or not row["real"] for row in figures.values())
    for name, real, tolerance in (
        ("book updates an hour", 34438, 0.4),
        ("time at a spread of 1 tick", 0.94, 0.06),
        ("best queue, median contracts", 22, 0.35),
        ("order size, mean contracts", 3.49, 0.25),
        ("orders of 1 contract", 0.59, 0.15),
        ("aggressor side autocorrelation, lag 1", 0.396, 0.25),
        ("mid moves 1 s: standard deviation, ticks", 0.314, 0.5),
        ("best-queue imbalance: standard deviation", 0.465, 0.15),
        ("imbalance and the next second's mid move", 0.168, 0.5),
    ):
        assert figures[name]["simulated"] == pytest.approx(real, rel=tolerance), name
