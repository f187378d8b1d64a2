"""Tick labels, readable on paper: decided at 10:00:00, filled by the first print from 250 ms on, at 5000.00."""

import numpy as np
import pytest

from mia_ml.backtest.records import Exit, Fate
from tests.backtest.market import TO_CLOSE, at, prints, signal
from tests.labels.paper import label

AT_TEN = signal((0, 1, 2.0))


def pair(tape, decided=AT_TEN, **settings):
    return label(tape, decided, **settings)[0]


def test_a_target_is_traded_through_and_a_stop_touched():
    bought, sold = pair(prints((0.1, 4000.0), (1, 5000.0), (2, 5002.0), (3, 5004.0), (4, 5004.25), (5, 5000.0)))
    assert (bought["exit_reason"], bought["exit_ns"]) == (Exit.TAKE_PROFIT, at(4))
    assert (sold["exit_reason"], sold["exit_ns"]) == (Exit.STOP, at(2))
    assert (bought["net_ticks"], sold["net_ticks"]) == pytest.approx((13.7, -10.3))


def test_a_decision_goes_before_the_prints_of_its_moment():
    """So one at the exit's own nanosecond is still blocked, and one at the print that could fill it is not filled."""
    bought, _ = pair(prints((0, 4000.0), (1, 5000.0), (4, 5004.25)), latency_ms=0)
    assert bought["entry_ns"] == at(0)
    bought, _ = pair(prints((1, 5000.0), (4, 5004.25)))
    assert (bought["free_ns"], bought["end_ns"]) == (at(4) + 1, at(4))


def test_a_time_out_is_the_first_print_100_minutes_after_the_entry():
    bought, sold = pair(prints((1, 5000.0), (6000.999, 5001.0), (6001, 5001.5), (6002, 5004.25)))
    assert (bought["exit_reason"], bought["exit_ns"]) == (Exit.TIMEOUT, at(6001))
    assert (bought["net_ticks"], sold["net_ticks"]) == pytest.approx((6 - 2.3, -6 - 2.3))


def test_a_gap_through_the_stop_fills_where_it_prints():
    bought, _ = pair(prints((1, 5000.0), (2, 4990.0)))
    assert (bought["exit_reason"], bought["net_ticks"]) == (Exit.STOP, pytest.approx(-40 - 2.3))


def test_the_session_ends_flat():
    flat = TO_CLOSE - 300
    bought, _ = pair(prints((flat - 101, 5000.0), (flat, 5000.5), (flat + 1, 5009.0)), signal((flat - 102, 1, 2.0)))
    assert (bought["exit_reason"], bought["exit_ns"], bought["net_ticks"]) == (
        Exit.SESSION_END,
        at(flat),
        pytest.approx(2 - 2.3),
    )


def test_a_position_may_stay_over_night_by_setting():
    next_day = TO_CLOSE + 3660
    settings = {"flat_at_session_end": False, "timeout_bars": 1000}
    bought, sold = pair(prints((1, 5000.0), (2, 5001.0), (next_day, 5100.0)), **settings)
    assert (bought["exit_reason"], bought["end_ns"], bought["day"]) == (Exit.TAKE_PROFIT, at(next_day), 20240103)
    assert (sold["exit_reason"], sold["net_ticks"]) == (Exit.STOP, pytest.approx(-400 - 2.3))


def test_blocked_at_once_blocks_nobody():
    windows = np.array([[at(-1), at(10)]])
    wide = signal((0, 1, 10.25))  # 41 ticks: 512.50 USD at a budget of 500
    tape = prints((1, 5000.0))
    for labels, fate in (
        (pair(tape, blackouts=windows), Fate.BLACKOUT),
        (pair(tape, wide, risk_fraction=0.005), Fate.TOO_RISKY),
    ):
        assert (labels["fate"] == fate).all()
        assert (labels["free_ns"] == at(0)).all()
        assert (labels["end_ns"] == at(0)).all()


def test_size_by_risk_scales_usd_only():
    """0.5 % of 100,000 USD pays for five contracts of 100 USD at the stop."""
    one, _ = pair(prints((1, 5000.0), (2, 4998.0)))
    five, _ = pair(prints((1, 5000.0), (2, 4998.0)), risk_fraction=0.005)
    assert (five["net_ticks"], five["net_usd"]) == (one["net_ticks"], 5 * one["net_usd"])
