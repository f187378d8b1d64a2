"""One road: the same bytes from a whole day, from portions, from single events, and across a restart."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mia_ml.core.moments import MINUTE
from mia_ml.features import intake

from . import market


@pytest.fixture(scope="module")
def two_days(sessions):
    days = [np.searchsorted(sessions["day"], day) for day in (20240304, 20240305)]
    first = market.tables(1, sessions[days[0]], start_minute=1300, minutes=80)  # up to the close
    second = market.tables(2, sessions[days[1]], start_minute=0, minutes=100, price=5003.0)
    return market.tape(first, second)


@pytest.fixture
def whole(two_days, new_engine):
    return new_engine().run(two_days).tobytes()


def count(events):
    return sum(ts.size for ts in intake.times_of(events))


def test_the_tape_has_what_feeds_have(two_days, new_engine):
    rows = new_engine().run(two_days)
    assert np.unique(rows["day"]).size == 2
    change = int(np.flatnonzero(np.diff(rows["day"]))[0])
    in_break = (two_days.late > rows["ts"][change]) & (two_days.late < rows["ts"][change + 1] - MINUTE)
    arrived = np.count_nonzero((two_days.late < rows["ts"][-1]) & ~in_break)
    assert rows["late_events"].sum() == arrived > 0
    assert (rows["volume"] == 0).any()
    assert np.intersect1d(two_days.trade_ts, two_days.book_ts).size > 100
    priced = rows[~np.isnan(rows["close"])]
    for name in ("order_book_imbalance", "tick_momentum", "gamma_levels", "battle_navale_1", "vwap_trend_globex"):
        assert np.count_nonzero(~np.isnan(priced[name])) > 0, name


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_chopping_gives_the_same_bytes(two_days, new_engine, whole, data):
    cuts = data.draw(st.lists(st.integers(0, count(two_days)), max_size=12))
    engine = new_engine()
    rows = [engine.run(part) for part in market.chop(two_days, cuts)]
    assert np.concatenate(rows).tobytes() == whole


def test_event_by_event_gives_the_same_bytes(two_days, new_engine, whole):
    engine = new_engine()
    rows = [engine.push(event, ts) for event, ts in market.events_one_by_one(two_days)]
    assert np.concatenate(rows).tobytes() == whole


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_restart_from_a_snapshot_gives_the_same_bytes(two_days, new_engine, whole, data):
    cuts = data.draw(st.lists(st.integers(0, count(two_days)), min_size=1, max_size=6))
    engine, rows = new_engine(), []
    for part in market.chop(two_days, cuts):
        successor = new_engine()
        successor.restore(engine.snapshot())
        engine = successor
        rows.append(engine.run(part))
    assert np.concatenate(rows).tobytes() == whole


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_clocks_change_no_byte(two_days, new_engine, whole, data):
    cuts = data.draw(st.lists(st.integers(0, count(two_days)), min_size=1, max_size=10))
    engine, rows = new_engine(), []
    parts = list(market.chop(two_days, cuts))
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        rows.append(engine.run(part))
        if following is None or (span := intake.first_and_last(following)) is None:
            continue
        # a clock may say any time up to the next event's
        rows.append(engine.clock(span[0] - data.draw(st.integers(0, 3 * MINUTE))))
    assert np.concatenate(rows).tobytes() == whole


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_rehearsed_close_is_the_close_and_changes_no_byte(two_days, new_engine, whole, data):
    cuts = data.draw(st.lists(st.integers(0, count(two_days)), min_size=1, max_size=10))
    engine, rows = new_engine(), []
    for part in market.chop(two_days, cuts):
        rows.append(engine.run(part))
        before = engine.snapshot()
        rehearsed = engine.rehearse()
        assert engine.snapshot() == before
        closing = new_engine()
        closing.restore(before)
        closed = closing.clock(closing.last_close_ns + MINUTE)
        assert rehearsed.tobytes() == closed.tobytes()
    assert np.concatenate(rows).tobytes() == whole


def test_where_no_bar_is_under_way_none_is_rehearsed(two_days, new_engine):
    engine = new_engine()
    assert engine.rehearse().size == 0
    engine.run(two_days)
    engine.clock(engine.close_ns)
    assert (engine.rehearse().size, engine.last_close_ns) == (0, engine.close_ns)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_later_data_changes_no_earlier_row(two_days, new_engine, whole, data):
    cut = data.draw(st.integers(0, count(two_days)))
    earlier = new_engine().run(next(iter(market.chop(two_days, [cut]))))
    assert whole.startswith(earlier.tobytes())
