"""Key figures on a handful of trades that a reader can add up."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mia_ml.core import calendar, moments
from mia_ml.metrics import kpi

FIELDS = (
    "side",
    "entry_ns",
    "exit_ns",
    "exit_reason",
    "risk_ticks",
    "target_ticks",
    "cost_ticks",
    "net_ticks",
    "net_r",
    "net_usd",
    "cost_usd",
    "mae_ticks",
    "mfe_ticks",
)
DAYS = calendar.load("cme_globex", 2024, 2024).between(20240102, 20240105)


def trades(*net_ticks, side=None, reason=None):
    """ES trades with a risk of 10 ticks, a target of 20 and a cost of 2."""
    records = np.zeros(len(net_ticks), [(name, "f8") for name in FIELDS])
    records["net_ticks"] = net_ticks
    records["risk_ticks"], records["target_ticks"], records["cost_ticks"] = 10, 20, 2
    records["net_r"] = records["net_ticks"] / 10
    records["net_usd"] = records["net_ticks"] * 12.5
    records["cost_usd"] = 25
    records["mae_ticks"], records["mfe_ticks"] = -4, 6
    if side:
        records["side"] = side
    if reason:
        records["exit_reason"] = reason
    return records


def test_four_trades():
    """18, 18, -12 and -8 ticks: half of them win; 36 ticks won, 20 lost, 16 in all."""
    figures = kpi.as_floats(kpi.of_trades(trades(18, 18, -12, -8)))
    assert figures == pytest.approx(
        {
            "n_trades": 4,
            "win_rate": 0.5,
            "break_even_win_rate": 0.4,  # (10 + 2) / (20 + 10)
            "win_rate_minus_break_even": 0.1,
            "false_signals": 0.5,
            "expectancy_r": 0.4,
            "expectancy_ticks": 4,
            "expectancy_usd": 50,
            "profit_factor": 1.8,
            "average_win_usd": 225,
            "average_loss_usd": 125,
            "average_win_over_loss": 1.8,
            "mae_mean_ticks": -4,
            "mfe_mean_ticks": 6,
            "net_usd": 200,
            "total_cost_usd": 100,
        }
    )


def test_the_break_even_win_rate_breaks_even():
    """Twelve trades of full stops and targets, 18 or -12 ticks net: at 40 % they earn nothing."""
    nothing = kpi.as_floats(kpi.of_trades(trades(*[18] * 4, *[-12] * 6)))
    assert nothing["win_rate"] == nothing["break_even_win_rate"] == 0.4
    assert nothing["expectancy_ticks"] == 0
    assert nothing["profit_factor"] == 1


def undecidable(figures):
    for figure in figures:
        assert math.isnan(figure.value) == bool(figure.undecidable)
    return {figure.name: figure.undecidable for figure in figures if figure.undecidable}


def test_without_losses_ratios_are_undecidable_not_infinite():
    assert undecidable(kpi.of_trades(trades(18, 5))) == {
        "profit_factor": "no losing trade",
        "average_loss_usd": "no losing trade",
        "average_win_over_loss": "no losing trade",
    }


def test_without_wins_the_profit_factor_is_a_true_zero():
    figures = kpi.of_trades(trades(-12, 0))
    assert undecidable(figures) == {
        "average_win_usd": "no winning trade",
        "average_win_over_loss": "no winning trade",
    }
    assert kpi.as_floats(figures)["profit_factor"] == 0


def test_without_trades_only_counts_and_sums_are_known():
    figures = kpi.of_trades(trades())
    assert set(undecidable(figures).values()) == {"no trades"}
    known = {figure.name: figure.value for figure in figures if not figure.undecidable}
    assert known == {"n_trades": 0, "net_usd": 0, "total_cost_usd": 0}


def test_sharpe_counts_the_days_without_a_trade():
    """P&L 1000, 0, 0, -200 USD on 100,000: mean 0.2 %, squares 0.64 + 0.04 + 0.04 + 0.16 = 0.88 over 3."""
    figures = kpi.as_floats(kpi.of_days(np.array([1000.0, 0.0, 0.0, -200.0]), 100_000.0))
    assert figures["sharpe"] == pytest.approx(0.2 / math.sqrt(0.88 / 3) * math.sqrt(252))
    assert figures["annual_return"] == pytest.approx(0.002 * 252)
    assert figures["n_days"] == 4


@pytest.mark.parametrize(
    ("pnl", "reasons"),
    [
        ([], {"sharpe": "fewer than 2 days", "annual_return": "no days"}),
        ([5.0], {"sharpe": "fewer than 2 days"}),
        ([0.0, 0.0, 0.0], {"sharpe": "daily P&L never varies"}),
        ([12.5] * 251, {"sharpe": "daily P&L never varies"}),  # their mean is not 12.5 to the last bit
    ],
)
def test_days_that_decide_nothing(pnl, reasons):
    assert undecidable(kpi.of_days(np.array(pnl), 100_000.0)) == reasons


def test_drawdown_counts_from_the_capital_and_its_two_forms_have_their_own_worst():
    """From 100: down to 90 (10 %, 10 USD), up to 200, down to 185 (7.5 %, 15 USD)."""
    figures = kpi.as_floats(kpi.of_equity(np.array([90.0, 200.0, 185.0]), 100.0))
    assert figures == pytest.approx({"max_drawdown": 0.1, "max_drawdown_usd": 15.0})
    assert kpi.as_floats(kpi.of_equity(np.zeros(0), 100.0)) == {"max_drawdown": 0, "max_drawdown_usd": 0}


def test_exposure_is_a_share_of_trading_time():
    """Globex is open 23 hours a day: 2.3 hours on one day and a night across the one-hour break, 4.6 in all of 92."""
    records = trades(1, 1)
    hour = 60 * moments.MINUTE
    close = DAYS["close_ns"]
    records = records.astype([(name, "i8" if name.endswith("_ns") else "f8") for name in FIELDS])
    records["entry_ns"] = [close[0] - 10 * hour, close[1] - hour]
    records["exit_ns"] = [close[0] - 10 * hour + 138 * moments.MINUTE, close[1] + hour + 78 * moments.MINUTE]
    figure = kpi.exposure(records, DAYS)
    assert (figure.name, figure.value) == ("exposure", pytest.approx(4.6 / 92))
    assert kpi.exposure(records[:0], DAYS).value == 0
    assert kpi.exposure(records[:0], DAYS[:0]).undecidable == "no days"


def test_no_days_no_frequency():
    assert set(undecidable(kpi.frequency(0, 0, 0))) == {"signals_per_month", "trades_per_month"}


def test_breakdown_names_every_part_even_an_empty_one():
    parts = kpi.breakdown(trades(18, -12, -8, side=[1, 1, 1]), "side", {1: "long", -1: "short"})
    assert list(parts) == ["long", "short"]
    assert kpi.as_floats(parts["long"])["n_trades"] == 3
    assert kpi.as_floats(parts["short"])["n_trades"] == 0


def test_summary_has_every_figure_once():
    figures = kpi.summary(trades(18, -12), 3, np.array([0.0, 225.0, 0.0, -150.0]), np.array([1e5]), DAYS, 1e5)
    names = [figure.name for figure in figures]
    assert len(names) == len(set(names)) == 25
    assert kpi.as_floats(figures)["signals_per_month"] == pytest.approx(3 / 4 * 21)
    assert all(figure.unit for figure in figures)


@given(st.lists(st.integers(-500, 500), min_size=1, max_size=30))
def test_parts_add_up(tenths):
    net = [ticks / 10 for ticks in tenths]
    figures = kpi.as_floats(kpi.of_trades(trades(*net)))
    wins = figures["win_rate"]
    total = sum(net) * 12.5
    assert figures["net_usd"] == pytest.approx(total, abs=1e-6)
    assert figures["expectancy_usd"] * len(net) == pytest.approx(total, abs=1e-6)
    if not math.isnan(figures["average_win_over_loss"]):
        expected = wins * figures["average_win_usd"] - (1 - wins) * figures["average_loss_usd"]
        assert figures["expectancy_usd"] == pytest.approx(expected, abs=1e-6)
        assert figures["profit_factor"] == pytest.approx(figures["average_win_over_loss"] * wins / (1 - wins))
