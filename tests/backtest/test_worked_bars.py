"""Bar path, readable on paper: 1-minute ES bars, entry 5000.00, stop 4998.00 (8 ticks), target 5004.00 (16 ticks)."""

import numpy as np
import pytest

from mia_ml.backtest.execution import Execution
from mia_ml.backtest.records import Exit, Fate, signals
from mia_ml.backtest.simulator import simulate
from mia_ml.core import calendar, moments
from mia_ml.core.instruments import INSTRUMENTS
from tests.backtest.market import TO_CLOSE, at, bars, run, signal

DECISION = (60, 4990.0, 5010.0, 4980.0, 4999.0)  # the bar the signal was decided on, far wider than the barriers
BUY = signal((60, +1, 2.0))


def after(*rows):
    return bars((0, 4990.0, 4990.0, 4990.0, 4990.0), DECISION, *rows)


def only(result):
    assert result.trades.size == 1
    return result.trades[0]


def test_entry_is_the_next_open_and_the_decision_bar_cannot_fill_anything():
    trade = only(run(after((120, 5000.0, 5001.0, 4999.0, 5000.5)), BUY))
    assert (trade["entry_ns"], trade["entry_price"]) == (at(60), 5000.0)
    assert (trade["exit_reason"], trade["exit_ns"]) == (Exit.TAPE_END, at(120))
    assert (trade["mae_ticks"], trade["mfe_ticks"]) == (-4, 4)


def test_the_stop_comes_first_when_a_bar_touches_both():
    trade = only(run(after((120, 5000.0, 5010.0, 4998.0, 5009.0)), BUY))
    assert (trade["exit_reason"], trade["exit_price"], trade["gross_ticks"]) == (Exit.STOP, 4998.0, -8)
    assert trade["mfe_ticks"] == 0  # whether the high came before the stop is unknown


def test_a_target_needs_a_bar_that_trades_through_it():
    touched = (120, 5000.0, 5004.0, 4999.0, 5003.0)
    through = (180, 5003.0, 5004.25, 5002.0, 5003.0)
    trade = only(run(after(touched, through), BUY))
    assert (trade["exit_reason"], trade["exit_ns"], trade["exit_price"]) == (Exit.TAKE_PROFIT, at(180), 5004.0)


def test_a_gap_beyond_the_stop_fills_at_the_open():
    trade = only(run(after((120, 5000.0, 5001.0, 4999.0, 5000.0), (180, 4990.0, 5010.0, 4985.0, 5000.0)), BUY))
    assert (trade["exit_reason"], trade["exit_price"], trade["gross_ticks"]) == (Exit.STOP, 4990.0, -40)
    assert trade["exit_ns"] == at(120)  # the bar opened when the one before it closed


def test_a_gap_beyond_the_target_pays_the_target():
    trade = only(run(after((120, 5000.0, 5001.0, 4999.0, 5000.0), (180, 5020.0, 5020.0, 5019.0, 5020.0)), BUY))
    assert (trade["exit_reason"], trade["gross_ticks"]) == (Exit.TAKE_PROFIT, 16)


def test_a_sell_mirrors_a_buy():
    sell = signal((60, -1, 2.0))
    assert only(run(after((120, 5000.0, 5002.0, 4990.0, 4991.0)), sell))["exit_reason"] == Exit.STOP
    trade = only(run(after((120, 5000.0, 5001.75, 4995.75, 4996.0)), sell))
    assert (trade["exit_reason"], trade["exit_price"]) == (Exit.TAKE_PROFIT, 4996.0)
    assert (trade["mae_ticks"], trade["mfe_ticks"]) == (-7, 16)


def test_time_out_at_the_close_of_the_bar_that_reaches_it():
    quiet = [(120 + 60 * k, 5000.0, 5001.0, 4999.0, 5000.25 + 0.25 * k) for k in range(4)]
    trade = only(run(after(*quiet), BUY, timeout_bars=2, timeout_bar_min=1))
    assert (trade["exit_reason"], trade["exit_ns"], trade["gross_ticks"]) == (Exit.TIMEOUT, at(180), 2)


def test_time_out_in_bars_of_the_tape():
    quiet = [(120 + 3600 * k, 5000.0, 5001.0, 4999.0, 5000.25 + 0.25 * k) for k in range(4)]
    trade = only(run(after(*quiet), BUY, timeout_bars=3, timeout_bar_min=0))
    assert (trade["exit_reason"], trade["exit_ns"], trade["gross_ticks"]) == (Exit.TIMEOUT, at(120 + 7200), 3)


def test_flat_at_the_close_of_the_bar_that_spans_the_flat_time():
    hourly = [(TO_CLOSE - 7200, 4999.0, 5000.0, 4999.0, 5000.0), (TO_CLOSE - 3600, 5000.0, 5001.0, 4999.0, 5001.0)]
    last = (TO_CLOSE, 5001.0, 5002.0, 5000.0, 5002.0)
    result = run(bars(*hourly, last), signal((TO_CLOSE - 3600, 1, 2.0), (TO_CLOSE, 1, 2.0)))
    assert (only(result)["exit_reason"], result.trades["exit_ns"][0]) == (Exit.SESSION_END, at(TO_CLOSE))
    assert list(result.outcomes["fate"]) == [Fate.TRADED, Fate.AFTER_FLAT_TIME]


def test_a_bar_that_opened_before_the_decision_fills_nothing():
    """An irregular bar runs from 0 to 100 s; a signal at 60 s waits for the bar that opens at 100 s."""
    tape = bars(
        (0, 4990.0, 4990.0, 4990.0, 4990.0),
        (100, 4990.0, 5010.0, 4990.0, 5000.0),
        (130, 5001.0, 5001.0, 5001.0, 5001.0),
    )
    trade = only(run(tape, BUY))
    assert (trade["entry_ns"], trade["entry_price"]) == (at(100), 5001.0)


def test_a_bar_that_closes_inside_the_latency_fills_nothing():
    tape = after((60.2, 4000.0, 4000.0, 4000.0, 4000.0), (61, 5000.0, 5000.0, 5000.0, 5000.0))
    assert only(run(tape, BUY))["entry_price"] == 5000.0


def test_a_bar_without_volume_fills_nothing():
    tape = after((120, 4999.0, 4999.0, 4999.0, 4999.0), (180, 5000.0, 5001.0, 5000.0, 5001.0))
    tape["volume"][2] = 0
    trade = only(run(tape, BUY))
    assert (trade["entry_ns"], trade["entry_price"]) == (at(120), 5000.0)


def test_hourly_stock_bars_enter_on_the_next_mornings_open_and_hold_over_night():
    """SPY, a tick of one cent: decided at 16:00 on Wednesday, entered at 09:30 on Thursday."""
    days = calendar.load("nyse", 2024, 2024).between(20240102, 20240105)
    close = days["close_ns"]
    hour = 60 * moments.MINUTE
    ts = np.array([close[1] - hour, close[1], close[2] - 6 * hour, close[2], close[3] - 6 * hour])
    price = np.array([470.0, 470.0, 471.17, 471.30, 474.0])
    tape = {"ts_event": ts, "open": price, "high": price, "low": price, "close": price, "volume": np.ones(5)}
    decided = signals(close[1:2], days["day"][1:2], np.array([1]), np.array([1.25]))
    settings = Execution(flat_at_session_end=False, timeout_bars=20, timeout_bar_min=0)
    trade = only(simulate(settings, INSTRUMENTS["SPY"], days, tape, decided))
    assert (trade["entry_ns"], trade["entry_price"]) == (days["open_ns"][2], 471.17)
    assert (trade["risk_ticks"], trade["target_ticks"], trade["mfe_ticks"]) == (125, 250, 250)
    assert (trade["exit_reason"], trade["gross_ticks"]) == (Exit.TAKE_PROFIT, 250)
    assert trade["exit_price"] == pytest.approx(473.67)
