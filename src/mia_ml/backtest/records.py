"""What goes into the simulator and what comes out, as plain numpy records.

A SIGNAL ends in exactly one OUTCOME: traded, or blocked with its reason. A traded one gives one TRADE when its position
closes. A MARK is the equity at the end of a minute.

Profit and loss are quoted in ticks of one contract, in R (ticks over `risk_ticks`) and in USD of all contracts.
"""

import enum

import numpy as np

from mia_ml.core.errors import DataError

SIGNAL = np.dtype(
    [
        ("ts_ns", "i8"),  # decision time: the bar's close
        ("day", "i8"),  # trading day, yyyymmdd
        ("side", "i8"),  # +1 buy, -1 sell
        ("barrier", "f8"),  # A in points: max(ATR(14, 5 min), its 20-day same-time median)
    ],
    align=True,
)


class Exit(enum.IntEnum):
    """Why a position was closed."""

    TAKE_PROFIT = 1
    STOP = 2
    TIMEOUT = 3
    SESSION_END = 4
    REVERSED = 5
    TAPE_END = 6


class Fate(enum.IntEnum):
    """What became of a signal; when several reasons block it, the first below counts."""

    TRADED = 0
    AFTER_FLAT_TIME = 1  # decided after the flat time, or no trade came before it
    BLACKOUT = 2
    NO_BARRIER = 3  # NaN, infinite or not above 0
    ENTRY_PENDING = 4  # an earlier signal waits for its fill
    IN_POSITION = 5
    TOO_RISKY = 6  # the risk budget pays for less than one contract
    NO_TRADE_AFTER = 7  # the tape ended before a fill


OUTCOME = np.dtype(
    [
        ("signal", "i8"),  # 0 for the first signal ever fed
        ("ts_ns", "i8"),
        ("day", "i8"),
        ("side", "i8"),
        ("barrier", "f8"),  # points
        ("fate", "i8"),
        ("trade", "i8"),  # number of its TRADE, -1 when blocked
    ],
    align=True,
)

TRADE = np.dtype(
    [
        ("signal", "i8"),
        ("signal_ns", "i8"),  # the event's life is [signal_ns, exit_ns]
        ("day", "i8"),  # of the signal
        ("side", "i8"),
        ("contracts", "i8"),
        ("entry_ns", "i8"),
        ("entry_price", "f8"),  # points, as traded
        ("exit_ns", "i8"),  # inside a bar the moment is unknown: the bar's close
        ("exit_price", "f8"),
        ("exit_reason", "i8"),
        ("risk_ticks", "f8"),  # R: entry to stop
        ("target_ticks", "f8"),  # entry to take-profit
        ("gross_ticks", "f8"),
        ("cost_ticks", "f8"),
        ("net_ticks", "f8"),
        ("net_r", "f8"),
        ("net_usd", "f8"),
        ("cost_usd", "f8"),
        ("mae_ticks", "f8"),  # worst excursion, never above 0
        ("mfe_ticks", "f8"),  # best excursion, never below 0
    ],
    align=True,
)

MARK = np.dtype(
    [
        ("ts_ns", "i8"),  # end of the minute
        ("day", "i8"),
        ("equity_usd", "f8"),  # with the open position at the last price, its whole cost already paid
    ],
    align=True,
)


def barrier_points(rows: np.ndarray) -> np.ndarray:
    """A of SPEC 6 at each feature row, in points: ATR(14, 5 min) or its same-time median, whichever is more."""
    return np.fmax(rows["atr_5m"], rows["atr_5m_usual"])


def signals(ts_ns: np.ndarray, day: np.ndarray, side: np.ndarray, barrier: np.ndarray) -> np.ndarray:
    """SIGNAL records from columns of one length; a NaN barrier is kept and ends as NO_BARRIER."""
    lengths = [len(ts_ns), len(day), len(side), len(barrier)]
    if len(set(lengths)) != 1:
        raise DataError(f"signals: columns ts_ns, day, side, barrier have lengths {lengths}, give one length")
    records = np.zeros(lengths[0], SIGNAL)
    records["ts_ns"], records["day"], records["side"], records["barrier"] = ts_ns, day, side, barrier
    return records
