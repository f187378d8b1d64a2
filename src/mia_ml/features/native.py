"""Bars that a file brings: they become wide bars with everything that needs events absent.

VIX and options rows known before a bar's close count in it, as for bars made from events.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.core.moments import MINUTE
from mia_ml.features import levels, tape


@kernel
def write(state, params, session, native, bar):
    """Turn one bar of a file into a wide bar; it counts in the vwap at its typical price."""
    tape.reset_bar(bar)
    if np.isnan(state.reference):
        state.reference = native.open
    state.price = native.close
    typical = (native.high + native.low + native.close) / 3.0
    ticks = (typical - state.reference) / params.tick
    state.anchored_volume += native.volume
    state.anchored_ticks += native.volume * ticks
    state.anchored_ticks2 += native.volume * ticks * ticks
    bar.ts = native.ts_event
    bar.day = session.index
    bar.slot = ((native.ts_event - session.midnight_ns) // MINUTE + 359) % 1440
    tape.no_trades(bar)
    bar.open = native.open
    bar.high = native.high
    bar.low = native.low
    bar.close = native.close
    bar.volume = native.volume
    bar.buy = native.buy_volume
    bar.sell = native.sell_volume
    bar.prints = native.n_trades
    bar.tick_momentum = np.nan
    bar.tick_momentum_literal = np.nan
    bar.aggression_bias = np.nan
    bar.reference = state.reference
    bar.anchored_volume = state.anchored_volume
    bar.anchored_ticks = state.anchored_ticks
    bar.anchored_ticks2 = state.anchored_ticks2
    bar.imbalance = np.nan
    bar.imbalance_mean = np.nan
    bar.mid = np.nan
    bar.book_ts = 0


@kernel
def advance(params, session, state, events, bars):
    """Run the bars of (part of) one trading day through; returns how many were written to `bars`."""
    o, v = 0, 0
    for k in range(events.bars.size):
        native = events.bars[k]
        bar = bars[k]
        while v < events.vix.size and events.vix[v].ts_event < native.ts_event:
            levels.on_vix(state.levels, events.vix[v])
            v += 1
        while o < events.options.size and events.options[o].ts_event < native.ts_event:
            levels.on_option(state.levels, params.levels, state.bar, events.options[o], state.price)
            o += 1
        write(state, params, session, native, bar)
        bar.call_volume = state.bar.call_volume
        bar.put_volume = state.bar.put_volume
        levels.close(state.levels, bar)
        tape.reset_bar(state.bar)
    while v < events.vix.size:
        levels.on_vix(state.levels, events.vix[v])
        v += 1
    while o < events.options.size:
        levels.on_option(state.levels, params.levels, state.bar, events.options[o], state.price)
        o += 1
    return events.bars.size
