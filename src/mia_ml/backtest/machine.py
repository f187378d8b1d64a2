"""The execution state machine: one step per print, per bar, per signal. The batch loops these steps, live calls one.

A print is a price at a moment. In this order it may
    1. end the day before: a position left there closes at that day's last price, at its flat time
    2. fill the stop, at the print, when the price touches or passes it
    3. fill the take-profit, at its own level, when the price trades through it by a tick
    4. close at the flat time or the time-out, the first print at or after it
    5. fill a waiting entry whose latency has passed, closing an opposite position first (`reverse`)

A bar is its open as a print, then the stop if its range touches it, then the take-profit if its range goes a tick
through it, then flat time and time-out at its close. Bars carry only their close: a bar opens when the bar before it
closed, not before its session opened. A bar without volume moves the clock and fills nothing.

A signal at t comes before a print at t (it knows only what is before t) and after a bar that closes at t.
"""

import numpy as np

from mia_ml.backtest import account
from mia_ml.backtest.records import Exit, Fate
from mia_ml.core.kernel import kernel
from mia_ml.core.moments import MINUTE, NONE

BAR = np.dtype(
    [("ts_event", "i8"), ("open", "f8"), ("high", "f8"), ("low", "f8"), ("close", "f8"), ("volume", "f8")],
    align=True,
)

_TAKE_PROFIT, _STOP, _TIMEOUT = int(Exit.TAKE_PROFIT), int(Exit.STOP), int(Exit.TIMEOUT)
_SESSION_END, _REVERSED, _TAPE_END = int(Exit.SESSION_END), int(Exit.REVERSED), int(Exit.TAPE_END)
_TRADED, _AFTER_FLAT_TIME, _BLACKOUT = int(Fate.TRADED), int(Fate.AFTER_FLAT_TIME), int(Fate.BLACKOUT)
_NO_BARRIER, _ENTRY_PENDING, _IN_POSITION = (
    int(Fate.NO_BARRIER),
    int(Fate.ENTRY_PENDING),
    int(Fate.IN_POSITION),
)
_TOO_RISKY, _NO_TRADE_AFTER = int(Fate.TOO_RISKY), int(Fate.NO_TRADE_AFTER)


@kernel
def reach(state, params, sessions, ts_ns, out):
    """The trading day of a moment; what the days before left open ends there."""
    while sessions[state.session].close_ns < ts_ns:
        account.mark(state, params, sessions, out)
        state.minute = -1
        flat = account.flat_ns(state, params, sessions)
        if flat != account.NEVER and state.position.side != 0:
            account.close(state, params, flat, state.price, _SESSION_END, out)
        if flat != account.NEVER and state.pending.side != 0:
            account.release(state, _AFTER_FLAT_TIME, -1, out)
        state.session += 1


@kernel
def _begin(state, params, sessions, ts_ns, last_ns, out):
    """An event whose last moment is `last_ns`: a print's own, a bar's last nanosecond."""
    if last_ns >= (state.minute + 1) * MINUTE:
        account.mark(state, params, sessions, out)
        state.minute = last_ns // MINUTE
    if sessions[state.session].close_ns < ts_ns:
        reach(state, params, sessions, ts_ns, out)
        state.minute = last_ns // MINUTE


@kernel
def _timed_out(state, params, ts_ns):
    if params.timeout_ns > 0:
        return ts_ns >= state.deadline_ns
    return state.bars_held >= params.timeout_bars


@kernel
def _touched(position, ticks):
    """The barrier that a print some ticks from the entry fills, 0 for none."""
    if ticks <= -position.risk_ticks:
        return _STOP
    return _TAKE_PROFIT if ticks >= position.target_ticks + 1.0 else 0


@kernel
def _resting(state, params, sessions, ts_ns, price, out):
    """A print meets the open position."""
    position = state.position
    ticks = account.gain(position, price, params)
    touched = _touched(position, ticks)
    if touched == _STOP:
        account.close(state, params, ts_ns, price, _STOP, out)
    elif touched == _TAKE_PROFIT:
        account.close(state, params, ts_ns, account.level(position, position.target_ticks, params), _TAKE_PROFIT, out)
    elif ts_ns >= account.flat_ns(state, params, sessions):
        account.close(state, params, ts_ns, price, _SESSION_END, out)
    elif _timed_out(state, params, ts_ns):
        account.close(state, params, ts_ns, price, _TIMEOUT, out)
    else:
        account.excursion(position, ticks)


@kernel
def _enter(state, params, sessions, ts_ns, price, out):
    """A print meets the waiting entry, whose time has come."""
    if ts_ns >= account.flat_ns(state, params, sessions):
        account.release(state, _AFTER_FLAT_TIME, -1, out)
        return
    if state.position.side != 0:
        account.close(state, params, ts_ns, price, _REVERSED, out)
    account.open_position(state, params, ts_ns, price, out)


@kernel
def on_trade(state, params, sessions, ts_ns, price, out):
    """One print of the tape."""
    _begin(state, params, sessions, ts_ns, ts_ns, out)
    if state.position.side != 0:
        _resting(state, params, sessions, ts_ns, price, out)
    if state.pending.side != 0 and ts_ns >= state.pending.due_ns:
        _enter(state, params, sessions, ts_ns, price, out)
    state.event_ns = ts_ns
    state.price = price
    state.wake_ns = _next_wake(state, params, sessions)


@kernel
def _limit_ns(state, params, sessions):
    """The first moment that ends something by itself."""
    limit_ns = sessions[state.session].close_ns + 1
    if state.position.side != 0:
        limit_ns = min(limit_ns, state.deadline_ns, account.flat_ns(state, params, sessions))
    return limit_ns


@kernel
def _next_wake(state, params, sessions):
    """Before this moment a print can do nothing but touch a barrier."""
    wake_ns = min((state.minute + 1) * MINUTE, _limit_ns(state, params, sessions))
    if state.pending.side != 0:
        wake_ns = min(wake_ns, state.pending.due_ns)
    return wake_ns


@kernel
def is_quiet(state, params, ts_ns, price):
    """Take a print that changes nothing but price and excursions: nearly all, at a seventh of the full step's time."""
    if ts_ns >= state.wake_ns:
        return False
    position = state.position
    if position.side != 0:
        ticks = account.gain(position, price, params)
        if _touched(position, ticks) != 0:
            return False
        account.excursion(position, ticks)
    state.event_ns = ts_ns
    state.price = price
    return True


@kernel
def _range(state, params, sessions, ts_ns, bar, out):
    """The rest of a bar after its open meets the open position: the worse barrier first."""
    position = state.position
    best, worst = (bar.high, bar.low) if position.side > 0 else (bar.low, bar.high)
    if _touched(position, account.gain(position, worst, params)) == _STOP:
        account.close(state, params, ts_ns, account.level(position, -position.risk_ticks, params), _STOP, out)
        return
    account.excursion(position, account.gain(position, worst, params))
    if _touched(position, account.gain(position, best, params)) == _TAKE_PROFIT:
        account.close(state, params, ts_ns, account.level(position, position.target_ticks, params), _TAKE_PROFIT, out)
        return
    account.excursion(position, account.gain(position, best, params))
    if ts_ns >= account.flat_ns(state, params, sessions):
        account.close(state, params, ts_ns, bar.close, _SESSION_END, out)
    elif _timed_out(state, params, ts_ns):
        account.close(state, params, ts_ns, bar.close, _TIMEOUT, out)


@kernel
def on_bar(state, params, sessions, bar, out):
    """One bar of the tape; `bar.ts_event` is its close."""
    ts_ns = bar.ts_event
    _begin(state, params, sessions, ts_ns, ts_ns - 1, out)
    # NONE before the first bar: when that one opened is unknown, so it fills nothing
    opened_ns = state.event_ns
    if opened_ns != NONE:
        opened_ns = min(max(opened_ns, sessions[state.session].open_ns), ts_ns)
    if bar.volume != 0.0:
        if state.position.side != 0:
            _resting(state, params, sessions, opened_ns, bar.open, out)
        waiting = state.pending
        if waiting.side != 0 and opened_ns >= waiting.signal_ns and ts_ns > waiting.due_ns:
            _enter(state, params, sessions, opened_ns, bar.open, out)
    state.bars_held += 1
    if bar.volume != 0.0:
        if state.position.side != 0:
            _range(state, params, sessions, ts_ns, bar, out)
        state.price = bar.close
    state.event_ns = ts_ns
    state.wake_ns = _limit_ns(state, params, sessions)


@kernel
def is_quiet_bar(state, params, bar):
    """Take a bar that changes nothing but price and excursions, and equity: for those who need no marks."""
    if bar.ts_event >= state.wake_ns or state.pending.side != 0:
        return False
    position = state.position
    if position.side != 0:
        if params.timeout_ns == 0 and state.bars_held + 1 >= params.timeout_bars:
            return False
        if bar.volume != 0.0:
            high, low = account.gain(position, bar.high, params), account.gain(position, bar.low, params)
            worst, best = min(high, low), max(high, low)
            if _touched(position, worst) != 0 or _touched(position, best) != 0:
                return False
            account.excursion(position, worst)
            account.excursion(position, best)
    state.bars_held += 1
    if bar.volume != 0.0:
        state.price = bar.close
    state.event_ns = bar.ts_event
    return True


@kernel
def _in_blackout(blackouts, ts_ns):
    after = np.searchsorted(blackouts[:, 0], ts_ns, side="right")
    return after > 0 and ts_ns < blackouts[after - 1, 1]


@kernel
def on_signal(state, params, sessions, blackouts, signal, out):
    """One decision: it waits for its fill, or is blocked at once."""
    reach(state, params, sessions, signal.ts_ns, out)
    state.wake_ns = signal.ts_ns
    number = state.n_signals
    state.n_signals += 1
    state.signal_ns = signal.ts_ns
    tradable = signal.barrier > 0.0 and signal.barrier < np.inf
    risk_ticks = account.order_ticks(params.stop * signal.barrier, params.tick) if tradable else np.nan
    contracts = params.contracts
    if params.risk_usd > 0.0 and tradable:
        contracts = np.int64(np.floor(params.risk_usd / (risk_ticks * params.tick_value) + account.NEAR))
    held = state.position.side
    fate = _TRADED
    if signal.ts_ns >= account.flat_ns(state, params, sessions):
        fate = _AFTER_FLAT_TIME
    elif _in_blackout(blackouts, signal.ts_ns):
        fate = _BLACKOUT
    elif not tradable:
        fate = _NO_BARRIER
    elif state.pending.side != 0:
        fate = _ENTRY_PENDING
    elif held != 0 and not (params.reverse != 0 and held != signal.side):
        fate = _IN_POSITION
    elif contracts < 1:
        fate = _TOO_RISKY
    if fate != _TRADED:
        account.decide(out, number, signal.ts_ns, signal.day, signal.side, signal.barrier, fate, -1)
        return
    waiting = state.pending
    waiting.signal = number
    waiting.signal_ns = signal.ts_ns
    waiting.due_ns = signal.ts_ns + params.latency_ns
    waiting.day = signal.day
    waiting.side = signal.side
    waiting.barrier = signal.barrier
    waiting.risk_ticks = risk_ticks
    waiting.target_ticks = account.order_ticks(params.take_profit * signal.barrier, params.tick)
    waiting.contracts = contracts


@kernel
def run_trades(state, params, sessions, blackouts, ts_ns, price, signals, out):
    """Prints and signals of a chunk, merged in time."""
    machine, settings = state[0], params[0]
    j = 0
    for i in range(ts_ns.size):
        while j < signals.size and signals[j].ts_ns <= ts_ns[i]:
            on_signal(machine, settings, sessions, blackouts, signals[j], out)
            j += 1
        if not is_quiet(machine, settings, ts_ns[i], price[i]):
            on_trade(machine, settings, sessions, ts_ns[i], price[i], out)
    for k in range(j, signals.size):
        on_signal(machine, settings, sessions, blackouts, signals[k], out)


@kernel
def run_bars(state, params, sessions, blackouts, bars, signals, out):
    """Bars and signals of a chunk, merged in time."""
    machine, settings = state[0], params[0]
    j = 0
    for i in range(bars.size):
        while j < signals.size and signals[j].ts_ns < bars[i].ts_event:
            on_signal(machine, settings, sessions, blackouts, signals[j], out)
            j += 1
        on_bar(machine, settings, sessions, bars[i], out)
    for k in range(j, signals.size):
        on_signal(machine, settings, sessions, blackouts, signals[k], out)


@kernel
def on_end(state, params, sessions, out):
    """The tape ends: what is open closes at the last price, what waits stays unfilled."""
    if state.position.side != 0:
        account.close(state, params, state.event_ns, state.price, _TAPE_END, out)
    if state.pending.side != 0:
        account.release(state, _NO_TRADE_AFTER, -1, out)
    account.mark(state, params, sessions, out)
    state.minute = -1
    state.wake_ns = state.event_ns


@kernel
def finish(state, params, sessions, out):
    """The end of a tape, or of a contract's."""
    on_end(state[0], params[0], sessions, out)
