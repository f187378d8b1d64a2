"""The account: one position, the entry that waits for its fill, realised profit, equity by the minute.

`out` is where a chunk's records go: (trades, outcomes, marks, how many of each are used).
"""

import numpy as np

from mia_ml.backtest.execution import PARAMS
from mia_ml.backtest.records import MARK, OUTCOME, TRADE, Fate
from mia_ml.core.kernel import kernel
from mia_ml.core.moments import MINUTE, NONE

NEVER = np.iinfo(np.int64).max
NEAR = 1e-6  # ticks: what float noise may add to a whole number of ticks

PENDING = np.dtype(
    [
        ("signal", "i8"),
        ("signal_ns", "i8"),
        ("due_ns", "i8"),
        ("day", "i8"),
        ("side", "i8"),  # 0: none waits
        ("barrier", "f8"),
        ("risk_ticks", "f8"),
        ("target_ticks", "f8"),
        ("contracts", "i8"),
    ],
    align=True,
)

STATE = np.dtype(
    [
        ("session", "i8"),  # position in the sessions
        ("event_ns", "i8"),  # last print or bar close
        ("signal_ns", "i8"),  # last signal
        ("wake_ns", "i8"),  # before it, prints need only be held against the barriers
        ("price", "f8"),  # last, in points
        ("n_signals", "i8"),
        ("n_trades", "i8"),
        ("realised_usd", "f8"),
        ("minute", "i8"),  # of the last event, -1 before it
        ("marked_usd", "f8"),  # equity of the last mark
        ("deadline_ns", "i8"),  # time-out of the open position
        ("bars_held", "i8"),
        ("pending", PENDING),
        ("position", TRADE),  # side 0: flat
    ],
    align=True,
)

_TRADED = int(Fate.TRADED)


def fresh(parameters: np.ndarray) -> np.ndarray:
    """The state before the first event."""
    assert parameters.dtype == PARAMS
    state = np.zeros(1, STATE)
    state["event_ns"] = state["signal_ns"] = state["wake_ns"] = NONE
    state["price"] = np.nan
    state["minute"] = -1
    state["marked_usd"] = parameters["capital"]
    return state


def buffers(n_signals: int, n_marks: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Room for what a chunk can emit, of its own signals and of the open and the waiting one; and how much is used."""
    return (
        np.zeros(n_signals + 2, TRADE),
        np.zeros(n_signals + 1, OUTCOME),
        np.zeros(n_marks, MARK),
        np.zeros(3, np.int64),
    )


@kernel
def in_ticks(points, tick):
    """Points as ticks, whole when they are whole up to float noise (0.01 is no binary fraction)."""
    ticks = points / tick
    whole = np.floor(ticks + 0.5)
    return whole if abs(ticks - whole) < NEAR else ticks


@kernel
def order_ticks(points, tick):
    """Distance of a resting order: the first whole tick at or beyond the barrier, at least one."""
    return max(np.ceil(points / tick - NEAR), 1.0)


@kernel
def flat_ns(state, params, sessions):
    if params.flat_before_close_ns < 0:
        return NEVER
    return sessions[state.session].close_ns - params.flat_before_close_ns


@kernel
def gain(position, price, params):
    """Ticks a price is away from the entry, favourable above 0."""
    return in_ticks(position.side * (price - position.entry_price), params.tick)


@kernel
def equity_usd(state, params):
    position = state.position
    profit = state.realised_usd
    if position.side != 0:
        net_ticks = gain(position, state.price, params) - position.cost_ticks
        profit += net_ticks * params.tick_value * position.contracts
    return params.capital + profit


@kernel
def mark(state, params, sessions, out):
    """The equity at the end of the last event's minute, when it differs from the mark before."""
    equity = equity_usd(state, params)
    if state.minute >= 0 and equity != state.marked_usd:
        record = out[2][out[3][2]]
        record.ts_ns = (state.minute + 1) * MINUTE
        record.day = sessions[state.session].day
        record.equity_usd = equity
        state.marked_usd = equity
        out[3][2] += 1


@kernel
def decide(out, signal, ts_ns, day, side, barrier, fate, trade):
    outcome = out[1][out[3][1]]
    outcome.signal = signal
    outcome.ts_ns = ts_ns
    outcome.day = day
    outcome.side = side
    outcome.barrier = barrier
    outcome.fate = fate
    outcome.trade = trade
    out[3][1] += 1


@kernel
def release(state, fate, trade, out):
    """The waiting entry gets its outcome."""
    waiting = state.pending
    decide(out, waiting.signal, waiting.signal_ns, waiting.day, waiting.side, waiting.barrier, fate, trade)
    waiting.side = 0


@kernel
def excursion(position, ticks):
    position.mae_ticks = min(position.mae_ticks, ticks)
    position.mfe_ticks = max(position.mfe_ticks, ticks)


@kernel
def close(state, params, ts_ns, price, reason, out):
    position = state.position
    ticks = gain(position, price, params)
    excursion(position, ticks)
    position.exit_ns = ts_ns
    position.exit_price = price
    position.exit_reason = reason
    position.gross_ticks = ticks
    position.net_ticks = ticks - position.cost_ticks
    position.net_r = position.net_ticks / position.risk_ticks
    position.net_usd = position.net_ticks * params.tick_value * position.contracts
    state.realised_usd += position.net_usd
    out[0][out[3][0]] = position
    out[3][0] += 1
    position.side = 0


@kernel
def open_position(state, params, ts_ns, price, out):
    waiting = state.pending
    position = state.position
    position.signal = waiting.signal
    position.signal_ns = waiting.signal_ns
    position.day = waiting.day
    position.side = waiting.side
    position.contracts = waiting.contracts
    position.entry_ns = ts_ns
    position.entry_price = price
    position.risk_ticks = waiting.risk_ticks
    position.target_ticks = waiting.target_ticks
    position.cost_ticks = params.cost_ticks
    position.cost_usd = params.cost_ticks * params.tick_value * waiting.contracts
    position.mae_ticks = 0.0
    position.mfe_ticks = 0.0
    state.deadline_ns = ts_ns + params.timeout_ns if params.timeout_ns > 0 else NEVER
    state.bars_held = 0
    release(state, _TRADED, state.n_trades, out)
    state.n_trades += 1


@kernel
def level(position, ticks, params):
    """The price some ticks from the entry, favourable above 0."""
    return position.entry_price + position.side * ticks * params.tick
