"""Volatility regime, sessions, expiries, first bars, early closes and what a day hands to the next."""

import numpy as np
import pytest

from mia_ml.core import calendar
from mia_ml.core.moments import DAY, MINUTE, NS
from mia_ml.features import clock, intake, volatility
from mia_ml.features.stream import Engine, contract_id

from . import worked
from .worked import NAN


@pytest.mark.parametrize(
    ("vix", "ratio", "regime"),
    [
        (14.9, 0.79, "low"),
        (15.0, 0.5, "normal"),  # exactly on a threshold is inside
        (14.0, 0.8, "normal"),
        (25.0, 1.5, "normal"),
        (25.1, 0.5, "high"),
        (14.0, 1.6, "high"),
        (14.0, NAN, "normal"),
        (26.0, NAN, "high"),
        (NAN, 2.0, "unknown"),
    ],
)
def test_volatility_regime(engine_params, vix, ratio, regime):
    assert volatility.REGIMES[volatility.regime(vix, ratio, engine_params[0]["volatility"])] == regime


@pytest.mark.parametrize(("age", "vix"), [(5 * DAY, 14.0), (5 * DAY + 1, NAN)])
def test_vix_is_known_for_five_days(engine_params, age, vix):
    row, bar = worked.row(), worked.bars(ts=10 * DAY)[0]
    state = np.zeros(1, volatility.STATE)[0]
    volatility.step(state, engine_params[0]["volatility"], bar, 1.0, 2.0, 14.0, 10 * DAY - age, row)
    assert row["vix"] == pytest.approx(vix, nan_ok=True)
    assert volatility.REGIMES[int(row["volatility_regime"])] == ("low" if vix == 14 else "unknown")  # ratio 0.5


def test_yesterdays_vix_lasts_until_today_brings_one(new_engine, sessions, tuesday):
    monday = sessions[np.searchsorted(sessions["day"], 20240304)]
    stream = new_engine()
    worked.run(stream, monday, 1, vix=worked.vix(monday, (30, 14.0)))
    rows = worked.run(stream, tuesday, 3, vix=worked.vix(tuesday, (120, 26.0)))[-3:]
    assert rows["vix"].tolist() == [14, 14, 26]  # known at second 120: the bar that closes then is before it
    assert rows["vix_age"].tolist() == [DAY / NS + 30, DAY / NS + 90, 60]


@pytest.mark.parametrize("day", [20240308, 20240311])  # the Friday before the clocks change and the Monday after
@pytest.mark.parametrize(
    ("at", "name"),
    [
        ("18:01", "evening"),
        ("20:00", "overnight"),
        ("04:00", "premarket"),
        ("09:29", "premarket"),
        ("09:30", "morning"),
        ("11:00", "midday"),
        ("14:00", "afternoon"),
        ("16:00", "evening"),
    ],
)
def test_sessions_start_on_the_minute(new_engine, sessions, day, at, name):
    """A decision at 09:30:00.000 is the morning's; the day's first bar closes at 18:01 in winter and in summer."""
    session = sessions[np.searchsorted(sessions["day"], day)]
    rows = worked.run(new_engine(), session, 23 * 60, vix=worked.vix(session, (0, 14.0)))
    hours, minutes = map(int, at.split(":"))
    row = rows[rows["minute_of_day"] == 60 * hours + minutes][0]
    assert clock.SESSIONS[int(row["session"])] == name
    utc_hours = 4 if day == 20240311 else 5
    assert (row["ts"] // MINUTE - utc_hours * 60) % 1440 == 60 * hours + minutes


def test_the_literal_session_reads_a_fixed_clock(shipped, new_engine, tuesday):
    context = shipped.context.model_copy(update={"session_utc_offset_min": 60})
    params = worked.params.build(shipped.features.model_dump(), context.model_dump(), tick=0.25, native=False)
    row = worked.run(new_engine(params), tuesday, 1, vix=worked.vix(tuesday, (0, 14.0)))[0]
    assert clock.SESSIONS[int(row["session"])] == "overnight"  # 18:01 New York is 00:01 there


def test_days_to_an_expiry_that_falls_on_a_holiday():
    """19 April 2019 was Good Friday: the monthly expiry was Thursday the 18th, the next 17 May."""
    days = calendar.load("cme_globex", 2019, 2019)
    assert [int(days.at(d)["days_to_expiry"]) for d in (20190412, 20190417, 20190418, 20190422)] == [6, 1, 0, 25]


def test_an_early_close_ends_the_day(new_engine, sessions):
    """3 July 2024 closes at 13:15 New York time: 19 h 15 min after 18:00."""
    at = np.searchsorted(sessions["day"], 20240703)
    early = sessions[at]
    minutes = int(early["close_ns"] - early["open_ns"]) // MINUTE
    assert minutes < 23 * 60
    stream = new_engine()
    first = worked.run(stream, early, minutes, trades=worked.trades(early, (5, 5000.0, 1, 1)))
    assert (first.size, first["ts"][-1]) == (minutes, early["close_ns"])
    after = sessions[at + 1]
    rows = worked.run(stream, after, 1, trades=worked.trades(after, (5, 5000.0, 1, 1)))
    assert rows["day"].tolist() == [after["day"]]


def test_the_first_bars_of_a_day_say_nothing_they_do_not_know(new_engine, tuesday):
    rows = worked.run(new_engine(), tuesday, 3, trades=worked.trades(tuesday, (65, 5000.0, 3, 1)))
    assert np.isnan(rows["close"][0])
    assert np.isnan(rows["volume"][0])  # silence before the first trade may be absence
    assert rows[["open", "close", "volume"]][2].tolist() == (5000.0, 5000.0, 0.0)
    assert rows["volume_confirmation"][2] == 0


CARRIED = ("atr_1m", "atr_5m", "battle_navale_1", "dow_trend_regime", "delta_divergence", "smart_money_index")


def second_day(new_engine, sessions, gap=1, contracts=None):
    at = int(np.searchsorted(sessions["day"], 20240304))
    stream = new_engine(contracts=contracts)
    first, second = sessions[at], sessions[at + gap]
    worked.run(stream, first, 1380, trades=worked.quiet_minutes(first, 1380))
    trades = worked.trades(second, (5, 5000.0, 10, 1), (15, 5001.0, 10, -1))
    return worked.run(stream, second, 1, trades=trades)[-1]


def test_yesterdays_bars_are_carried(new_engine, sessions):
    row = second_day(new_engine, sessions)
    assert row["atr_1m"] == row["atr_5m"] == row["atr_15m"] == 1
    assert all(np.isfinite(row[name]) for name in CARRIED)
    assert np.isnan(row["vwap_trend_globex"])  # an anchor is the day's own


def test_a_missing_day_leaves_nothing(new_engine, sessions):
    row = second_day(new_engine, sessions, gap=2)
    assert all(np.isnan(row[name]) for name in CARRIED)


def test_nothing_crosses_a_roll(new_engine, sessions):
    contracts = np.where(sessions["day"] <= 20240304, contract_id("ESH4"), contract_id("ESM4"))
    row = second_day(new_engine, sessions, contracts=contracts)
    assert all(np.isnan(row[name]) for name in CARRIED)


@pytest.mark.parametrize(("days", "rvol"), [(4, NAN), (5, 10.0 / 3.0), (21, 10.0 / 3.0)])
def test_the_same_minute_needs_five_days(new_engine, sessions, days, rvol):
    """Earlier days trade 1, 2, 3, 4, 5 contracts at this minute: 3 on average; today 10."""
    at = int(np.searchsorted(sessions["day"], 20240205))
    stream = new_engine()
    for k in range(days):
        session = sessions[at + k]
        size = 1000 if k == 0 and days == 21 else 1 + k % 5  # the twenty-first day back is forgotten
        worked.run(stream, session, 1, trades=worked.trades(session, (5, 5000.0, size, 1)))
    session = sessions[at + days]
    row = worked.run(stream, session, 1, trades=worked.trades(session, (5, 5000.0, 10, 1)))[-1]
    expected = row["rvol_trailing"] if days == 4 else rvol
    assert row["rvol"] == pytest.approx(expected, nan_ok=True)


def test_a_late_arrival_in_a_break_opens_no_day(engine_params, sessions, tuesday):
    trades = worked.trades(tuesday, (5, 5000.0, 1, 1), (23 * 3600 - 1, 5000.0, 1, 1))
    trades["ts_recv"] = trades["ts_event"] + 60 * NS
    trades["ts_recv"][0] = trades["ts_event"][0]
    stream = Engine(engine_params, sessions, np.full(sessions.size, 1))
    rows = stream.run(intake.tape(trades=trades, grace_ns=NS), until=int(tuesday["close_ns"]) + 3 * MINUTE)
    assert set(rows["day"]) == {20240305}
    assert rows.size == 23 * 60
