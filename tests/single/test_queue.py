"""Rows of an index that wait in a queue go through the one call just before the price that they waited for."""

import functools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mia_ml.features import live
from mia_ml.features.stream import event_record
from mia_ml.single.kernels import QUEUE, SCREENED_OUT
from mia_ml.single.road import Queue, Road, Source
from mia_ml.store import rules
from mia_ml.store.rules import Rules
from mia_ml.store.screen import Screen
from serving.intake import event_order
from tests.features import market

from . import through
from .through import TABLES, TODAY, Roads

OPEN = int(TODAY["open_ns"])
RANK = {live.VIX_VALUE: 0, live.OPTIONS: 1}


@pytest.fixture(params=[False, True], ids=["formula alone", "with models"])
def new_scorer(request, world):
    return functools.partial(through.eager, world if request.param else None)


def vix(ts, value=13.0):
    return event_record(live.VIX_VALUE, ts, vix=(ts, value))


def options(ts, volume=1.0):
    return event_record(live.OPTIONS, ts, options=(ts, 5060.0, 5080.0, 5040.0, np.nan, volume, 2.0))


def trade(ts, price=5100.0):
    return event_record(live.TRADE, ts, price=price, size=1, side=1)


def waiting(queue):
    """Time, kind and figure of what is in a queue, in its order."""
    found = queue.events[: len(queue)]
    figures = np.where(
        found["kind"] == live.VIX_VALUE, found["vix"]["value"][:, 0], found["options"]["call_volume"][:, 0]
    )
    return list(zip((found["ts"][:, 0] - OPEN).tolist(), found["kind"].tolist(), figures.tolist(), strict=True))


def order(event):
    return int(event["ts"][0, 0]), RANK[int(event["kind"][0])]


def bursts(prices, rng):
    """Each price with the rows of an index before it: now and then up to 16 since the last one, many of one time."""
    before = OPEN
    for event, ts in event_order.single_events(prices):
        rows = []
        if before < ts and rng.random() < 0.05:
            times = ts - rng.choice((0, 0, 1, ts - before - 1, (ts - before) // 2), rng.integers(1, QUEUE + 1))
            rows = [(vix if rng.random() < 0.5 else options)(at, 10 + rng.random()) for at in times.tolist()]
        yield event.copy(), sorted(rows, key=order)
        before = ts


@pytest.fixture(scope="module")
def prices():
    """An hour and a half of prints and snapshots."""
    found = market.tables(5, TODAY, start_minute=930, trades=800, snapshots=1200)
    return market.tape({name: found[name] for name in ("trades", "book")})._replace(late=np.zeros(0, np.int64))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 99))
def test_rows_that_wait_go_on_as_if_they_came_just_before_the_price(prices, new_scorer, seed):
    """However early they come while there is room, in any order but of one time and kind."""
    rng, queue = np.random.default_rng(seed), Queue()
    engine, scorer = through.engine(), new_scorer()
    alone, decides = through.engine(), new_scorer()
    engine.open(OPEN)
    alone.open(OPEN)
    roads, most, crossings = Roads(engine, scorer, queue), 0, 0
    events = list(bursts(prices, rng))
    coming = [row for _, rows in events for row in rows]
    for event, rows in events:
        closed = [alone.push(each, int(each["ts"][0, 0])) for each in (*rows, event)]
        early = int(rng.integers(0, 5)) if rng.random() < 0.2 else 0
        missing = max(0, len(rows) - len(queue))
        brought = coming[: min(missing + early, QUEUE - len(queue))]
        del coming[: len(brought)]
        turn = {key: rng.random() for key in map(order, brought)}
        for row in sorted(brought, key=lambda row: turn[order(row)]):
            assert roads.wait(row) == 0
        most = max(most, len(queue))
        left = len(queue) - len(rows)
        found, decisions = roads.take(event)
        assert len(queue) == left
        assert found.tobytes() == b"".join(each.tobytes() for each in closed)
        assert decisions.tobytes() == b"".join(decides.decide(each).tobytes() for each in closed)
        crossings += np.count_nonzero(decisions["crossing"])
    assert most == QUEUE
    assert crossings > 3
    assert (engine.snapshot(), scorer.snapshot()) == (alone.snapshot(), decides.snapshot())


@pytest.fixture
def queued():
    """Roads on a day that is open, their queue, and the engine."""
    engine, queue = through.engine(), Queue()
    engine.open(OPEN)
    return Roads(engine, through.scorer(), queue), queue, engine


def test_what_is_later_than_the_price_waits_on(queued):
    roads, queue, _ = queued
    for event in (vix(OPEN + 9), options(OPEN + 5), vix(OPEN + 7), options(OPEN + 7)):
        roads.wait(event)
    roads.take(trade(OPEN + 4))
    assert [at for at, *_ in waiting(queue)] == [5, 7, 7, 9]
    roads.take(trade(OPEN + 7))
    assert waiting(queue) == [(9, live.VIX_VALUE, 13.0)]
    roads.take(trade(OPEN + 8))
    assert len(queue) == 1
    roads.take(trade(OPEN + 9))
    assert len(queue) == 0


def test_of_one_time_vix_goes_before_options_and_else_who_came_first(queued):
    roads, queue, _ = queued
    for event in (
        options(OPEN + 5, 1.0),
        vix(OPEN + 5, 11.0),
        options(OPEN + 5, 2.0),
        vix(OPEN + 5, 12.0),
        vix(OPEN + 4),
    ):
        roads.wait(event)
    assert waiting(queue) == [
        (4, live.VIX_VALUE, 13.0),
        (5, live.VIX_VALUE, 11.0),
        (5, live.VIX_VALUE, 12.0),
        (5, live.OPTIONS, 1.0),
        (5, live.OPTIONS, 2.0),
    ]


def test_it_is_full_with_as_many_as_it_has_places(queued):
    roads, queue, _ = queued
    for k in range(QUEUE):
        assert not queue.is_full
        roads.wait(options(OPEN + 1 + k, 1.0))
    assert queue.is_full
    with pytest.raises(IndexError, match=f"room for {QUEUE} rows"):
        roads.wait(vix(OPEN + QUEUE))
    roads.take(trade(OPEN + QUEUE - 1))
    assert not queue.is_full
    assert waiting(queue) == [(QUEUE, live.OPTIONS, 1.0)]
    queue.clear()
    assert waiting(queue) == []


def test_what_is_screened_out_neither_waits_nor_lets_go():
    engine, event, queue = through.engine(), through.event(), Queue()
    engine.open(OPEN)
    roads, slots = {}, {kind: through.slot(kind) for kind in (live.TRADE, live.VIX_VALUE)}
    for kind, symbol in ((live.TRADE, "ESM4"), (live.VIX_VALUE, "VIX")):
        source = Source(TABLES[kind], slots[kind], Screen(TABLES[kind], symbol, Rules()), TODAY)
        roads[kind] = Road(engine, through.scorer(), event, source, queue)
    before, row, price = engine.snapshot(), slots[live.VIX_VALUE], slots[live.TRADE]
    row["ts_event"], row["value"] = OPEN + 2, 0.0
    assert (roads[live.VIX_VALUE].wait(), len(queue)) == (rules.SIZE, 0)
    row["value"] = 13.0
    assert (roads[live.VIX_VALUE].wait(), len(queue)) == (0, 1)
    price["ts_event"], price["price"], price["size"] = OPEN + 3, 5100.1, 1
    assert roads[live.TRADE].take() == SCREENED_OUT + rules.OFF_GRID
    assert (len(queue), engine.snapshot()) == (1, before)
    price["price"] = 5100.0
    assert (roads[live.TRADE].take(), len(queue)) == (0, 0)


def test_a_rehearsed_close_leaves_what_waits_where_it_is(queued):
    roads, queue, engine = queued
    roads.take(trade(OPEN + 1))
    for event in (options(OPEN + 2), vix(OPEN + 3)):
        roads.wait(event)
    before = waiting(queue), engine.snapshot()
    row, _ = roads.other.rehearse()
    assert row.size == 1
    assert (waiting(queue), engine.snapshot()) == before
