"""Drift: what stays elsewhere is seen, time of day and calm hours are not called drift, a restart changes nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.confluence import decision
from mia_ml.core.errors import ConfigError
from mia_ml.features import engine
from serving.guards.drift import LARGEST_DELTA, Block, Drift

DELTA = 0.001
SESSIONS_A_DAY = (4, 5, 0, 1, 2, 3, 4)  # evening to evening, as numbers of `features.clock`
LENGTHS = (6, 24, 17, 5, 9, 6, 3)  # bars, a fiftieth of an hour each
SPANS = {"rvol": (-1.0, 4.0), "vix": (10.0, 40.0)}


def market(days, seed, shift_at=None, shift=0.0):
    """ROW and DECISION of days whose bars hang together (AR(1), 0.97) around a strong pattern of the day."""
    rng = np.random.default_rng(seed)
    bars = sum(LENGTHS)
    rows, taken = np.zeros(days * bars, engine.ROW), np.zeros(days * bars, decision.DECISION)
    session = np.repeat(SESSIONS_A_DAY, LENGTHS)
    pattern = np.repeat([0.5, 0.2, 0.8, 2.5, 1.0, 2.0, 0.6], LENGTHS)
    rows["day"] = np.repeat(20240101 + np.arange(days), bars)
    rows["ts"] = np.arange(rows.size)
    taken["session"] = rows["session"] = np.tile(session, days)
    for name, centre, scale in (("rvol", np.tile(pattern, days), 0.1), ("vix", 20.0, 0.3)):
        noise = np.zeros(rows.size)
        for k in range(1, rows.size):
            noise[k] = 0.97 * noise[k - 1] + rng.normal(0, scale)
        rows[name] = centre + noise
    taken["raw"] = np.clip(rng.normal(0, 0.3, rows.size), -1, 1)
    taken["probability"] = np.where(rng.random(rows.size) < 0.02, rng.uniform(0.2, 0.8, rows.size), np.nan)
    if shift_at is not None:
        rows["rvol"][rows["day"] >= 20240101 + shift_at] += shift
    return rows, taken


def watch(rows, taken, guard):
    return [block for k in range(rows.size) if (block := guard.take(rows[k : k + 1], taken[k : k + 1])) is not None]


@pytest.mark.parametrize("seed", range(3))
def test_a_stationary_half_year_is_no_drift(seed):
    guard = Drift(SPANS, DELTA, 5)
    watch(*market(126, seed), guard)
    assert guard.alarms == []


@pytest.mark.parametrize("shift", [1.2, -1.2])
def test_a_mean_that_moves_is_seen_where_it_moved(shift):
    guard = Drift(SPANS, DELTA, 5)
    watch(*market(70, 0, shift_at=40, shift=shift), guard)
    (alarm,) = guard.alarms
    assert alarm.name == "rvol"
    assert abs(alarm.since - 20240141) <= 2
    assert 20240141 < alarm.day < 20240160
    assert alarm.after - alarm.before == pytest.approx(shift, abs=0.3)
    assert str(alarm).startswith(f"drift of rvol: mean {alarm.before:.4g} over {alarm.sessions_before} sessions, ")


@pytest.mark.parametrize(("column", "name"), [("raw", "score"), ("probability", "probability")])
def test_the_scores_are_watched(column, name):
    rows, taken = market(120, 0)
    late = rows["day"] >= 20240101 + 60
    taken[column][late] = np.clip(taken[column][late] + 0.4, None, 1.0)
    guard = Drift({}, DELTA, 5)
    watch(rows, taken, guard)
    assert [alarm.name for alarm in guard.alarms] == [name]


@given(st.lists(st.floats(0, 1), min_size=7, max_size=7), st.integers(0, 6), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_no_pattern_of_the_day_is_ever_drift(pattern, start, days_before):
    """With the largest delta that a setting may have, and days that begin and end anywhere."""
    guard = Drift({"rvol": (0.0, 1.0)}, LARGEST_DELTA, 5)
    for k in range(start, start + 7 * (days_before + 20)):
        guard.feed(Block(k // 7, k % 7, k, {"rvol": pattern[k % 7]}))
    assert guard.alarms == []


def test_the_same_values_give_the_same_alarms_after_a_restart():
    rows, taken = market(60, 1, shift_at=30, shift=1.0)
    whole = Drift(SPANS, DELTA, 5)
    blocks = watch(rows, taken, whole)
    assert whole.alarms
    cut = int(np.searchsorted(rows["day"], 20240101 + 33))
    again = Drift(SPANS, DELTA, 5)
    for block in blocks:
        if block.day < rows["day"][cut]:
            again.feed(Block.read(block.line()))
    watch(rows[cut:], taken[cut:], again)
    assert again.alarms == whole.alarms
    assert all(again.in_force(day) == whole.in_force(day) for day in (20240101 + 59, 20240101 + 60))


def test_the_detector_is_the_librarys():
    """It is taken from behind the public class; both say the same of the same values."""
    from river import drift

    rng = np.random.default_rng(3)
    values = np.clip(np.repeat([0.2, 0.7, 0.3, 0.9, 0.1], 150) + rng.normal(0, 0.1, 750), 0, 1)
    public = drift.ADWIN(delta=DELTA, clock=1, min_window_length=5, grace_period=10)
    guard, seen = Drift({"rvol": (0.0, 1.0)}, DELTA, 5), []
    for k, value in enumerate(values.tolist()):
        guard.feed(Block(k, 0, k, {"rvol": value}))
        public.update(value)
        if public.drift_detected:
            seen.append(k)
    assert [alarm.ts for alarm in guard.alarms] == seen
    assert len(seen) == 4


def test_missing_values_are_counted_and_count_nowhere():
    rows, taken = market(3, 0)
    rows["vix"] = np.nan
    rows["rvol"][:4] = np.nan
    rows["rvol"][4:6] = (1.0, 2.0)
    guard = Drift(SPANS, DELTA, 5)
    blocks = watch(rows, taken, guard)
    assert blocks[0].means["rvol"] == 1.5
    assert np.isnan(blocks[0].means["vix"])
    assert Block.read(blocks[0].line()).means["rvol"] == 1.5
    assert guard.skipped["rvol"] == 4
    assert guard.skipped["vix"] == rows.size - LENGTHS[-1]  # the session under way has not been counted


def test_a_session_ends_with_the_first_row_of_the_next():
    rows, taken = market(2, 0)
    blocks = watch(rows, taken, Drift(SPANS, DELTA, 5))
    assert [block.session for block in blocks] == [*SESSIONS_A_DAY, *SESSIONS_A_DAY[:-1]]
    assert [block.day for block in blocks] == [20240101] * 7 + [20240102] * 6
    assert blocks[1].ts == sum(LENGTHS[:2]) - 1


def test_an_alarm_is_in_force_for_its_days():
    guard, day = Drift({"rvol": (0.0, 1.0)}, DELTA, 3), 20240000
    while not guard.alarms:
        day += 1
        assert guard.in_force(day) == []
        guard.feed(Block(day, 0, day, {"rvol": 0.1 if day < 20240060 else 0.9}))
    said = [str(guard.alarms[0])]
    assert guard.in_force(day) == guard.in_force(day + 1) == said
    guard.feed(Block(day + 1, 0, 0, {"rvol": 0.9}))
    assert guard.in_force(day + 1) == guard.in_force(day + 2) == said
    guard.feed(Block(day + 2, 0, 0, {"rvol": 0.9}))
    assert guard.in_force(day + 2) == said
    assert guard.in_force(day + 3) == []


def test_what_has_no_range_or_is_the_calendars_is_not_watched():
    guard = Drift({"vix": None, "rvol": (1.0, 1.0), "minute_of_day": (0.0, 1439.0), "delta": (0.0, 1.0)}, DELTA, 5)
    assert guard.unwatched == ("vix", "rvol", "minute_of_day")


@pytest.mark.parametrize("delta", [0.0, -1.0, 0.2, float("nan")])
def test_a_delta_that_would_call_the_time_of_day_a_drift_is_refused(delta):
    with pytest.raises(ConfigError, match=r"guards\.drift_delta"):
        Drift({}, delta, 5)
