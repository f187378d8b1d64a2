"""The compiled engine against the second opinion in `reference`, on random markets over several days."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mia_ml.core.moments import MINUTE
from mia_ml.features import clock, engine, intake, volatility
from mia_ml.features.stream import contract_id

from . import market, reference, reference_bars

NAMED = {"session": clock.SESSIONS, "volatility_regime": volatility.REGIMES}
NAMED["volatility_regime_trailing"] = volatility.REGIMES


def short_sessions(sessions, minutes, cash_after):
    """Trading days that end after a few minutes: several of them stay affordable in plain Python."""
    out = sessions.copy()
    out["close_ns"] = out["open_ns"] + minutes * MINUTE
    out["rth_open_ns"] = out["open_ns"] + cash_after * MINUTE
    out["rth_close_ns"] = out["close_ns"]
    return out


def plain_day(session, contract, tables):
    """The events of a day that were in time, as tuples."""

    def rows(name, *columns):
        t = tables[name]
        end = (t["ts_event"] // MINUTE + 1) * MINUTE + market.GRACE
        keep = t["ts_recv"] < end if "ts_recv" in t else np.ones(end.size, bool)
        return list(zip(*(t[c][keep].tolist() for c in ("ts_event", *columns)), strict=True))

    late = []
    for t in tables.values():
        if "ts_recv" in t:
            end = (t["ts_event"] // MINUTE + 1) * MINUTE + market.GRACE
            late += t["ts_recv"][t["ts_recv"] >= end].tolist()
    sizes = intake.BOOK_SIZES
    book = [(ts, bid, ask, sz[:5], sz[5:]) for ts, bid, ask, *sz in rows("book", "bid_px_00", "ask_px_00", *sizes)]
    return reference_bars.Day(
        int(session["index"]),
        contract,
        {name: int(session[name]) for name in session.dtype.names},
        rows("trades", "price", "size", "side"),
        book,
        rows("options", "underlying_px", "call_wall", "put_wall", "zero_gamma", "call_volume", "put_volume"),
        rows("vix", "value"),
        late,
    )


def differences(got, expected):
    """Where an engine row and a plain row do not agree, as text."""
    out = []
    for name, value in expected.items():
        if name in NAMED:
            value = NAMED[name].index(value)
        mine = float(got[name])
        if not (math.isclose(mine, value, rel_tol=1e-9, abs_tol=1e-9) or (mine != mine and value != value)):
            out.append(f"{name}: engine {mine}, reference {value}")
    return out


def both(sessions, new_engine, seed, present, contracts, **kinds):
    """Engine rows and reference rows of a market on the days where `present` is True."""
    minutes = kinds.pop("minutes", 100)
    days = short_sessions(sessions, minutes, 55)[40 : 42 + max(present)]  # one more: late arrivals may open it
    tables = {k: market.tables(seed + k, days[k], minutes=minutes, price=5000.0 + 2 * k, **kinds) for k in present}
    ids = np.array([contract_id(c) for c in contracts])
    until = int(days[max(present)]["close_ns"])
    stream = new_engine(sessions=days, contracts=np.append(ids, ids[-1]))
    got = stream.run(market.tape(*tables.values()), until=until)
    plain = reference.rows([plain_day(days[k], contracts[k], tables[k]) for k in tables], until)
    return got, [row for day in plain for row in day]


def check(got, expected):
    assert got["ts"].tolist() == [row["ts"] for row in expected]
    wrong = [f"row {k}: {d}" for k, row in enumerate(expected) for d in differences(got[k], row)]
    assert not wrong, f"{len(wrong)} values differ; " + "; ".join(wrong[:8])


CASES = {
    "two days, the first carried": ([0, 1], ["ESH4"] * 2),
    "a missing day leaves a hole": ([0, 1, 3], ["ESH4"] * 4),
    "a roll forgets": ([0, 1, 2], ["ESH4", "ESM4", "ESM4"]),
    "profiles from five earlier days": ([0, 1, 2, 3, 4, 5, 6], ["ESH4"] * 7),
    "a roll inside the profiles": ([0, 1, 2, 3, 4, 5, 6], ["ESH4"] * 4 + ["ESM4"] * 3),
}


@pytest.mark.parametrize("case", CASES)
def test_every_feature_equals_the_second_opinion(sessions, new_engine, case):
    present, contracts = CASES[case]
    check(*both(sessions, new_engine, 100 * len(present), present, contracts, trades=1200, snapshots=1500))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), trades=st.sampled_from([12, 150, 900]))
@example(seed=7, trades=0)
def test_every_feature_equals_the_second_opinion_on_any_market(sessions, new_engine, seed, trades):
    got, expected = both(sessions, new_engine, seed, [0, 1], ["ESH4"] * 2, trades=trades, snapshots=400)
    check(got, expected)


def test_a_long_day_equals_the_second_opinion(sessions, new_engine):
    """Long enough for battles on 15 minutes and for a tail shorter than the day."""
    got, expected = both(sessions, new_engine, 3, [0, 1], ["ESH4"] * 2, minutes=560, trades=5000, snapshots=2500)
    check(got, expected)
    assert np.count_nonzero(got["battle_navale_15"]) > 20


def test_the_second_opinion_covers_every_component(sessions, new_engine):
    _, expected = both(sessions, new_engine, 1, [0], ["ESH4"], minutes=5)
    assert {f.name for f in engine.FEATURES} <= set(expected[0])
