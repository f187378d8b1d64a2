"""Figures of a trial's trades, compiled: the ones an objective weighs, at the cost of one pass.

The formulas and the names are those of `metrics.kpi`. A trade's profit counts on the trading day it closes, so what is
open over night shows on its last day only; days without a trade count as 0.
"""

import math
from typing import NamedTuple

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.evaluation.panel import Panel
from mia_ml.metrics.kpi import DAYS_A_YEAR, Kpi


class Statistics(NamedTuple):
    """NaN where the trades decide nothing; `figures` says why."""

    n_trades: float
    n_days: float  # trading days
    mean_r: float  # R a trade
    sd_r: float  # R, n - 1
    win_rate: float  # share
    profit_factor: float  # USD won / USD lost
    net_usd: float
    sharpe: float  # per sqrt(year)
    max_drawdown: float  # share of the peak, of the equity after each closed trade
    max_drawdown_usd: float


def of(panel: Panel, trades: np.ndarray, first_row: int, last_row: int, capital_usd: float) -> Statistics:
    """Statistics of the TRADES that `policy.run` gave for rows [first_row, last_row).

    Days are those the rows touch; what closes later counts on the last of them. Raises DataError on rows that the panel
    does not hold.
    """
    first_day, last_day = panel.days_of(*panel.checked(first_row, last_row))
    return Statistics(*_of(trades, first_day, last_day, float(capital_usd), np.zeros(last_day - first_day)))


def figures(statistics: Statistics) -> list[Kpi]:
    """The same with units and reasons, under the names of `metrics.kpi`."""
    s = statistics
    none = "" if s.n_trades else "no trades"
    no_loss = none or ("no losing trade" if math.isnan(s.profit_factor) else "")
    flat = "fewer than 2 days" if s.n_days < 2 else "daily P&L never varies" if math.isnan(s.sharpe) else ""
    single = none or ("fewer than 2 trades" if s.n_trades < 2 else "")
    return [
        Kpi("n_trades", s.n_trades, "trades"),
        Kpi("n_days", s.n_days, "trading days"),
        Kpi("expectancy_r", s.mean_r, "R", none),
        Kpi("sd_r", s.sd_r, "R", single),
        Kpi("win_rate", s.win_rate, "share", none),
        Kpi("profit_factor", s.profit_factor, "ratio", no_loss),
        Kpi("net_usd", s.net_usd, "USD"),
        Kpi("sharpe", s.sharpe, "per sqrt(year)", flat),
        Kpi("max_drawdown", s.max_drawdown, "share of the peak"),
        Kpi("max_drawdown_usd", s.max_drawdown_usd, "USD"),
    ]


@kernel
def _mean_sd(values):
    """Two passes; NaN without a value, and without a second one."""
    n = values.size
    total = 0.0
    for i in range(n):
        total += values[i]
    mean = total / n if n > 0 else np.nan
    squares = 0.0
    for i in range(n):
        squares += (values[i] - mean) * (values[i] - mean)
    return mean, np.sqrt(squares / (n - 1)) if n > 1 else np.nan


@kernel
def _of(trades, first_day, last_day, capital_usd, daily_usd):
    n = trades.size
    won_usd, lost_usd, wins = 0.0, 0.0, 0
    equity, peak, drawdown, drawdown_usd = capital_usd, capital_usd, 0.0, 0.0
    net_r = np.empty(n)
    for i in range(n):
        trade = trades[i]
        net_r[i] = trade.net_r
        if trade.net_usd > 0.0:
            wins += 1
            won_usd += trade.net_usd
        else:
            lost_usd -= trade.net_usd
        daily_usd[min(trade.exit_day, last_day - 1) - first_day] += trade.net_usd
        equity += trade.net_usd
        peak = max(peak, equity)
        drawdown = max(drawdown, (peak - equity) / peak)
        drawdown_usd = max(drawdown_usd, peak - equity)
    mean_r, sd_r = _mean_sd(net_r)
    mean_usd, spread_usd = _mean_sd(daily_usd)
    return (
        float(n),
        float(daily_usd.size),
        mean_r,
        sd_r,
        wins / n if n > 0 else np.nan,
        won_usd / lost_usd if lost_usd > 0.0 else np.nan,
        won_usd - lost_usd,
        mean_usd / spread_usd * np.sqrt(DAYS_A_YEAR) if spread_usd > 0.0 else np.nan,
        drawdown,
        drawdown_usd,
    )
