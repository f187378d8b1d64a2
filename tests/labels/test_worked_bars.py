"""Bar labels, readable on paper: 1-minute bars, decided at 10:01, entry 5000.00 at the next open.

Bought: stop 4998.00, target 5004.00. Sold: stop 5002.00, target 4996.00.
"""

import numpy as np
import pytest

from mia_ml.backtest.records import Exit, Fate
from mia_ml.core.moments import NONE
from mia_ml.labels.records import usable
from tests.backtest.market import TO_CLOSE, at, bars, signal
from tests.labels.paper import label

DECISION = (60, 4990.0, 5010.0, 4980.0, 4999.0)  # far wider than the barriers, and not in the label
AT_TEN_ONE = signal((60, 1, 2.0))


def after(*rows):
    return bars((0, 4990.0, 4990.0, 4990.0, 4990.0), DECISION, *rows)


def pair(tape, decided=AT_TEN_ONE, **settings):
    labels = label(tape, decided, **settings)
    assert labels.shape == (decided.size, 2)
    return labels[0]


def test_a_target_for_the_buyer_is_a_stop_for_the_seller():
    """High 5004.25 trades through 5004.00; low 4999.00 spares 4998.00."""
    bought, sold = pair(after((120, 5000.0, 5004.25, 4999.0, 5003.0)))
    assert (bought["side"], sold["side"]) == (1, -1)
    assert bought["fate"] == sold["fate"] == Fate.TRADED
    assert (bought["exit_reason"], sold["exit_reason"]) == (Exit.TAKE_PROFIT, Exit.STOP)
    assert (bought["risk_ticks"], bought["target_ticks"], bought["cost_ticks"]) == pytest.approx((8, 16, 2.3))
    assert (bought["net_ticks"], sold["net_ticks"]) == pytest.approx((16 - 2.3, -8 - 2.3))
    assert (bought["net_r"], sold["net_r"]) == pytest.approx((13.7 / 8, -10.3 / 8))
    assert (bought["net_usd"], sold["net_usd"]) == pytest.approx((171.25, -128.75))
    for one in (bought, sold):
        assert (one["signal_ns"], one["entry_ns"], one["exit_ns"]) == (at(60), at(60), at(120))
        assert (one["free_ns"], one["end_ns"]) == (at(120), at(120))


def test_the_stop_comes_first_when_a_bar_touches_both():
    assert [one["exit_reason"] for one in pair(after((120, 5000.0, 5010.0, 4990.0, 5000.0)))] == [Exit.STOP, Exit.STOP]


def test_a_time_out_at_the_close_of_the_bar_that_reaches_it():
    """Two minutes from 10:01 are up at the close of the bar of 10:03: +0.50 point, 2 ticks."""
    tape = after(*((120 + 60 * k, 5000.0, 5001.0, 4999.0, 5000.25 + 0.25 * k) for k in range(4)))
    bought, sold = pair(tape, timeout_bars=2, timeout_bar_min=1)
    assert (bought["exit_reason"], bought["exit_ns"], bought["end_ns"]) == (Exit.TIMEOUT, at(180), at(180))
    assert (bought["net_ticks"], sold["net_ticks"]) == pytest.approx((2 - 2.3, -2 - 2.3))


def test_a_gap_through_the_stop_exits_at_the_open_and_has_read_that_bar():
    """10:02 opens at 4990: 40 ticks lost at 10:02, known from the bar that closes at 10:03; none is free before."""
    tape = after((120, 5000.0, 5001.0, 4999.0, 5000.0), (180, 4990.0, 4991.0, 4989.0, 4990.0))
    bought, sold = pair(tape)
    assert (bought["exit_reason"], bought["net_ticks"]) == (Exit.STOP, pytest.approx(-40 - 2.3))
    assert (bought["exit_ns"], bought["end_ns"], bought["free_ns"]) == (at(120), at(180), at(180))
    assert (sold["exit_reason"], sold["net_ticks"]) == (Exit.TAKE_PROFIT, pytest.approx(16 - 2.3))


def test_bars_without_volume_fill_nothing_and_time_goes_on():
    tape = after(
        (120, 5000.0, 5010.0, 4990.0, 5000.0),
        (180, 5000.0, 5001.0, 4999.0, 5000.0),
        (240, 4990.0, 5010.0, 4980.0, 5000),
    )
    tape["volume"][[2, 4]] = 0
    bought, _ = pair(tape)
    assert (bought["entry_ns"], bought["exit_reason"], bought["end_ns"]) == (at(120), Exit.TAPE_END, at(240))


def test_a_session_that_ends_flat_and_the_row_after_the_flat_time():
    """The bar that closes at 16:55 ends the position; a decision at 16:55 is too late, one at 16:54 finds no open."""
    flat = TO_CLOSE - 300
    hours = [(flat + 60 * k, 5000.0, 5001.0, 4999.0, 5000.25) for k in range(-3, 3)]
    early, unfilled, late = label(bars(*hours), signal((flat - 120, 1, 2.0), (flat - 60, 1, 2.0), (flat, 1, 2.0)))
    assert (early["exit_reason"] == Exit.SESSION_END).all()
    assert (early["end_ns"] == at(flat)).all()
    assert (unfilled["fate"] == Fate.TRADED).all()
    assert (late["fate"] == Fate.AFTER_FLAT_TIME).all()
    assert (late["free_ns"] == at(flat)).all()
    assert (late["end_ns"] == at(flat)).all()


def test_a_day_without_another_bar_ends_at_the_flat_time():
    """Nothing trades from 16:51 on: closed at 16:55 at the last price, and the next day's bar is not read."""
    flat = TO_CLOSE - 300
    tape = bars(
        (flat - 360, 5000.0, 5001.0, 4999.0, 5000.0),
        (flat - 300, 5000.0, 5001.0, 4999.0, 5000.5),
        (flat - 240, 5000.5, 5001.0, 4999.0, 5001.0),
        (TO_CLOSE + 3660, 4000.0, 4000.0, 4000.0, 4000.0),
    )
    traded, unfilled = label(tape, signal((flat - 300, 1, 2.0), (flat - 240, 1, 2.0)))
    assert (traded["exit_reason"] == Exit.SESSION_END).all()
    assert traded["net_ticks"].tolist() == pytest.approx([2 - 2.3, -2 - 2.3])
    assert (unfilled["fate"] == Fate.AFTER_FLAT_TIME).all()
    for one in (*traded, *unfilled):
        assert (one["end_ns"], one["free_ns"]) == (at(flat), at(TO_CLOSE) + 1)


def test_literal_barriers_pay_one_and_a_half():
    """1.5 A = 3 points: target 5003.00, 12 ticks; net of costs (12 - 2.3) / 8 = 1.2125 R."""
    bought, _ = pair(after((120, 5000.0, 5003.25, 4999.0, 5003.0)), take_profit=1.5, stop=1.0)
    assert (bought["exit_reason"], bought["target_ticks"], bought["net_r"]) == (
        Exit.TAKE_PROFIT,
        12,
        pytest.approx(1.2125),
    )


@pytest.mark.parametrize("barrier", [np.nan, np.inf, 0.0])
def test_a_row_without_a_barrier_has_no_outcome(barrier):
    for one in pair(after((120, 5000.0, 5001.0, 4999.0, 5000.0)), signal((60, 1, barrier))):
        assert (one["fate"], one["exit_reason"]) == (Fate.NO_BARRIER, 0)
        assert one["entry_ns"] == one["exit_ns"] == NONE
        assert one["free_ns"] == one["end_ns"] == at(60)
        assert np.isnan([one[name] for name in ("risk_ticks", "target_ticks", "net_ticks", "net_r", "net_usd")]).all()


def test_what_the_end_of_the_tape_cut_short_teaches_nothing():
    labels = label(
        after((120, 5000.0, 5001.0, 4999.0, 5000.0), (180, 5000.0, 5004.25, 4999.0, 5000.0)),
        signal((60, 1, 2.0), (120, 1, 9.0), (180, 1, 2.0), (200, 1, 2.0)),
    )
    assert labels["fate"][:, 0].tolist() == [Fate.TRADED, Fate.TRADED, Fate.NO_TRADE_AFTER, Fate.NO_TRADE_AFTER]
    assert labels["exit_reason"][:2, 0].tolist() == [Exit.TAKE_PROFIT, Exit.TAPE_END]
    assert usable(labels)[:, 0].tolist() == [True, False, False, False]
    assert labels["end_ns"][:, 0].tolist() == [at(180), at(180), at(180), at(200)]
    assert labels["free_ns"][1:, 0].tolist() == [at(200) + 1] * 3
    assert labels["risk_ticks"][:, 0].tolist() == [8, 36, 8, 8]
