"""Key figures of SPEC 8, as points. A figure that its data cannot decide is NaN and says why, never 0 or infinite.

    profit factor    sum of winning USD / sum of losing USD
    break-even       mean of (risk + cost) / (target + risk): the win rate at which stops and take-profits pay for costs
    Sharpe           mean / standard deviation (n - 1) of daily P&L, days without a trade included, times sqrt(252)
    annual return    P&L / capital * 252 / days; capital is fixed, so nothing compounds
    a month          21 trading days, a twelfth of 252

`trades` are records with the fields named below, as `backtest` writes them:
side, entry_ns, exit_ns, exit_reason, risk_ticks, target_ticks, cost_ticks, net_ticks, net_r, net_usd, cost_usd,
mae_ticks, mfe_ticks. A trade wins when its net result is above 0.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

DAYS_A_YEAR = 252
DAYS_A_MONTH = 21


@dataclass(frozen=True)
class Kpi:
    """One figure. undecidable: why it is NaN, empty when it is not."""

    name: str
    value: float
    unit: str
    undecidable: str = ""


def as_floats(figures: list[Kpi]) -> dict[str, float]:
    """Figures by name, the undecidable ones NaN."""
    return {figure.name: figure.value for figure in figures}


def _figure(name: str, value: float, unit: str, undecidable: str) -> Kpi:
    return Kpi(name, math.nan, unit, undecidable) if undecidable else Kpi(name, float(value), unit)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else math.nan


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom else math.nan


def of_trades(trades: np.ndarray) -> list[Kpi]:
    """Figures of closed trades, net of costs."""
    won = trades["net_ticks"] > 0
    usd = trades["net_usd"]
    wins_usd, losses_usd = usd[won], -usd[~won]
    win_rate = _mean(won)
    break_even = _mean((trades["risk_ticks"] + trades["cost_ticks"]) / (trades["target_ticks"] + trades["risk_ticks"]))
    average_win, average_loss = _mean(wins_usd), _mean(losses_usd)
    none = "" if trades.size else "no trades"
    no_win = none or ("" if wins_usd.size else "no winning trade")
    no_loss = none or ("" if losses_usd.sum() > 0 else "no losing trade")
    return [
        Kpi("n_trades", float(trades.size), "trades"),
        _figure("win_rate", win_rate, "share", none),
        _figure("break_even_win_rate", break_even, "share", none),
        _figure("win_rate_minus_break_even", win_rate - break_even, "share", none),
        _figure("false_signals", 1 - win_rate, "share", none),
        _figure("expectancy_r", _mean(trades["net_r"]), "R", none),
        _figure("expectancy_ticks", _mean(trades["net_ticks"]), "ticks", none),
        _figure("expectancy_usd", _mean(usd), "USD", none),
        _figure("profit_factor", _ratio(wins_usd.sum(), losses_usd.sum()), "ratio", no_loss),
        _figure("average_win_usd", average_win, "USD", no_win),
        _figure("average_loss_usd", average_loss, "USD", no_loss),
        _figure("average_win_over_loss", _ratio(average_win, average_loss), "ratio", no_win or no_loss),
        _figure("mae_mean_ticks", _mean(trades["mae_ticks"]), "ticks", none),
        _figure("mfe_mean_ticks", _mean(trades["mfe_ticks"]), "ticks", none),
        Kpi("net_usd", float(usd.sum()), "USD"),
        Kpi("total_cost_usd", float(trades["cost_usd"].sum()), "USD"),
    ]


def of_days(pnl_usd: np.ndarray, capital_usd: float) -> list[Kpi]:
    """Figures of daily profit and loss, one value for every trading day of the span."""
    returns = np.asarray(pnl_usd, np.float64) / capital_usd
    spread = float(returns.std(ddof=1)) if returns.size > 1 else 0.0
    flat = "fewer than 2 days" if returns.size < 2 else "" if np.ptp(returns) > 0 else "daily P&L never varies"
    return [
        Kpi("n_days", float(returns.size), "trading days"),
        _figure("sharpe", _ratio(_mean(returns), spread) * math.sqrt(DAYS_A_YEAR), "per sqrt(year)", flat),
        _figure("annual_return", _mean(returns) * DAYS_A_YEAR, "share of capital", "" if returns.size else "no days"),
    ]


def of_equity(equity_usd: np.ndarray, capital_usd: float) -> list[Kpi]:
    """Maximum drawdown of an equity curve (by the minute or by the day) that starts at the capital.

    >>> as_floats(of_equity(np.array([110.0, 99.0, 120.0, 102.0]), capital_usd=100.0))
    {'max_drawdown': 0.15, 'max_drawdown_usd': 18.0}
    """
    curve = np.concatenate([[float(capital_usd)], equity_usd])
    peak = np.maximum.accumulate(curve)
    return [
        Kpi("max_drawdown", float(((peak - curve) / peak).max()), "share of the peak"),
        Kpi("max_drawdown_usd", float((peak - curve).max()), "USD"),
    ]


def frequency(n_signals: int, n_trades: int, n_days: int) -> list[Kpi]:
    """How often it signals and trades, over `n_days` trading days.

    >>> as_floats(frequency(n_signals=12, n_trades=6, n_days=42))
    {'n_signals': 12.0, 'signals_per_month': 6.0, 'trades_per_month': 3.0}
    """
    months = n_days / DAYS_A_MONTH
    none = "" if n_days else "no days"
    return [
        Kpi("n_signals", float(n_signals), "signals"),
        _figure("signals_per_month", _ratio(n_signals, months), "signals/month", none),
        _figure("trades_per_month", _ratio(n_trades, months), "trades/month", none),
    ]


def exposure(trades: np.ndarray, sessions: np.ndarray) -> Kpi:
    """Share of the trading time of `sessions` (`core.calendar`) spent in a position."""
    length = sessions["close_ns"] - sessions["open_ns"]
    before = np.concatenate([[0], np.cumsum(length)])

    def traded_ns(ts_ns: np.ndarray) -> np.ndarray:
        session = np.searchsorted(sessions["close_ns"], ts_ns)
        opened = np.append(sessions["open_ns"], np.iinfo(np.int64).max)[session]
        return before[session] + np.maximum(ts_ns - opened, 0)

    held = traded_ns(trades["exit_ns"]) - traded_ns(trades["entry_ns"])
    return _figure(
        "exposure",
        _ratio(float(held.sum()), float(before[-1])),
        "share of trading time",
        "" if before[-1] else "no days",
    )


def buy_and_hold(
    first_price: np.ndarray, last_price: np.ndarray, point_value: float, n_days: int, capital_usd: float
) -> list[Kpi]:
    """One contract held from the first price to the last, before costs; a pair of prices for each contract of a roll.

    >>> as_floats(buy_and_hold(np.array([4000.0, 4130.0]), np.array([4100.0, 4150.0]), 50.0, 126, 100_000.0))
    {'buy_and_hold_usd': 6000.0, 'buy_and_hold_annual_return': 0.12}
    """
    usd = float((np.asarray(last_price) - np.asarray(first_price)).sum() * point_value)
    none = "" if n_days else "no days"
    return [
        Kpi("buy_and_hold_usd", usd, "USD"),
        _figure(
            "buy_and_hold_annual_return", _ratio(usd / capital_usd * DAYS_A_YEAR, n_days), "share of capital", none
        ),
    ]


def breakdown(trades: np.ndarray, field: str, names: Mapping[int, str]) -> dict[str, list[Kpi]]:
    """Trade figures apart for each value of an integer field, every name of `names` in its order.

    names: field values to names, such as {1: "long", -1: "short"}.
    """
    return {name: of_trades(trades[trades[field] == value]) for value, name in names.items()}


def summary(
    trades: np.ndarray,
    n_signals: int,
    pnl_usd: np.ndarray,
    equity_usd: np.ndarray,
    sessions: np.ndarray,
    capital_usd: float,
) -> list[Kpi]:
    """All figures: `pnl_usd` has one value for each of `sessions`, `equity_usd` is the finest curve there is."""
    return [
        *of_trades(trades),
        *frequency(n_signals, trades.size, sessions.size),
        *of_days(pnl_usd, capital_usd),
        *of_equity(equity_usd, capital_usd),
        exposure(trades, sessions),
    ]
