"""What each trading day of a span adds to the key figures of SPEC 8, and the figures of any days put together.

All of them are functions of sums over days, but for the drawdown, which is one of their order too. So days can be drawn
again, left out or paired without looking at a trade twice. A trade counts on the day of its signal, profit and loss on
the day the equity moved. Formulas, names, units and reasons are those of `metrics.kpi`; the drawdown is that of the
equity at the end of each day.
"""

from typing import NamedTuple

import numpy as np

from mia_ml.core.errors import DataError
from mia_ml.core.kernel import kernel
from mia_ml.metrics import kpi
from mia_ml.metrics.kpi import DAYS_A_MONTH, DAYS_A_YEAR

DAY_SUMS = np.dtype(
    [
        ("day", "i8"),  # yyyymmdd
        ("n_trades", "i8"),
        ("n_wins", "i8"),
        ("n_signals", "i8"),
        ("net_r", "f8"),  # R
        ("cost_r", "f8"),  # R
        ("break_even", "f8"),  # sum over the trades of (risk + cost) / (target + risk)
        ("won_usd", "f8"),
        ("lost_usd", "f8"),  # at least 0
        ("pnl_usd", "f8"),  # of the day, whenever its trades were signalled
    ],
    align=True,
)

_TRADE_FIELDS = ("net_ticks", "net_r", "net_usd", "risk_ticks", "target_ticks", "cost_ticks")


class Figures(NamedTuple):
    """NaN where the days decide nothing; `reasons` says why."""

    win_rate: float
    break_even_win_rate: float
    win_rate_minus_break_even: float
    false_signals: float
    expectancy_r: float
    profit_factor: float
    sharpe: float
    max_drawdown: float
    average_win_over_loss: float
    annual_return: float
    net_usd: float
    signals_per_month: float
    trades_per_month: float


UNITS = {
    "win_rate": "share",
    "break_even_win_rate": "share",
    "win_rate_minus_break_even": "share",
    "false_signals": "share",
    "expectancy_r": "R",
    "profit_factor": "ratio",
    "sharpe": "per sqrt(year)",
    "max_drawdown": "share of the peak",
    "average_win_over_loss": "ratio",
    "annual_return": "share of capital",
    "net_usd": "USD",
    "signals_per_month": "signals/month",
    "trades_per_month": "trades/month",
}


def of(trades: np.ndarray, signal_days: np.ndarray, days: np.ndarray, pnl_usd: np.ndarray) -> np.ndarray:
    """DAY_SUMS of every one of `days`, those without a trade included.

    trades: records with day, net_ticks, net_r, net_usd, risk_ticks, target_ticks, cost_ticks, in any order.
    signal_days: int64 [n], the day of each signal. days: int64 [d], yyyymmdd, rising. pnl_usd: float64 [d].
    Raises DataError when a trade or a signal falls on another day, or on a number that is not finite.
    """
    days = np.asarray(days, np.int64)
    if np.any(np.diff(days) <= 0):
        raise DataError(f"days do not rise after {days[np.argmin(np.diff(days) > 0)]}: give each trading day once")
    if np.shape(pnl_usd) != days.shape:
        raise DataError(f"pnl_usd has shape {np.shape(pnl_usd)} for {days.size} days: give one value a day")
    for name, values in [("pnl_usd", pnl_usd), *((name, trades[name]) for name in _TRADE_FIELDS)]:
        if not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values)))
            raise DataError(f"{name} is {values[row]} in row {row}: figures need finite numbers, leave the row out")
    day_of_trade = _positions(days, trades["day"], "trade")
    won = trades["net_ticks"] > 0

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(day_of_trade, values, days.size)

    sums = np.zeros(days.size, DAY_SUMS)
    sums["day"], sums["pnl_usd"] = days, pnl_usd
    sums["n_trades"] = np.bincount(day_of_trade, minlength=days.size)
    sums["n_wins"] = total(won)
    sums["n_signals"] = np.bincount(_positions(days, signal_days, "signal"), minlength=days.size)
    sums["net_r"] = total(trades["net_r"])
    sums["cost_r"] = total(trades["cost_ticks"] / trades["risk_ticks"])
    sums["break_even"] = total(
        (trades["risk_ticks"] + trades["cost_ticks"]) / (trades["target_ticks"] + trades["risk_ticks"])
    )
    sums["won_usd"] = total(np.where(won, trades["net_usd"], 0.0))
    sums["lost_usd"] = total(np.where(won, 0.0, -trades["net_usd"]))
    return sums


def figures(sums: np.ndarray, chosen: np.ndarray, capital_usd: float) -> Figures:
    """Figures of the days `chosen`, in their order: int64 [n], positions in `sums`, repeats allowed."""
    return Figures(*_figures(sums, chosen, float(capital_usd)))


def reasons(sums: np.ndarray) -> dict[str, str]:
    """Why figures of these days are NaN, by name; those that stand are left out."""
    no_trades = "" if sums["n_trades"].any() else "no trades"
    no_win = no_trades or ("" if sums["n_wins"].any() else "no winning trade")
    no_loss = no_trades or ("" if sums["lost_usd"].any() else "no losing trade")
    why = dict.fromkeys(
        ("win_rate", "break_even_win_rate", "win_rate_minus_break_even", "false_signals", "expectancy_r"), no_trades
    )
    why |= {"profit_factor": no_loss, "average_win_over_loss": no_win or no_loss}
    of_span = [*kpi.of_days(sums["pnl_usd"], 1.0), *kpi.frequency(0, 0, sums.size)]
    why |= {figure.name: figure.undecidable for figure in of_span}
    return {name: reason for name, reason in why.items() if reason}


def _positions(days: np.ndarray, found: np.ndarray, what: str) -> np.ndarray:
    found = np.asarray(found, np.int64)
    known = np.isin(found, days)
    if not known.all():
        raise DataError(f"a {what} of {found[np.argmin(known)]}, which is none of the {days.size} days of the span")
    return np.searchsorted(days, found)


@kernel
def _figures(sums, chosen, capital_usd):
    n_days = chosen.size
    n_trades, n_wins, n_signals = 0, 0, 0
    net_r, break_even, won_usd, lost_usd, pnl_usd = 0.0, 0.0, 0.0, 0.0, 0.0
    least, most = np.inf, -np.inf
    equity, peak, drawdown = capital_usd, capital_usd, 0.0
    for i in range(n_days):
        day = sums[chosen[i]]
        n_trades += day.n_trades
        n_wins += day.n_wins
        n_signals += day.n_signals
        net_r += day.net_r
        break_even += day.break_even
        won_usd += day.won_usd
        lost_usd += day.lost_usd
        pnl_usd += day.pnl_usd
        least = min(least, day.pnl_usd)
        most = max(most, day.pnl_usd)
        equity += day.pnl_usd
        peak = max(peak, equity)
        if peak - equity > drawdown * peak:
            drawdown = (peak - equity) / peak
    mean_usd = pnl_usd / n_days
    squares = 0.0
    for i in range(n_days):
        off = sums[chosen[i]].pnl_usd - mean_usd
        squares += off * off
    spread_usd = np.sqrt(squares / (n_days - 1)) if most > least else np.nan
    win_rate, break_even_rate = n_wins / n_trades, break_even / n_trades
    n_losses, months = n_trades - n_wins, n_days / DAYS_A_MONTH
    some_lost = lost_usd > 0.0
    return (
        win_rate,
        break_even_rate,
        win_rate - break_even_rate,
        1.0 - win_rate,
        net_r / n_trades,
        won_usd / lost_usd if some_lost else np.nan,
        mean_usd / spread_usd * np.sqrt(DAYS_A_YEAR),
        drawdown,
        (won_usd / n_wins) / (lost_usd / n_losses) if some_lost else np.nan,
        mean_usd / capital_usd * DAYS_A_YEAR,
        won_usd - lost_usd,
        n_signals / months,
        n_trades / months,
    )
