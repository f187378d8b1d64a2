"""The compiled walk: each decision runs alone through the simulator's own steps, from the tape as it found it.

`flat` is the simulator that never trades: its state is what a decision finds. A decision that the tape has not ended is
an OPEN record, and goes on with the next events.

A decision is over at the event that leaves its machine without position and without waiting entry. A later signal
finds it so from `free_ns` on: after the event's moment on trades (a signal comes before the prints of its moment), at
it on bars (a signal comes after the bar that closes then). A trading day that ends first ends the decision at the flat
time, for signals after the day's close; those between the two are too late anyway.
"""

import numpy as np

from mia_ml.backtest import account, machine
from mia_ml.backtest.records import Fate
from mia_ml.core.kernel import kernel
from mia_ml.core.moments import NONE
from mia_ml.labels.records import LABEL, SIDES

OPEN = np.dtype([("machine", account.STATE), ("label", LABEL)], align=True)

_TRADED = int(Fate.TRADED)


@kernel
def is_over(state):
    return state.position.side == 0 and state.pending.side == 0


@kernel
def _conclude(label, out, end_ns, free_ns):
    """What the step just taken gave, a trade or a refusal."""
    label.end_ns = end_ns
    label.free_ns = free_ns
    if out[3][0] == 0:
        label.fate = out[1][0].fate
        return
    trade = out[0][0]
    label.fate = _TRADED
    label.exit_reason = trade.exit_reason
    label.entry_ns = trade.entry_ns
    label.exit_ns = trade.exit_ns
    label.net_ticks = trade.net_ticks
    label.net_r = trade.net_r
    label.net_usd = trade.net_usd


@kernel
def _ended_with_day(alone, params, sessions, ts_ns, out):
    """Whether the trading day's end, before an event at `ts_ns`, is the decision's end."""
    state = alone.machine
    session = sessions[state.session]
    if session.close_ns >= ts_ns:
        return False
    flat_ns = account.flat_ns(state, params, sessions)
    out[3][:] = 0
    machine.reach(state, params, sessions, ts_ns, out)
    if not is_over(state):
        return False
    _conclude(alone.label, out, flat_ns, session.close_ns + 1)
    return True


@kernel
def _step(state, params, sessions, tape, i, out):
    prints, ts_ns, price, bars = tape
    out[3][:] = 0
    if prints:
        machine.on_trade(state, params, sessions, ts_ns[i], price[i], out)
    else:
        machine.on_bar(state, params, sessions, bars[i], out)


@kernel
def _is_quiet(state, params, tape, i):
    prints, ts_ns, price, bars = tape
    return (
        machine.is_quiet(state, params, ts_ns[i], price[i]) if prints else machine.is_quiet_bar(state, params, bars[i])
    )


@kernel
def _go_on(alone, params, sessions, tape, first, out):
    """From event `first` to the end of the decision or of the tape."""
    prints, ts_ns, _, _ = tape
    state = alone.machine
    for i in range(first, ts_ns.size):
        if _is_quiet(state, params, tape, i):
            continue
        if _ended_with_day(alone, params, sessions, ts_ns[i], out):
            return
        _step(state, params, sessions, tape, i, out)
        if is_over(state):
            _conclude(alone.label, out, ts_ns[i], ts_ns[i] + prints)
            return


@kernel
def _begin(alone, flat, params, sessions, blackouts, decision, side, out):
    """A decision as the tape finds it: its order waits, or it is over at once."""
    alone.machine = flat
    label = alone.label
    label.signal_ns = decision.ts_ns
    label.day = decision.day
    label.side = side
    label.exit_reason = 0
    label.entry_ns = NONE
    label.exit_ns = NONE
    label.risk_ticks = np.nan
    label.target_ticks = np.nan
    label.net_ticks = np.nan
    label.net_r = np.nan
    label.net_usd = np.nan
    label.cost_ticks = params.cost_ticks
    out[3][:] = 0
    decision.side = side
    machine.on_signal(alone.machine, params, sessions, blackouts, decision, out)
    if is_over(alone.machine):
        _conclude(label, out, decision.ts_ns, decision.ts_ns)
    else:
        label.risk_ticks = alone.machine.pending.risk_ticks
        label.target_ticks = alone.machine.pending.target_ticks


@kernel
def along(flat, params, sessions, blackouts, tape, decisions, first, pairs, carried, out):
    """A chunk of the tape and the decisions that fall into it.

    tape: (whether of prints, times, prices of prints, BAR records). first: int64 [decisions], the event each precedes.
    pairs: OPEN [carried + decisions, 2], of which the first `carried` come from the chunk before.
    """
    idle, settings = flat[0], params[0]
    ts_ns = tape[1]
    for k in range(carried):
        for s in range(2):
            if not is_over(pairs[k, s].machine):
                _go_on(pairs[k, s], settings, sessions, tape, 0, out)
    reached = 0
    for j in range(decisions.size + 1):
        end = first[j] if j < decisions.size else ts_ns.size
        for i in range(reached, end):
            if not _is_quiet(idle, settings, tape, i):
                _step(idle, settings, sessions, tape, i, out)
        reached = end
        if j < decisions.size:
            idle.signal_ns = decisions[j].ts_ns
            for s in range(2):
                alone = pairs[carried + j, s]
                _begin(alone, idle, settings, sessions, blackouts, decisions[j], SIDES[s], out)
                if not is_over(alone.machine):
                    _go_on(alone, settings, sessions, tape, reached, out)


@kernel
def end(flat, params, sessions, pairs, out):
    """The tape ends: what is open closes at its last price, what waits stays unfilled."""
    last_ns = max(flat[0].event_ns, flat[0].signal_ns)
    for k in range(pairs.shape[0]):
        for s in range(2):
            alone = pairs[k, s]
            if not is_over(alone.machine):
                out[3][:] = 0
                machine.on_end(alone.machine, params[0], sessions, out)
                _conclude(alone.label, out, max(alone.label.signal_ns, alone.machine.event_ns), last_ns + 1)
