"""From equity marks to daily profit and loss."""

import numpy as np

from mia_ml.core.moments import MINUTE

DAILY = np.dtype([("day", "i8"), ("pnl_usd", "f8"), ("equity_usd", "f8")], align=True)


def daily(marks: np.ndarray, days: np.ndarray, capital_usd: float) -> np.ndarray:
    """One DAILY record for each of `days` (yyyymmdd, in order), 0 on those without a change of equity.

    marks: MARK records, in time, none on a day outside `days`. A position held over night is marked at each day's last
    price.
    """
    last = np.searchsorted(marks["day"], days, side="right") - 1
    equity = np.full(len(days), float(capital_usd))
    marked = last >= 0
    equity[marked] = marks["equity_usd"][last[marked]]
    records = np.zeros(len(days), DAILY)
    records["day"] = days
    records["equity_usd"] = equity
    records["pnl_usd"] = np.diff(equity, prepend=float(capital_usd))
    return records


def by_minute(marks: np.ndarray, first_ns: int, last_ns: int, capital_usd: float) -> tuple[np.ndarray, np.ndarray]:
    """Every minute's end in (first_ns, last_ns] and the equity then: the marks, repeated until the next one."""
    ends = np.arange(first_ns // MINUTE + 1, last_ns // MINUTE + 1) * MINUTE
    last = np.searchsorted(marks["ts_ns"], ends, side="right") - 1
    equity = np.concatenate([[float(capital_usd)], marks["equity_usd"]])[last + 1]
    return ends, equity
