"""Compiled figures are those of metrics.kpi, reasons included."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.backtest.records import TRADE
from mia_ml.core.errors import DataError
from mia_ml.evaluation import policy, statistics
from mia_ml.evaluation.panel import Panel
from mia_ml.metrics import kpi
from tests.evaluation.test_panel import FIRST, SECOND, two_days
from tests.evaluation.worlds import CONTEXT

CAPITAL = 100_000.0


def panel_of(n_days):
    """One row a day."""
    rows, labels = two_days()
    rows, labels = np.repeat(rows[:1], n_days), np.repeat(labels[:1], n_days, axis=0)
    rows["ts"] += 86_400_000_000_000 * np.arange(n_days)
    rows["day"] += np.arange(n_days)
    labels["signal_ns"] = rows["ts"][:, None]
    return Panel.build(rows, labels, (FIRST, SECOND), CONTEXT)


def trades_of(exit_day, net_r):
    trades = np.zeros(len(net_r), policy.TRADES)
    trades["exit_day"], trades["net_r"] = exit_day, net_r
    trades["net_usd"] = trades["net_r"] * 250
    return trades


def by_metrics(trades, n_days):
    full = np.zeros(trades.size, TRADE)
    full["net_r"], full["net_usd"], full["net_ticks"] = trades["net_r"], trades["net_usd"], trades["net_usd"] / 12.5
    full["risk_ticks"] = full["target_ticks"] = 10
    daily = np.bincount(trades["exit_day"], trades["net_usd"], n_days)
    equity = CAPITAL + np.cumsum(trades["net_usd"])
    figures = [*kpi.of_trades(full), *kpi.of_days(daily, CAPITAL), *kpi.of_equity(equity, CAPITAL)]
    return {figure.name: figure for figure in figures}


RESULTS = st.lists(st.sampled_from([-1.25, -1.0, -0.3, 0.0, 0.4, 1.75]), max_size=40)


@settings(max_examples=60, deadline=None)
@given(RESULTS, st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_figures_are_those_of_metrics(net_r, n_days, seed):
    trades = trades_of(np.sort(np.random.default_rng(seed).integers(0, n_days, len(net_r))), net_r)
    expected = by_metrics(trades, n_days)
    found = statistics.figures(statistics.of(panel_of(n_days), trades, 0, n_days, CAPITAL))
    for figure in found:
        if figure.name == "sd_r":
            spread = np.std(net_r, ddof=1) if len(net_r) > 1 else math.nan
            assert figure.value == pytest.approx(spread, nan_ok=True, abs=1e-12)
            continue
        other = expected[figure.name]
        assert figure.value == pytest.approx(other.value, rel=1e-9, abs=1e-9, nan_ok=True)
        assert (figure.unit, figure.undecidable) == (other.unit, other.undecidable)


def test_every_nan_says_why_and_nothing_else_does():
    panel = panel_of(3)
    for net_r in ([], [1.0], [-1.0], [1.0, -1.0], [1.0, 1.0]):
        for figure in statistics.figures(statistics.of(panel, trades_of([0] * len(net_r), net_r), 0, 3, CAPITAL)):
            assert math.isnan(figure.value) == bool(figure.undecidable)


def test_worked_by_hand():
    # +1 R, -1 R, +2 R of 250 USD on the first, the first and the last of three days
    found = statistics.of(panel_of(3), trades_of([0, 0, 2], [1.0, -1.0, 2.0]), 0, 3, 1000.0)
    assert (found.n_trades, found.n_days) == (3, 3)
    assert found.mean_r == pytest.approx(2 / 3)
    assert found.profit_factor == pytest.approx(3)
    # daily 0, 0, 500: mean 166.67, standard deviation 288.68
    assert found.sharpe == pytest.approx(1 / math.sqrt(3) * math.sqrt(252))
    assert (found.max_drawdown_usd, found.max_drawdown) == (250, 0.2)  # from 1250 to 1000


def test_what_closes_after_the_last_day_counts_on_it():
    early = statistics.of(panel_of(5), trades_of([4], [1.0]), 1, 3, CAPITAL)
    assert early.n_days == 2
    assert early.sharpe == statistics.of(panel_of(5), trades_of([2], [1.0]), 1, 3, CAPITAL).sharpe


def test_rows_outside_the_panel_are_refused():
    with pytest.raises(DataError, match=r"rows 0\.\.4 of a panel of 3"):
        statistics.of(panel_of(3), trades_of([], []), 0, 4, CAPITAL)
