"""Bar files: their own bars are the base bars, and what needs events is absent."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mia_ml.core import calendar
from mia_ml.core.moments import MINUTE
from mia_ml.features import engine, intake, live, tape
from mia_ml.features.bar import BAR
from mia_ml.features.stream import Engine, event_record

from . import worked

HOUR = 60 * MINUTE
FROM_BARS = ("vwap_trend", "dow_trend", "battle_navale", "mtf_confluence")


@pytest.fixture(scope="module")
def nyse():
    return calendar.load("nyse", 2024, 2024).sessions


def hourly(sessions, days, seed=0):
    """Bars at 10:00 .. 16:00 New York time, without sides, and a VIX value known at 16:15 of each day."""
    rng = np.random.default_rng(seed)
    ts = np.concatenate([sessions["close_ns"][d] - HOUR * np.arange(6, -1, -1) for d in days])
    close = 470 + np.cumsum(rng.normal(0, 0.5, ts.size).round(2))
    open_ = np.concatenate([[470.0], close[:-1]])
    bars = {"ts_event": ts, "open": open_, "close": close, "volume": rng.integers(1, 9000, ts.size).astype(float)}
    bars |= {"high": np.maximum(open_, close) + 0.2, "low": np.minimum(open_, close) - 0.2}
    bars |= {name: np.full(ts.size, np.nan) for name in ("buy_volume", "sell_volume", "n_trades")}
    known = sessions["close_ns"][list(days)] + 15 * MINUTE
    return {"bars": bars, "vix": {"ts_event": known, "value": 15 + rng.normal(0, 1, known.size)}}


@pytest.fixture
def make(shipped, nyse):
    params = worked.changed(shipped, {"vwap_trend": {"slope_bars": 3, "warmup_bars": 3}}, native=True, tick=0.01)
    return lambda: Engine(params, nyse, np.full(nyse.size, 1))


def in_order(events):
    """(record, time) of bars and VIX values; on a tie the bar is first: it holds what was before its close."""
    out = [
        (t, 0, event_record(live.BAR_CLOSED, int(t), bars=events.bars[k : k + 1]))
        for k, t in enumerate(events.bars["ts_event"])
    ]
    out += [
        (t, 1, event_record(live.VIX_VALUE, int(t), vix=events.vix[k : k + 1]))
        for k, t in enumerate(events.vix["ts_event"])
    ]
    return [(event, int(t)) for t, _, event in sorted(out, key=lambda x: x[:2])]


def test_bar_by_bar_gives_the_same_bytes(make, nyse):
    events = intake.tape(**hourly(nyse, range(10, 22)))
    whole = make().run(events)
    assert whole.size == 12 * 7
    stream = make()
    assert b"".join(stream.push(event, ts).tobytes() for event, ts in in_order(events)) == whole.tobytes()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 12 * 25), max_size=6))
def test_any_chopping_of_bars_gives_the_same_bytes(make, nyse, cuts):
    events = intake.tape(**hourly(nyse, range(10, 22)))
    whole = make().run(events).tobytes()
    stream, rows, rest = make(), [], events
    start = int(events.bars["ts_event"][0])
    for cut in sorted(cuts):
        part, rest = intake.split(rest, start + cut * HOUR)
        successor = make()
        successor.restore(stream.snapshot())
        stream = successor
        rows.append(stream.run(part))
    rows.append(stream.run(rest))
    assert np.concatenate(rows).tobytes() == whole


def test_what_needs_events_is_absent_and_the_rest_lives(make, nyse):
    rows = make().run(intake.tape(**hourly(nyse, range(10, 40))))
    for name in engine.COMPONENTS:
        if not name.startswith(FROM_BARS):
            assert np.isnan(rows[name]).all(), name
    for name in ("vwap_trend_globex", "dow_trend_regime", "battle_navale_1", "rvol", "atr_1m", "vix"):
        assert np.isfinite(rows[name]).sum() > 60, name
    assert set(np.diff(rows["ts"])) <= {HOUR} | set(np.diff(nyse["close_ns"]) - 6 * HOUR)


def test_a_bar_counts_in_the_vwap_at_its_typical_price(make, nyse):
    """(12 + 9 + 12)/3 = 11 by 100 shares and (15 + 12 + 12)/3 = 13 by 300: 12.5."""
    bars = hourly(nyse, [10])["bars"]
    bars = {name: values[:2].copy() for name, values in bars.items()}
    bars |= {"open": np.array([10.0, 12]), "high": np.array([12.0, 15]), "low": np.array([9.0, 12])}
    bars |= {"close": np.array([12.0, 12]), "volume": np.array([100.0, 300])}
    assert make().run(intake.tape(bars=bars))["vwap_globex"].tolist() == pytest.approx([11, 12.5])


def test_a_vix_close_after_the_last_bar_is_known_the_next_day(make, nyse):
    """Globex trades on at 16:15 when the close becomes known, but a bar file may have no bar after it: the day ends
    with a value that no bar of its own has seen. Bars built apart hand it on like a stream does."""
    days = nyse[10:12].copy()
    days["close_ns"] += HOUR
    tables = hourly(nyse, [10, 11])
    tables["vix"]["value"] = np.array([31.0, 32.0])
    events = intake.tape(**tables)
    params = make()._params
    stream, apart = (Engine(params, days, np.full(2, 1)) for _ in range(2))
    rows = stream.run(events)
    assert np.isnan(rows["vix"][:7]).all()
    assert rows["vix"][7:].tolist() == [31.0] * 7
    built, rest = [], events
    for k in range(2):
        today, rest = intake.split(rest, int(days["close_ns"][k]))
        state, bars = np.zeros(1, tape.STATE), np.zeros(today.bars.size, BAR)
        closed = engine.bars_of(params, days[k : k + 1], state, int(days["close_ns"][k]), today, bars)
        built.append(apart.run_closed(bars[:closed], days[k : k + 1], state["levels"]))
    assert np.concatenate(built).tobytes() == rows.tobytes()


def test_few_bars_a_day_look_back_over_several_days(make, nyse):
    """Seven bars a day: ATR(14) stands after two days, twenty bars of Dow trend after three; a missing day forgets."""
    rows = make().run(intake.tape(**hourly(nyse, [10, 11, 12, 13, 15])))
    assert np.isnan(rows["atr_1m"][:13]).all()
    assert np.isfinite(rows["atr_1m"][13:28]).all()
    assert np.flatnonzero(np.isfinite(rows["dow_trend_regime"]))[0] == 19
    assert np.isnan(rows["atr_1m"][28:]).all()
    assert np.isnan(rows["dow_trend_regime"][28:]).all()
