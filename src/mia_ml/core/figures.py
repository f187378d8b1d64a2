"""The figures and checks that a gate may be held against: what they are called, and in which unit they come."""

import math
from dataclasses import dataclass
from typing import Literal

INF = math.inf


@dataclass(frozen=True)
class Figure:
    """unit: as `metrics.kpi` and the judge's estimates give it. least, most: no value lies outside.

    by_bound: whether it has an interval of its own; counts have none, and a probability is a statement of confidence
    already. sample: what the width of its interval shrinks with.
    """

    words: str
    unit: str
    least: float = -INF
    most: float = INF
    by_bound: bool = True
    sample: Literal["n_trades", "n_days"] = "n_trades"


def _count(words: str, unit: str) -> Figure:
    return Figure(words, unit, least=0, by_bound=False)


def _probability(words: str) -> Figure:
    return Figure(words, "probability", 0, 1, by_bound=False)


FIGURES: dict[str, Figure] = {
    "n_trades": _count("out-of-sample trades", "trades"),
    "days_traded": _count("days with a trade", "trading days"),
    "n_days": _count("out-of-sample days", "trading days"),
    "n_signals": _count("signals", "signals"),
    "win_rate": Figure("win rate", "share", 0, 1),
    "win_rate_minus_break_even": Figure("win rate minus break-even", "share", -1, 1),
    "false_signals": Figure("share of false signals", "share", 0, 1),
    "expectancy_r": Figure("net expectancy", "R"),
    "expectancy_r_plus_tick": Figure("net expectancy with one more tick of cost", "R"),
    "profit_factor": Figure("profit factor", "ratio", 0),
    "average_win_over_loss": Figure("average win over average loss", "ratio", 0),
    "sharpe": Figure("annual Sharpe ratio", "per sqrt(year)", sample="n_days"),
    "annual_return": Figure("annual return", "share of capital", sample="n_days"),
    "net_usd": Figure("net profit", "USD", sample="n_days"),
    "max_drawdown": Figure("maximum drawdown", "share of the peak", 0, sample="n_days"),
    "signals_per_month": Figure("signals a month", "signals/month", 0, sample="n_days"),
    "trades_per_month": Figure("trades a month", "trades/month", 0, sample="n_days"),
    "signals_change_vs_baseline": Figure("growth of the signals over the baseline's", "share", -1, sample="n_days"),
    "psr": _probability("probabilistic Sharpe ratio"),
    "dsr": _probability("deflated Sharpe ratio"),
    "pbo": _probability("probability of backtest overfitting"),
    "spa_p": _probability("p-value of the test for superior ability"),
    "twins_p": _probability("p-value against the random-entry twins"),
}

INTEGRITY = {
    "parity": "live gives the bytes of the batch",
    "canaries": "planted leaks are caught",
    "audit": "the data audit passes",
    "agreement": "the exported models agree with the library",
    "latency": "a decision comes within its latency",
}
"""The checks of the machinery that a gate may ask for."""
