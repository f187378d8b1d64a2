"""A small paper market: ES on Wednesday 3 January 2024, times in seconds after 10:00 New York time."""

import numpy as np

from mia_ml.backtest.execution import Execution
from mia_ml.backtest.records import signals
from mia_ml.backtest.simulator import Result, simulate
from mia_ml.core import calendar
from mia_ml.core.instruments import INSTRUMENTS

ES = INSTRUMENTS["ES"]
DAYS = calendar.load("cme_globex", 2024, 2024).between(20240102, 20240105)
SECOND = 1_000_000_000
TEN = int(DAYS["midnight_ns"][1]) + 10 * 3600 * SECOND
TO_CLOSE = 7 * 3600  # seconds from 10:00 to 17:00


def at(seconds: float) -> int:
    return TEN + round(seconds * 1000) * 1_000_000


def prints(*rows: tuple[float, float]) -> dict[str, np.ndarray]:
    """Trades from (seconds after 10:00, price)."""
    return {
        "ts_event": np.array([at(row[0]) for row in rows], np.int64),
        "price": np.array([row[1] for row in rows], np.float64),
    }


def bars(*rows: tuple[float, float, float, float, float]) -> dict[str, np.ndarray]:
    """Bars from (seconds after 10:00 of the close, open, high, low, close), one lot each."""
    names = ("open", "high", "low", "close")
    columns = {name: np.array([row[i + 1] for row in rows], np.float64) for i, name in enumerate(names)}
    return {
        "ts_event": np.array([at(row[0]) for row in rows], np.int64),
        **columns,
        "volume": np.ones(len(rows)),
    }


def signal(*rows: tuple[float, int, float]) -> np.ndarray:
    """Signals from (seconds after 10:00, side, A in points)."""
    ts = np.array([at(row[0]) for row in rows], np.int64)
    day = DAYS["day"][np.searchsorted(DAYS["close_ns"], ts)]
    return signals(ts, day, np.array([row[1] for row in rows]), np.array([row[2] for row in rows], np.float64))


def run(tape: dict[str, np.ndarray], decided: np.ndarray, blackouts: np.ndarray | None = None, **settings) -> Result:
    return simulate(Execution(**settings), ES, DAYS, tape, decided, blackouts)
