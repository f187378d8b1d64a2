"""Tick path, readable on paper: ES, entry 5000.00, A = 2 points, so stop 4998.00 (8 ticks) and target 5004.00 (16)."""

import numpy as np
import pytest

from mia_ml.backtest.execution import Execution
from mia_ml.backtest.records import Exit, Fate
from mia_ml.backtest.simulator import simulate
from mia_ml.core import calendar, moments
from tests.backtest.market import DAYS, ES, SECOND, TO_CLOSE, at, prints, run, signal

BUY = signal((0, +1, 2.0))
SELL = signal((0, -1, 2.0))


def only(result):
    assert result.trades.size == 1
    return result.trades[0]


def test_a_take_profit_pays_its_own_level_and_the_cost_once():
    trade = only(run(prints((1, 5000.0), (2, 4999.0), (3, 5004.25), (4, 4000.0)), BUY))
    assert trade["exit_reason"] == Exit.TAKE_PROFIT
    assert (trade["entry_ns"], trade["entry_price"]) == (at(1), 5000.0)
    assert (trade["exit_ns"], trade["exit_price"]) == (at(3), 5004.0)
    assert (trade["risk_ticks"], trade["target_ticks"]) == (8, 16)
    assert (trade["gross_ticks"], trade["cost_ticks"], trade["net_ticks"]) == pytest.approx((16, 2.3, 13.7))
    assert trade["net_r"] == pytest.approx(13.7 / 8)
    assert (trade["net_usd"], trade["cost_usd"]) == pytest.approx((171.25, 28.75))  # a tick is 12.50 USD
    assert (trade["mae_ticks"], trade["mfe_ticks"]) == (-4, 16)


def test_a_target_that_is_touched_but_not_traded_through_stays_open():
    trade = only(run(prints((1, 5000.0), (2, 5004.0), (3, 4998.0)), BUY))
    assert (trade["exit_reason"], trade["exit_ns"], trade["mfe_ticks"]) == (Exit.STOP, at(3), 16)


def test_a_stop_fills_at_the_price_that_passed_it():
    trade = only(run(prints((1, 5000.0), (2, 4998.25), (3, 4997.0)), BUY))
    assert (trade["exit_reason"], trade["exit_price"], trade["gross_ticks"]) == (Exit.STOP, 4997.0, -12)
    assert trade["net_r"] == pytest.approx(-14.3 / 8)


def test_a_sell_mirrors_a_buy():
    trade = only(run(prints((1, 5000.0), (2, 5001.0), (3, 4995.75)), SELL))
    assert (trade["exit_reason"], trade["exit_price"], trade["gross_ticks"]) == (Exit.TAKE_PROFIT, 4996.0, 16)
    assert (trade["mae_ticks"], trade["mfe_ticks"]) == (-4, 16)
    assert only(run(prints((1, 5000.0), (2, 5002.0)), SELL))["exit_reason"] == Exit.STOP


def test_the_time_out_is_the_first_print_100_minutes_after_the_entry():
    trade = only(run(prints((1, 5000.0), (6000.999, 5001.0), (6001, 5001.5), (6002, 5002.0)), BUY))
    assert (trade["exit_reason"], trade["exit_ns"], trade["gross_ticks"]) == (Exit.TIMEOUT, at(6001), 6)


def test_flat_at_1655_and_no_entry_from_then_on():
    flat = TO_CLOSE - 300
    tape = prints((flat - 101, 5000.0), (flat - 0.001, 5000.25), (flat, 5000.5), (flat + 1, 5003.0))
    result = run(tape, signal((flat - 102, 1, 2.0), (flat - 0.001, 1, 2.0), (flat, 1, 2.0)))
    assert only(result)["exit_reason"] == Exit.SESSION_END
    assert result.trades["exit_ns"] == at(flat)
    assert list(result.outcomes["fate"]) == [Fate.TRADED, Fate.IN_POSITION, Fate.AFTER_FLAT_TIME]


def test_a_fill_that_would_come_at_the_flat_time_is_refused():
    flat = TO_CLOSE - 300
    result = run(prints((0, 5000.0), (flat, 5000.0)), signal((flat - 60, 1, 2.0)))
    assert result.trades.size == 0
    assert list(result.outcomes["fate"]) == [Fate.AFTER_FLAT_TIME]


def test_no_position_crosses_a_trading_day_even_when_nothing_prints_after_the_flat_time():
    next_day = TO_CLOSE + 3600 + 60
    trade = only(run(prints((1, 5000.0), (2, 5001.0), (next_day, 5100.0)), BUY))
    assert (trade["exit_reason"], trade["exit_price"]) == (Exit.SESSION_END, 5001.0)
    assert trade["exit_ns"] == at(TO_CLOSE - 300)


def test_a_position_may_stay_over_night_by_setting():
    next_day = TO_CLOSE + 3600 + 60
    settings = {"flat_at_session_end": False, "timeout_bars": 1000}
    trade = only(run(prints((1, 5000.0), (2, 5001.0), (next_day, 5100.0)), BUY, **settings))
    assert (trade["exit_reason"], trade["exit_ns"]) == (Exit.TAKE_PROFIT, at(next_day))


def test_an_early_close_is_flat_five_minutes_before():
    """24 November 2023, the day after Thanksgiving: the calendar closes it at 13:00 ET, so flat at 12:55, 17:55 UTC."""
    days = calendar.load("cme_globex", 2023, 2023).between(20231122, 20231127)
    start = int(np.datetime64("2023-11-24T17:50", "ns").astype(np.int64))
    decided = BUY.copy()
    decided["ts_ns"], decided["day"] = start, 20231124
    ts = start + np.array([1, 299, 300, 301]) * SECOND
    tape = {"ts_event": ts, "price": np.array([5000.0, 5000.25, 5000.5, 5000.75])}
    trade = only(simulate(Execution(), ES, days, tape, decided))
    assert (trade["exit_reason"], moments.utc(trade["exit_ns"])[:19]) == (Exit.SESSION_END, "2023-11-24T17:55:00")


def test_the_fill_is_the_first_print_at_or_after_250_ms():
    assert only(run(prints((0.249, 4990.0), (0.25, 5000.0), (0.251, 5001.0)), BUY))["entry_price"] == 5000.0
    assert only(run(prints((0.249, 4990.0), (0.251, 5001.0)), BUY))["entry_price"] == 5001.0


def test_the_print_that_fills_does_not_exit():
    """A gap of 100 points inside the latency moves the entry, and the barriers stand around the entry."""
    trade = only(run(prints((0.1, 5000.0), (0.3, 5100.0), (0.4, 5103.0)), BUY))
    assert (trade["entry_price"], trade["exit_reason"], trade["gross_ticks"]) == (5100.0, Exit.TAPE_END, 12)


def test_a_tape_that_ends_closes_at_its_last_price_or_leaves_the_signal_unfilled():
    trade = only(run(prints((1, 5000.0), (2, 5001.0)), BUY))
    assert (trade["exit_reason"], trade["exit_ns"], trade["exit_price"]) == (Exit.TAPE_END, at(2), 5001.0)
    unfilled = run(prints((-1, 5000.0), (0.2, 5000.0)), BUY)
    assert list(unfilled.outcomes["fate"]) == [Fate.NO_TRADE_AFTER]


def test_one_position_at_a_time():
    decided = signal((0, 1, 2.0), (0.1, 1, 2.0), (2, -1, 2.0), (3, 1, 2.0))
    result = run(prints((1, 5000.0), (4, 5001.0)), decided)
    expected = [Fate.TRADED, Fate.ENTRY_PENDING, Fate.IN_POSITION, Fate.IN_POSITION]
    assert list(result.outcomes["fate"]) == expected
    assert list(result.outcomes["trade"]) == [0, -1, -1, -1]


def test_an_opposite_signal_reverses_by_setting():
    decided = signal((0, 1, 2.0), (2, 1, 2.0), (3, -1, 2.0))
    result = run(prints((1, 5000.0), (3.1, 5001.0), (3.3, 5001.5), (4, 5000.5)), decided, reverse=True)
    first, second = result.trades
    assert (first["exit_reason"], first["exit_ns"], first["exit_price"]) == (Exit.REVERSED, at(3.3), 5001.5)
    assert (second["side"], second["entry_ns"], second["entry_price"]) == (-1, at(3.3), 5001.5)
    assert (second["exit_reason"], second["gross_ticks"]) == (Exit.TAPE_END, 4)
    assert list(result.outcomes["fate"]) == [Fate.TRADED, Fate.IN_POSITION, Fate.TRADED]


def test_the_stop_comes_before_the_reversal_on_one_print():
    result = run(prints((1, 5000.0), (4, 4997.0)), signal((0, 1, 2.0), (3, -1, 2.0)), reverse=True)
    assert list(result.trades["exit_reason"]) == [Exit.STOP, Exit.TAPE_END]
    assert list(result.trades["entry_price"]) == [5000.0, 4997.0]


def test_a_blackout_blocks_from_its_start_to_before_its_end():
    windows = np.array([[at(10), at(20)]])
    decided = signal((9.999, 1, 2.0), (10, 1, 2.0), (19.999, 1, 2.0), (20, 1, 2.0))
    result = run(prints((9, 5000.0), (30, 5000.0)), decided, windows)
    expected = [Fate.TRADED, Fate.BLACKOUT, Fate.BLACKOUT, Fate.ENTRY_PENDING]
    assert list(result.outcomes["fate"]) == expected


@pytest.mark.parametrize("barrier", [np.nan, np.inf, 0.0, -1.0])
def test_a_signal_without_a_barrier_is_recorded_and_not_traded(barrier):
    result = run(prints((1, 5000.0)), signal((0, 1, barrier)))
    assert list(result.outcomes["fate"]) == [Fate.NO_BARRIER]
    assert result.trades.size == 0


def test_orders_rest_on_the_tick_grid_at_or_beyond_the_barrier():
    """A = 2.1 points is 8.4 ticks: stop 9 ticks away, target 16.8, so 17; 1.5 A is 12.6, so 13."""
    trade = only(run(prints((1, 5000.0), (2, 4998.0), (3, 4997.75)), signal((0, 1, 2.1))))
    assert (trade["risk_ticks"], trade["target_ticks"], trade["exit_price"]) == (9, 17, 4997.75)
    assert only(run(prints((1, 5000.0)), signal((0, 1, 2.1)), take_profit=1.5))["target_ticks"] == 13
    assert only(run(prints((1, 5000.0)), signal((0, 1, 0.01))))["risk_ticks"] == 1


def test_size_by_risk():
    """0.5 % of 100,000 USD is 500 USD; a stop of 8 ticks costs 100 USD a contract."""
    trade = only(run(prints((1, 5000.0), (2, 4998.0)), BUY, risk_fraction=0.005))
    assert trade["contracts"] == 5
    assert (trade["net_usd"], trade["cost_usd"]) == pytest.approx((-643.75, 143.75))  # 10.3 and 2.3 ticks
    wide = run(prints((1, 5000.0)), signal((0, 1, 10.25)), risk_fraction=0.005)  # 41 ticks: 512.50 USD
    assert list(wide.outcomes["fate"]) == [Fate.TOO_RISKY]
    exact = run(prints((1, 5000.0)), signal((0, 1, 10.0)), risk_fraction=0.005)
    assert exact.trades["contracts"] == 1


def test_sessions_are_those_of_the_market():
    assert list(DAYS["day"]) == [20240102, 20240103, 20240104, 20240105]
