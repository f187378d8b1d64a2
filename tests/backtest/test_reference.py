"""Trade by trade against a slow simulator that shares nothing with the product."""

import numpy as np
from hypothesis import given, settings

from mia_ml.backtest.execution import Execution
from mia_ml.backtest.records import Exit, Fate
from mia_ml.backtest.simulator import simulate
from tests.backtest import reference, worlds
from tests.backtest.market import DAYS, ES

CALENDAR = [(int(day["day"]), int(day["open_ns"]), int(day["close_ns"])) for day in DAYS]


def ticks(prices):
    return [round(price * 4) for price in prices]


def compare(slow_tape, tape, decided, chosen, timeout_bar_min):
    execution = Execution(**chosen, timeout_bar_min=timeout_bar_min)
    rules = reference.Rules(
        take_profit=execution.take_profit,
        stop=execution.stop,
        timeout_ns=execution.timeout_bars * timeout_bar_min * reference.MINUTE,
        timeout_bars=execution.timeout_bars,
        latency_ns=execution.latency_ms * 1_000_000,
        flat=execution.flat_at_session_end,
        reverse=execution.reverse,
        tick=0.25,
    )
    plain = [(int(s["ts_ns"]), int(s["side"]), float(s["barrier"])) for s in decided]
    fates, expected = reference.simulate(slow_tape, plain, CALENDAR, rules)
    result = simulate(execution, ES, DAYS, tape, decided)
    assert [Fate(fate).name for fate in result.outcomes["fate"]] == fates
    actual = [
        (
            trade["signal"],
            trade["entry_ns"],
            trade["entry_price"] * 4,
            trade["exit_ns"],
            trade["exit_price"] * 4,
            Exit(trade["exit_reason"]).name,
            trade["gross_ticks"],
            trade["mae_ticks"],
            trade["mfe_ticks"],
            trade["risk_ticks"],
        )
        for trade in result.trades
    ]
    assert actual == expected
    return result


@settings(max_examples=60, deadline=None)
@given(worlds.SEEDS, worlds.SETTINGS)
def test_prints(seed, chosen):
    tape = worlds.trades(seed)
    slow = reference.of_trades(tape["ts_event"].tolist(), ticks(tape["price"]))
    compare(slow, tape, worlds.decisions(seed, tape), chosen, 5)


@settings(max_examples=60, deadline=None)
@given(worlds.SEEDS, worlds.SETTINGS)
def test_bars(seed, chosen):
    tape = worlds.bars(seed)
    prices = [ticks(tape[name]) for name in ("open", "high", "low", "close")]
    slow = reference.of_bars(tape["ts_event"].tolist(), *prices, tape["volume"], CALENDAR)
    bar_min = 0 if seed % 2 else 5
    compare(slow, tape, worlds.decisions(seed, tape), chosen, bar_min)


def test_the_random_worlds_reach_every_exit_and_nearly_every_fate():
    exits, fates = set(), set()
    for seed in range(40):
        for make in (worlds.trades, worlds.bars):
            tape = make(seed)
            execution = Execution(reverse=seed % 2 == 0, timeout_bars=3)
            result = simulate(execution, ES, DAYS, tape, worlds.decisions(seed, tape))
            exits |= set(result.trades["exit_reason"].tolist())
            fates |= set(result.outcomes["fate"].tolist())
    assert exits == set(Exit)
    assert fates == set(Fate) - {Fate.BLACKOUT, Fate.TOO_RISKY}
    assert np.isfinite(result.marks["equity_usd"]).all()
