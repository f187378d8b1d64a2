"""Tables that somebody else wrote: the first value that breaks the contract stops the reader, by name."""

from pathlib import Path

import numpy as np
import pytest

from mia_ml.core.errors import DataError
from mia_ml.core.tables import LEVELS
from mia_ml.datasets import contract

FILE = Path("trades/ESH4/2024-01-03.parquet")
AFTER, OPEN, CLOSE = 0, 100, 1_000


def trades(**changes):
    sound = {
        "ts_event": np.array([150, 200, 300]),
        "price": np.array([5000.0, 5000.25, 5000.5]),
        "size": np.array([1, 2, 3]),
        "side": np.array([1, 0, -1], np.int8),
    }
    return sound | changes


def book(ts=150, **changes):
    sound = {"ts_event": np.array([ts]), "bid_px_00": np.array([5000.0]), "ask_px_00": np.array([5000.25])}
    sizes = {f"{side}_sz_{level:02d}": np.array([5]) for side in ("bid", "ask") for level in range(LEVELS)}
    return sound | sizes | changes


def bars(**changes):
    sound = {"ts_event": np.array([150]), "open": np.array([5.0]), "high": np.array([7.0]), "low": np.array([4.0])}
    return sound | {"close": np.array([6.0]), "volume": np.array([10.0])} | changes


def check(table, columns, tick=0.25):
    contract.check(FILE, table, columns, tick, (AFTER, CLOSE), OPEN)


def test_sound_tables_pass():
    check("trades", trades())
    check("book", book())
    check("book", book(bid_px_00=np.array([np.nan]), bid_sz_00=np.array([0])))  # one side empty
    check("bars", bars())


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"price": np.array([5000.0, np.nan, 5000.5])}, "row 2: price nan"),
        ({"price": np.array([5000.0, 5000.25, 5000.4])}, "row 3: off the tick grid is price 5000.4"),
        ({"size": np.array([0, 2, 3])}, "row 1: size 0"),
        ({"side": np.array([1, 7, -1], np.int8)}, "row 2: side 7"),
        ({"ts_event": np.array([150, 200, 1_001])}, "row 3: 1970-01-01T00:00:00.000001001Z belongs to another trading"),
    ],
)
def test_a_trade_that_breaks_the_contract_is_named(changes, what):
    with pytest.raises(DataError, match=what) as refused:
        check("trades", trades(**changes))
    assert str(FILE) in str(refused.value)


def test_shares_may_print_between_ticks():
    check("trades", trades(price=np.array([50.001, 50.002, 50.003])), tick=0.0)


def test_a_book_may_be_crossed_before_the_open_only():
    crossed = {"bid_px_00": np.array([5000.25])}
    check("book", book(ts=99, **crossed))
    with pytest.raises(DataError, match=r"row 1: crossed in trading hours is bid_px_00 5000.25"):
        check("book", book(ts=100, **crossed))


def test_a_negative_size_in_the_book_is_named():
    with pytest.raises(DataError, match="row 1: ask_sz_03 -1"):
        check("book", book(ask_sz_03=np.array([-1])))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"close": np.array([8.0])}, "outside low..high is close 8.0"),
        ({"open": np.array([np.nan])}, "outside low..high is open nan"),
        ({"volume": np.array([-1.0])}, "volume -1.0"),
    ],
)
def test_a_bar_that_breaks_the_contract_is_named(changes, what):
    with pytest.raises(DataError, match=what):
        check("bars", bars(**changes))
