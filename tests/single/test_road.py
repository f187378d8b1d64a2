"""One compiled call gives the bytes that screening, engine and scorer give one after the other."""

import functools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mia_ml.features import live
from mia_ml.single.kernels import SCREENED_OUT
from mia_ml.single.road import Road, Source
from mia_ml.store import rules
from mia_ml.store.rules import Rules
from mia_ml.store.screen import Screen
from serving.intake import event_order
from tests.features import market
from tests.scoring import small

from . import through
from .through import TODAY, Roads


@pytest.fixture(scope="module")
def tape():
    """Two hours of prints, snapshots, options and VIX."""
    return market.tape(market.tables(5, TODAY, start_minute=930, minutes=120))


@pytest.fixture(params=[False, True], ids=["formula alone", "with models"])
def new_scorer(request, world):
    return functools.partial(through.eager, world if request.param else None)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_call_and_its_parts_give_the_same_bytes_in_any_turn(tape, new_scorer, data):
    quick_share = data.draw(st.sampled_from((0.1, 0.5, 1.0)))
    turns = np.random.default_rng(data.draw(st.integers(0, 99))).random(20_000) < quick_share
    engine, scorer = through.engine(), new_scorer()
    alone, decides = through.engine(), new_scorer()
    roads, crossings = Roads(engine, scorer), 0
    for (event, ts), quick in zip(event_order.single_events(tape), turns, strict=False):
        expected = alone.push(event, ts)
        decided = decides.decide(expected)
        if quick and ts <= engine.close_ns:
            rows, decisions = roads.take(event)
        else:
            rows = engine.push(event, ts)
            decisions = scorer.decide(rows)
        assert rows.tobytes() == expected.tobytes()
        assert decisions.tobytes() == decided.tobytes()
        crossings += np.count_nonzero(decided["crossing"])
    assert crossings > 3
    assert (engine.snapshot(), scorer.snapshot()) == (alone.snapshot(), decides.snapshot())


def test_after_a_restart_the_same_arrays_are_at_work(tape, new_scorer):
    engine, scorer = through.engine(), new_scorer()
    roads, events = Roads(engine, scorer), event_order.single_events(tape)
    engine.push(*next(events))
    for _, (event, _) in zip(range(3_000), events, strict=False):
        roads.take(event)
    kept = engine.snapshot(), scorer.snapshot()
    first = [roads.take(event.copy()) for _, (event, _) in zip(range(1_000), events, strict=False)]
    engine.restore(kept[0])
    scorer.restore(kept[1])
    again = event_order.single_events(tape)
    for _ in range(3_001):
        next(again)
    second = [roads.take(event) for _, (event, _) in zip(range(1_000), again, strict=False)]
    assert [tuple(map(np.ndarray.tobytes, pair)) for pair in first] == [
        tuple(map(np.ndarray.tobytes, pair)) for pair in second
    ]


def test_what_is_screened_out_reaches_no_engine(new_scorer):
    engine, scorer = through.engine(), new_scorer()
    engine.open(int(TODAY["open_ns"]))
    slot = through.slot(live.TRADE)
    road = Road(engine, scorer, through.event(), Source("trades", slot, Screen("trades", "ESM4", Rules()), TODAY))
    before = engine.snapshot()
    slot["ts_event"], slot["price"], slot["size"], slot["side"] = TODAY["open_ns"] + 1, 5100.1, 1, 1
    assert road.take() == SCREENED_OUT + rules.OFF_GRID
    assert engine.snapshot() == before
    slot["price"] = 5100.0
    assert road.take() == 0
    assert engine.snapshot() != before


def test_a_rehearsed_close_asks_the_models_and_changes_no_byte(tape, new_scorer):
    engine, scorer = through.engine(), new_scorer()
    road, asked, whole = Road(engine, scorer, through.event()), 0, []
    assert [part.size for part in road.rehearse()] == [0, 0]
    for part in market.chop(tape, range(100, 4_600, 150)):
        rows = engine.run(part)
        whole.append((rows, scorer.decide(rows)))
        before = engine.snapshot(), scorer.snapshot(), scorer.formula.record.tobytes()
        row, decided = road.rehearse()
        assert (engine.snapshot(), scorer.snapshot(), scorer.formula.record.tobytes()) == before
        assert row.tobytes() == engine.rehearse().tobytes()
        assert decided.tobytes() == scorer.rehearse(row).tobytes()
        assert ((decided["crossing"] != 0) == np.isfinite(decided["score"])).all()
        asked += np.count_nonzero(np.isfinite(decided["probability"]))
    alone = through.engine().run(tape)
    assert np.concatenate([rows for rows, _ in whole]).tobytes() == alone.tobytes()
    assert np.concatenate([decisions for _, decisions in whole]).tobytes() == new_scorer().decide(alone).tobytes()
    assert (asked > 10) == (scorer.filter is not None)


def test_a_rehearsed_decision_asks_the_models_and_changes_nothing(tape, world):
    engine, scorer = through.engine(), small.content(world.ensemble, rows_=world.rows).scorer()
    rows = engine.run(tape)
    decided = scorer.decide(rows[:-1])
    before = scorer.snapshot()
    rehearsed = scorer.rehearse(rows[-1:])
    assert scorer.snapshot() == before
    assert rehearsed["score"] == scorer.decide(rows[-1:])["score"]
    assert np.isfinite(rehearsed["score"]).all()
    assert (rehearsed["crossing"] != 0).all()
    assert np.isfinite(rehearsed["probability"]).all()
    assert np.isnan(decided["probability"]).any()
