"""Planted faults are in the tables exactly as often as the truth says."""

import itertools

import numpy as np
import pytest

from mia_ml.core import moments
from mia_ml.sources import simulator
from mia_ml.sources.simulator import Faults, World
from tests.sources.simulator_days import read_days, table

FAULTS = Faults(
    gaps_per_day=3.0,
    duplicates=0.004,
    outliers=0.003,
    off_grid=0.005,
    zero_size=0.006,
    unknown_side=0.007,
    crossed=0.002,
    late=0.05,
)
SEED = 21


@pytest.fixture(scope="module")
def broken():
    world = World(seed=SEED, days=2, faults=FAULTS)
    return list(zip((day for _, day in read_days(world)), simulator.truth(world), strict=True))


@pytest.fixture(scope="module")
def clean():
    return [day for _, day in read_days(World(seed=SEED, days=2))]


def test_each_fault_is_there_as_often_as_the_truth_says(broken, clean):
    for (day, true), sound in zip(broken, clean, strict=True):
        trades, book = table(day, "trades"), table(day, "book")
        counts = true.faults[true.symbol]
        assert min(counts.values()) > 10
        same = np.ones(trades["price"].size - 1, bool)
        for column in trades.values():
            same &= np.diff(column) == 0
        assert same.sum() == np.sum(np.diff(trades["sequence"]) == 0) == counts["duplicates"]
        off_grid = trades["price"] * 4 != np.round(trades["price"] * 4)
        assert off_grid.sum() == counts["off_grid"]
        assert (trades["size"] == 0).sum() == counts["zero_size"]
        assert (trades["side"] == 0).sum() == counts["unknown_side"]
        assert (book["bid_px_00"] > book["ask_px_00"]).sum() == counts["crossed"]
        true_price = table(sound, "trades")["price"][trades["sequence"] - 1]
        away = np.abs(trades["price"] / true_price - 1.0)
        assert ((away > 0.015) & ~off_grid).sum() == counts["outliers"]
        assert away.max() < 0.06
        for columns, kind in ((trades, "late"), (book, "late_book")):
            minute_end = columns["ts_event"] // moments.MINUTE * moments.MINUTE + moments.MINUTE
            assert (columns["ts_recv"] > minute_end + moments.NS).sum() == counts[kind]
        assert np.all(np.diff(trades["ts_event"]) >= 0)


def test_a_gap_is_silent_and_its_loss_is_counted(broken, clean):
    lost, gone = 0, 0
    for (day, true), sound in zip(broken, clean, strict=True):
        for first, last, _ in true.gaps[true.symbol]:
            for name in ("trades", "book"):
                ts = table(day, name)["ts_event"]
                assert not np.any((ts >= first) & (ts < last))
        lost += sum(rows for *_, rows in true.gaps[true.symbol])
        gone += sum(
            table(sound, name)["ts_event"].size - table(day, name)["ts_event"].size for name in ("trades", "book")
        )
        gone += true.faults[true.symbol]["duplicates"]
    assert lost == gone > 0


def test_overlapping_gaps_count_each_row_once():
    world = World(seed=3, days=1, faults=Faults(gaps_per_day=20.0))
    sound, faulty = read_days(World(seed=3, days=1))[0][1], read_days(world)[0][1]
    (true,) = simulator.truth(world)
    gaps = true.gaps[true.symbol]
    gone = sum(
        table(sound, name)["ts_event"].size - table(faulty, name)["ts_event"].size for name in ("trades", "book")
    )
    assert sum(rows for *_, rows in gaps) == gone
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(gaps))


def test_a_clean_feed_arrives_in_order_within_milliseconds(clean):
    for day in clean:
        for name in ("trades", "book"):
            columns = table(day, name)
            assert np.all(np.diff(columns["ts_recv"]) >= 0)
            assert np.max(columns["ts_recv"] - columns["ts_event"]) < 20_000_000


def test_faults_leave_the_sound_rows_as_they_were(clean):
    faulty = [day for _, day in read_days(World(seed=SEED, days=2, faults=Faults(off_grid=0.01)))]
    for day, sound in zip(faulty, clean, strict=True):
        ours, theirs = table(day, "trades"), table(sound, "trades")
        kept = ours["price"] * 4 == np.round(ours["price"] * 4)
        for name, column in ours.items():
            assert np.array_equal(column[kept], theirs[name][kept])
