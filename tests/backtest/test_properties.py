"""What holds on any tape: accounting, no look-ahead, the same bytes however the tape is chopped."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.backtest.equity import by_minute, daily
from mia_ml.backtest.execution import Execution
from mia_ml.backtest.records import Exit, Fate
from mia_ml.backtest.simulator import NO_SIGNALS, Simulator, join, simulate
from mia_ml.core.moments import MINUTE
from tests.backtest import worlds
from tests.backtest.market import DAYS, ES, TO_CLOSE, at, prints, run, signal

TAPES = {"trades": worlds.trades, "bars": worlds.bars}
KINDS = st.sampled_from(list(TAPES))
NOT_RESULTS = ["entry_price", "exit_price"]


def world(kind, seed, chosen):
    tape = TAPES[kind](seed)
    return tape, worlds.decisions(seed, tape), Execution(**chosen)


def rows(tape, select):
    return {name: column[select] for name, column in tape.items()}


def chopped(kind, tape, decided, execution, cuts, restart):
    """Events and signals in their one order, fed in pieces; `restart` goes on in a new simulator after each piece."""
    ts, when = tape["ts_event"], decided["ts_ns"]
    moment = np.concatenate([ts, when])
    is_signal = np.repeat([0, 1], [ts.size, when.size])
    first = is_signal if kind == "bars" else 1 - is_signal
    order = np.lexsort([first, moment])
    simulator = Simulator(execution, ES, DAYS, kind)
    results = []
    for piece in np.split(order, sorted(cuts)):
        if restart:
            snapshot = simulator.snapshot()
            simulator = Simulator(execution, ES, DAYS, kind)
            simulator.restore(snapshot)
        events = piece[piece < ts.size]
        results.append(simulator.advance(rows(tape, events), decided[piece[piece >= ts.size] - ts.size]))
    results.append(simulator.finish())
    return join(results), simulator.snapshot()


@settings(max_examples=30, deadline=None)
@given(KINDS, worlds.SEEDS, worlds.SETTINGS, st.lists(st.integers(0, 290), max_size=12), st.booleans())
def test_any_chopping_gives_the_same_bytes(kind, seed, chosen, cuts, restart):
    tape, decided, execution = world(kind, seed, chosen)
    whole, state = chopped(kind, tape, decided, execution, [], False)
    parts, state_of_parts = chopped(kind, tape, decided, execution, cuts, restart)
    assert state == state_of_parts
    for field in dataclasses.fields(whole):
        assert getattr(whole, field.name).tobytes() == getattr(parts, field.name).tobytes()


@pytest.mark.parametrize("kind", TAPES)
@pytest.mark.parametrize("seed", range(3))
def test_an_event_at_a_time_gives_the_same_bytes(kind, seed):
    tape, decided, execution = world(kind, seed, {"reverse": seed == 1})
    whole = simulate(execution, ES, DAYS, tape, decided)
    parts, _ = chopped(kind, tape, decided, execution, range(1, 400), True)
    assert whole.trades.size > 3
    for field in dataclasses.fields(whole):
        assert getattr(whole, field.name).tobytes() == getattr(parts, field.name).tobytes()


@settings(max_examples=40, deadline=None)
@given(KINDS, worlds.SEEDS, worlds.SETTINGS)
def test_every_signal_and_every_dollar_is_accounted_for(kind, seed, chosen):
    tape, decided, execution = world(kind, seed, chosen)
    result = simulate(execution, ES, DAYS, tape, decided)
    trades, outcomes = result.trades, result.outcomes
    assert outcomes["signal"].tolist() == list(range(decided.size))
    for name in ("ts_ns", "day", "side", "barrier"):
        np.testing.assert_array_equal(outcomes[name], decided[name])
    traded = outcomes["fate"] == Fate.TRADED
    assert outcomes["trade"][traded].tolist() == list(range(trades.size))
    assert trades["signal"].tolist() == outcomes["signal"][traded].tolist()
    assert (outcomes["trade"][~traded] == -1).all()
    np.testing.assert_array_equal(trades["net_ticks"], trades["gross_ticks"] - 2.3)
    moved = (trades["exit_price"] - trades["entry_price"]) * trades["side"] / 0.25
    np.testing.assert_array_equal(trades["gross_ticks"], moved)
    np.testing.assert_allclose(trades["net_usd"], trades["net_ticks"] * 12.5)
    assert (trades["mae_ticks"] <= np.minimum(trades["gross_ticks"], 0)).all()
    assert (trades["mfe_ticks"] >= np.maximum(trades["gross_ticks"], 0)).all()
    days = daily(result.marks, DAYS["day"], 100_000.0)
    assert days["day"].tolist() == DAYS["day"].tolist()
    assert days["pnl_usd"].sum() == pytest.approx(trades["net_usd"].sum())


@settings(max_examples=40, deadline=None)
@given(KINDS, worlds.SEEDS, worlds.SETTINGS)
def test_one_position_at_a_time_none_before_its_decision_none_over_the_day(kind, seed, chosen):
    tape, decided, execution = world(kind, seed, chosen)
    trades = simulate(execution, ES, DAYS, tape, decided).trades
    latency_ns = execution.latency_ms * 1_000_000 if kind == "trades" else 0
    assert (trades["entry_ns"] >= trades["signal_ns"] + latency_ns).all()
    assert (trades["exit_ns"] >= trades["entry_ns"]).all()
    assert (trades["entry_ns"][1:] >= trades["exit_ns"][:-1]).all() or kind == "bars"
    if execution.flat_at_session_end:
        session = DAYS[np.searchsorted(DAYS["day"], trades["day"])]
        assert (trades["entry_ns"] < session["close_ns"] - 5 * MINUTE).all()
        assert (trades["exit_ns"] <= session["close_ns"]).all()


@settings(max_examples=40, deadline=None)
@given(KINDS, worlds.SEEDS, worlds.SETTINGS, st.floats(0.1, 0.9))
def test_later_data_changes_no_closed_trade_and_no_mark(kind, seed, chosen, share):
    tape, decided, execution = world(kind, seed, chosen)
    end = tape["ts_event"][int(share * tape["ts_event"].size)]
    early = simulate(execution, ES, DAYS, rows(tape, tape["ts_event"] <= end), decided[decided["ts_ns"] <= end])
    late = simulate(execution, ES, DAYS, tape, decided)
    closed = early.trades[early.trades["exit_reason"] != Exit.TAPE_END]
    assert closed.tobytes() == late.trades[: closed.size].tobytes()
    decided_early = early.outcomes["fate"] != Fate.NO_TRADE_AFTER
    assert early.outcomes[decided_early].tobytes() == late.outcomes[: decided_early.size][decided_early].tobytes()
    finished = early.marks["ts_ns"] <= end
    assert early.marks[finished].tobytes() == late.marks[: early.marks.size][finished].tobytes()


@settings(max_examples=30, deadline=None)
@given(worlds.SEEDS, worlds.SETTINGS)
def test_the_decision_bar_itself_fills_nothing(seed, chosen):
    """Same-bar fills are look-ahead: what the decision bar and its past did within their ranges changes no trade."""
    tape, decided, execution = world("bars", seed, chosen)
    first = decided[:1]
    past = tape["ts_event"] <= first["ts_ns"][0]
    wild = {name: column.copy() for name, column in tape.items()}
    wild["high"][past] += 100.0
    wild["low"][past] -= 100.0
    wild["open"][past] -= 50.0
    calm = simulate(execution, ES, DAYS, tape, first)
    assert calm.trades.tobytes() == simulate(execution, ES, DAYS, wild, first).trades.tobytes()
    assert (calm.trades["entry_ns"] >= first["ts_ns"][0]).all()


@settings(max_examples=30, deadline=None)
@given(KINDS, worlds.SEEDS, worlds.SETTINGS, st.integers(-4000, 4000))
def test_a_constant_on_all_prices_changes_no_result(kind, seed, chosen, shift_ticks):
    tape, decided, execution = world(kind, seed, chosen)
    moved = {
        name: column if name in ("ts_event", "volume") else column + shift_ticks * 0.25 for name, column in tape.items()
    }
    before = simulate(execution, ES, DAYS, tape, decided)
    after = simulate(execution, ES, DAYS, moved, decided)
    for name in before.trades.dtype.names:
        if name not in NOT_RESULTS:
            np.testing.assert_array_equal(before.trades[name], after.trades[name])
    assert before.marks.tobytes() == after.marks.tobytes()


@settings(max_examples=30, deadline=None)
@given(KINDS, worlds.SEEDS, worlds.SETTINGS)
def test_ticks_twice_as_large_with_prices_twice_as_high_double_the_usd_only(kind, seed, chosen):
    tape, decided, execution = world(kind, seed, chosen)
    double = {name: column if name in ("ts_event", "volume") else column * 2 for name, column in tape.items()}
    wide = decided.copy()
    wide["barrier"] *= 2
    before = simulate(execution, ES, DAYS, tape, decided)
    after = simulate(execution, dataclasses.replace(ES, tick=0.5), DAYS, double, wide)
    for name in before.trades.dtype.names:
        factor = 2 if name in ("net_usd", "cost_usd", *NOT_RESULTS) else 1
        np.testing.assert_array_equal(before.trades[name] * factor, after.trades[name])


def test_equity_is_marked_every_minute_at_the_last_price():
    """Bought at 5000 at 10:00:01; 5001 (4 ticks) in that minute, 5002 in the next, the stop at 10:03:00."""
    marks = run(prints((1, 5000.0), (59.999, 5001.0), (60, 5002.0), (180, 4998.0)), signal((0, 1, 2.0))).marks
    assert marks["ts_ns"].tolist() == [at(60), at(120), at(240)]
    gains = (marks["equity_usd"] - 100_000) / 12.5
    assert gains.tolist() == pytest.approx([4 - 2.3, 8 - 2.3, -8 - 2.3])
    ends, equity = by_minute(marks, at(0), at(300), 100_000.0)
    assert ends.tolist() == [at(60 * k) for k in range(1, 6)]
    assert ((equity - 100_000) / 12.5).tolist() == pytest.approx([1.7, 5.7, 5.7, -10.3, -10.3])


def test_days_without_a_trade_count_as_zero_and_a_night_is_marked_at_the_days_last_price():
    tape = prints((1, 5000.0), (2, 5001.0), (TO_CLOSE + 3660, 5003.0))
    settings = {"flat_at_session_end": False, "timeout_bars": 1000}
    days = daily(run(tape, signal((0, 1, 2.0)), **settings).marks, DAYS["day"], 100_000.0)
    assert (days["pnl_usd"] / 12.5).tolist() == pytest.approx([0, 4 - 2.3, 8, 0])
    assert days["equity_usd"][-1] == pytest.approx(100_000 + 9.7 * 12.5)


def test_an_empty_tape_gives_empty_results():
    tape = {"ts_event": np.zeros(0, np.int64), "price": np.zeros(0)}
    result = simulate(Execution(), ES, DAYS, tape, NO_SIGNALS)
    assert result.trades.size == result.outcomes.size == result.marks.size == 0
    assert (daily(result.marks, DAYS["day"], 1000.0)["pnl_usd"] == 0).all()
