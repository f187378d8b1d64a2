"""The figures that a gate may be held against: what they are called, their unit, and how a reader is shown them."""

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

CONFIDENCES, P_VALUES = ("psr", "dsr"), ("spa_p", "twins_p")
"""What an error probability can be asked of, from above and from below."""

INTEGRITY = {
    "parity": "live gives the bytes of the batch",
    "canaries": "planted leaks are caught",
    "audit": "the data audit passes",
    "agreement": "the exported models agree with the library",
    "latency": "a decision comes within its latency",
}
"""The checks of the machinery that a gate may ask for."""

_SHARES = ("share", "share of capital", "share of the peak")
_FORMS = {  # of a measured value and of a written limit, and the unit behind them
    "R": ("{:+.3f}", "{:g}", " R"),
    "USD": ("{:+,.0f}", "{:,g}", " USD"),
    "trades": ("{:,.0f}", "{:,g}", ""),
    "trading days": ("{:,.0f}", "{:,g}", ""),
    "signals": ("{:,.0f}", "{:,g}", ""),
    "signals/month": ("{:.1f}", "{:g}", ""),
    "trades/month": ("{:.1f}", "{:g}", ""),
    "probability": ("{:.3f}", "{:.4g}", ""),
}


def number(unit: str, value: float) -> str:
    """A value as a reader is shown it.

    >>> number("R", -0.0213), number("share", 0.6134), number("trades", 14208.0), number("ratio", float("nan"))
    ('-0.021 R', '61.3 %', '14,208', 'not known')
    """
    return _formed(unit, 0, value)


def limit(unit: str, value: float) -> str:
    """A bound as it was written.

    >>> limit("R", 0), limit("share", 0.63), limit("ratio", 1.15), limit("probability", 0.95)
    ('0 R', '63 %', '1.15', '0.95')
    """
    return _formed(unit, 1, value)


def interval(unit: str, low: float, high: float) -> str:
    """
    >>> interval("R", -0.1, 0.06), interval("share", 0.4, 0.5)
    ('-0.100 to +0.060 R', '40.0 to 50.0 %')
    """
    ending = " %" if unit in _SHARES else _FORMS.get(unit, ("", "", ""))[2]
    return f"{number(unit, low).removesuffix(ending)} to {number(unit, high)}"


def percent(level: float) -> str:
    """
    >>> percent(0.95), percent(1 - 0.05 / 6)
    ('95 %', '99.17 %')
    """
    return f"{100 * level:.4g} %"


def _formed(unit: str, which: int, value: float) -> str:
    if math.isnan(value):
        return "not known"
    if unit in _SHARES:
        return ("{:.1f} %", "{:g} %")[which].format(round(100 * value, 10))
    forms = _FORMS.get(unit, ("{:.2f}", "{:g}", ""))
    return forms[which].format(value) + forms[2]
