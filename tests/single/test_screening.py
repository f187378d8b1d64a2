"""One event at a time is screened as a batch is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core import calendar
from mia_ml.core.tables import LEVELS, SCHEMAS, Batch
from mia_ml.single.kernels import SCREENED_OUT
from mia_ml.single.road import Queue, Road, Source
from mia_ml.store import rules
from mia_ml.store.rules import Rules
from mia_ml.store.screen import Screen

from . import through

SESSIONS = calendar.load("cme_globex", 2023, 2024)
TODAY, NEXT = SESSIONS.at(20240312), SESSIONS.at(20240313)
OPEN, CLOSE = int(TODAY["open_ns"]), int(TODAY["close_ns"])
S = 1_000_000_000
THROUGH = through.engine(), through.scorer(), through.event()
PRICES = st.sampled_from((5100.0, 5100.25, 5101.0, 5099.0, 5100.1, 5500.0, 5501.0, 4700.0, np.nan, np.inf))
STEPS = st.sampled_from((0, 1, S, 30 * S, 60 * S, 900 * S, -S, -3 * 3600 * S))

TRADES = st.tuples(STEPS, PRICES, st.sampled_from((1, 2, 0, -1)), st.sampled_from((1, -1, 0, 5)))
BOOKS = st.tuples(
    STEPS, PRICES, st.sampled_from((0.25, 0.5, 0.0, -0.25, np.nan)), st.sampled_from((5, 0, -1)), st.integers(0, 4)
)
FIGURES = ("underlying_px", "call_wall", "put_wall", "zero_gamma", "net_gex", "call_volume", "put_volume")
OPTIONS = st.tuples(STEPS, st.sampled_from(FIGURES), st.sampled_from((5100.0, 0.0, -1.0, np.nan, np.inf, -np.inf)))
VALUES = st.tuples(STEPS, st.sampled_from((13.0, 13.5, 0.0, -1.0, np.nan, np.inf, -np.inf)))


def trades_of(draws, start):
    ts = start + np.cumsum([d[0] for d in draws])
    columns = {"ts_event": ts.astype(np.int64), "price": np.array([d[1] for d in draws])}
    columns |= {"size": np.array([d[2] for d in draws]), "side": np.array([d[3] for d in draws], np.int8)}
    return columns


def books_of(draws, start):
    columns = {"ts_event": (start + np.cumsum([d[0] for d in draws])).astype(np.int64)}
    bid = np.array([d[1] for d in draws])
    ask = bid + np.array([d[2] for d in draws])
    for level in range(LEVELS):
        odd = np.array([d[4] == level and d[3] for d in draws])
        columns[f"bid_px_{level:02d}"], columns[f"ask_px_{level:02d}"] = bid - level / 4, ask + level / 4
        columns[f"bid_sz_{level:02d}"] = np.where(odd < 0, -1, 5)
        columns[f"ask_sz_{level:02d}"] = np.where(odd == 0, 0, 5)
    return columns


def options_of(draws, start):
    """Rows of which one figure may be odd."""
    columns = {"ts_event": (start + np.cumsum([d[0] for d in draws])).astype(np.int64)}
    for k, name in enumerate(FIGURES):
        columns[name] = np.array([d[2] if d[1] == name else 100.0 + k for d in draws])
    return columns


def values_of(draws, start):
    ts = (start + np.cumsum([d[0] for d in draws])).astype(np.int64)
    return {"ts_event": ts, "value": np.array([d[1] for d in draws])}


def slot_of(table):
    """A record of eight-byte fields that begins with others than the table's."""
    columns = SCHEMAS[table].columns.items()
    fields = [(name, "i8" if kind == "i1" else kind) for name, kind in columns if kind != "O"]
    return np.zeros(1, np.dtype([("number", "i8"), ("reason", "i8"), *fields]))


def road_of(table, symbol, limits=None, session=TODAY, screen=None, queue=None):
    slot = slot_of(table)
    source = Source(table, slot, screen or Screen(table, symbol, limits or Rules()), session)
    return Road(*THROUGH, source, queue), slot


def one_by_one(table, symbol, columns, limits, queue=None):
    """With a queue each row waits in it if it may, by itself."""
    road, slot = road_of(table, symbol, limits, queue=queue)
    found = []
    for k in range(columns["ts_event"].size):
        slot["number"], slot["reason"] = k, 77
        for name, values in columns.items():
            slot[name] = values[k]
        found.append(road.screen() if queue is None else road.wait())
        if queue is not None:
            assert len(queue) == (found[-1] == rules.OK)
            queue.clear()
    return found


def in_a_batch(table, symbol, columns, limits):
    n = columns["ts_event"].size
    return Screen(table, symbol, limits).check(Batch(table, symbol, columns, "f", np.arange(n))).reason.tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(TRADES, min_size=1, max_size=40), st.sampled_from((OPEN - S, OPEN, CLOSE - 3600 * S)))
def test_trades(draws, start):
    columns = trades_of(draws, start)
    columns["ts_event"] = np.clip(columns["ts_event"], OPEN - 3600 * S + 1, CLOSE)
    assert one_by_one("trades", "ESM4", columns, Rules()) == in_a_batch("trades", "ESM4", columns, Rules())


@settings(max_examples=60, deadline=None)
@given(st.lists(BOOKS, min_size=1, max_size=40), st.sampled_from((OPEN - 3599 * S, OPEN, CLOSE - 3600 * S)))
def test_snapshots(draws, start):
    columns = books_of(draws, start)
    columns["ts_event"] = np.clip(columns["ts_event"], OPEN - 3600 * S + 1, CLOSE)
    limits = Rules(preopen_hours=0.5)
    assert one_by_one("book", "ESM4", columns, limits) == in_a_batch("book", "ESM4", columns, limits)


@settings(max_examples=60, deadline=None)
@given(st.lists(OPTIONS, min_size=1, max_size=40), st.sampled_from((OPEN - 30 * 3600 * S, OPEN, CLOSE)))
def test_options(draws, start):
    columns = options_of(draws, start)
    expected = in_a_batch("options", "SPX", columns, Rules())
    assert one_by_one("options", "SPX", columns, Rules()) == expected
    assert one_by_one("options", "SPX", columns, Rules(), Queue()) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=40), st.sampled_from((OPEN - 30 * 3600 * S, OPEN, CLOSE)))
def test_vix(draws, start):
    columns = values_of(draws, start)
    expected = in_a_batch("vix", "VIX", columns, Rules())
    assert one_by_one("vix", "VIX", columns, Rules()) == expected
    assert one_by_one("vix", "VIX", columns, Rules(), Queue()) == expected


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_of_options_is_looked_at(name):
    road, slot = road_of("options", "SPX")
    found = []
    for value in (0.0, -1.0, np.nan, np.inf, -np.inf):
        slot[name] = value
        found.append(road.screen())
    negative = rules.SIZE if name.endswith("_volume") else rules.OK
    assert found == [rules.OK, negative, rules.OK, rules.NON_FINITE, rules.NON_FINITE]


def test_a_row_before_one_that_was_refused_runs_backwards_too():
    road, slot = road_of("vix", "VIX")
    found = []
    for ts, value in ((OPEN, 13.0), (OPEN + S, np.inf), (OPEN + 1, 13.0), (OPEN + S, 0.0), (OPEN + S, 13.0)):
        slot["ts_event"], slot["value"] = ts, value
        found.append(road.screen())
    assert found == [rules.OK, rules.NON_FINITE, rules.BACKWARDS, rules.SIZE, rules.OK]


def test_the_next_day_goes_on_from_the_state_of_the_last():
    screen = Screen("trades", "ESM4", Rules())
    today, slot = road_of("trades", "ESM4", screen=screen)
    slot["size"], slot["side"] = 1, 1
    slot["ts_event"], slot["price"] = OPEN, 5100.0
    assert today.screen() == rules.OK
    tomorrow, slot = road_of("trades", "ESM4", session=NEXT, screen=screen)
    slot["size"], slot["side"] = 1, 1
    slot["ts_event"], slot["price"] = NEXT["open_ns"], 5500.0
    assert tomorrow.screen() == rules.OK  # over the break a gap is no jump
    slot["ts_event"] = OPEN
    assert tomorrow.screen() == rules.CLOSED
    slot["ts_event"], slot["price"] = NEXT["open_ns"] + 1, 5900.0
    assert tomorrow.screen() == rules.JUMP


@pytest.mark.parametrize("symbol", ["../ES", "XYZ", "ESH4-ESM4"])
@pytest.mark.parametrize("table", ["trades", "book"])
def test_what_is_no_contract_is_refused_whatever_it_says(table, symbol):
    road, _ = road_of(table, symbol)
    assert (road.screen(), road.take()) == (rules.UNKNOWN_SYMBOL, SCREENED_OUT + rules.UNKNOWN_SYMBOL)


@pytest.mark.parametrize("table", ["options", "vix"])
def test_what_is_no_name_of_an_index_does_not_wait(table):
    queue = Queue()
    road, _ = road_of(table, "../VIX", queue=queue)
    assert (road.screen(), road.wait(), len(queue)) == (rules.UNKNOWN_SYMBOL, rules.UNKNOWN_SYMBOL, 0)


def test_what_was_screened_before_is_not_again():
    slot = slot_of("trades")
    assert Road(*THROUGH, Source("trades", slot, None, TODAY)).screen() == 0
