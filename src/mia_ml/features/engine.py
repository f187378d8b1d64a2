"""The engine: bars in, rows out, one trading day after another.

`run` takes a tape of any length, `push` one event; both end in `on_bar`, which calls each family on a line of its own.
All features are always computed: a feature's bits must not depend on who else is selected.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.core.moments import SESSION
from mia_ml.features import (
    battle,
    clock,
    divergence,
    dow,
    frames,
    gamma,
    history,
    native,
    options_flow,
    order_flow,
    smart_money,
    tape,
    volatility,
    volume,
    vwap,
)
from mia_ml.features.bar import BAR
from mia_ml.features.feature import INF, Feature

OWN_FEATURES = (
    Feature("atr_5m_usual", "points", (0.0, INF), "trades or bars", "5 days at this minute", False),
    Feature("late_events", "events", (0.0, INF), "ts_recv", "none", False),
    Feature("fallback_share", "1", (0.0, 1.0), "trades", "a trade in the bar", False),
)
FEATURES = (
    order_flow.FEATURES
    + volume.FEATURES
    + divergence.FEATURES
    + smart_money.FEATURES
    + gamma.FEATURES
    + options_flow.FEATURES
    + vwap.FEATURES
    + dow.FEATURES
    + battle.FEATURES
    + frames.FEATURES
    + volatility.FEATURES
    + clock.FEATURES
    + OWN_FEATURES
)
COMPONENTS = tuple(feature.name for feature in FEATURES if feature.component)
SIGNED_FLOW = tuple(feature.name for feature in FEATURES if feature.signed_flow)

PARAMS = np.dtype(
    [
        ("tape", tape.PARAMS),
        ("frames", frames.PARAMS),
        ("volume", volume.PARAMS),
        ("divergence", divergence.PARAMS),
        ("smart_money", smart_money.PARAMS),
        ("gamma", gamma.PARAMS),
        ("options_flow", options_flow.PARAMS),
        ("vwap", vwap.PARAMS),
        ("order_flow", order_flow.PARAMS),
        ("dow", dow.PARAMS),
        ("battle", battle.PARAMS),
        ("volatility", volatility.PARAMS),
        ("clock", clock.PARAMS),
        ("history", history.PARAMS),
    ],
    align=True,
)

MARKET = ("open", "high", "low", "close", "volume", "mid")
ROW = np.dtype(
    [("ts", "i8"), ("day", "i8")] + [(name, "f8") for name in MARKET] + [(f.name, "f8") for f in FEATURES],
    align=True,
)
"""One decision: `ts` its time (the bar's close, ns UTC), `day` its trading day, the bar, then every feature."""

BARS_A_DAY = 1440
CAPACITY = history.CARRIED + BARS_A_DAY

STATE = np.dtype(
    [
        ("session", SESSION),
        ("contract", "i8"),
        ("first", "i8"),  # the day's first bar in `bars`; those before it are carried
        ("count", "i8"),
        ("bars", BAR, (CAPACITY,)),
        ("tape", tape.STATE),
        ("frames", frames.STATE),
        ("battle", battle.STATE),
        ("gamma", gamma.STATE),
        ("options_flow", options_flow.STATE),
        ("vwap", vwap.STATE),
        ("volatility", volatility.STATE),
        ("usual", history.USUAL),
        ("history", history.STATE),
    ],
    align=True,
)


@kernel
def follow(params, state, bar):
    """What both a carried and a live bar do to the states that look back."""
    frames.step(state.frames, params.frames, bar)
    battle.follow(state.battle, params.battle, params.tape.tick, state.frames)


@kernel
def reset(state):
    frames.reset(state.frames)
    battle.reset(state.battle)
    gamma.reset(state.gamma)
    options_flow.reset(state.options_flow)
    vwap.reset(state.vwap)
    volatility.reset(state.volatility)


@kernel
def close_day(params, state):
    """Leave the day's part in the history: a function of the day's own bars, replayed from nothing."""
    session, past = state.session, state.history
    own = state.bars[state.first : state.count]
    profile = past.profiles[session.index % history.DAYS]
    history.blank(profile)
    profile.day = session.index
    profile.contract = state.contract
    frames.reset(state.frames)
    for k in range(own.size):
        bar = own[k]
        if not np.isnan(bar.close):
            frames.step(state.frames, params.frames, bar)
        profile.volume[bar.slot] = bar.volume
        profile.flow[bar.slot] = options_flow.ratio(own, k, params.options_flow)
        profile.atr[bar.slot] = state.frames.frame[0].atr
        profile.atr_5m[bar.slot] = state.frames.frame[1].atr
    profile.vix = state.tape.levels.vix  # a close known at 16:15 may come after the last bar of a file
    profile.vix_ts = state.tape.levels.vix_ts
    if own.size == 0:  # a day without bars is a missing day
        return
    past.tail.day = session.index
    past.tail.contract = state.contract
    past.tail.count = min(state.count, history.CARRIED)
    for k in range(past.tail.count):
        past.tail.bars[k] = state.bars[state.count - past.tail.count + k]


@kernel
def open_day(params_array, state_array, session_array, contract):
    """Close the day before, if any, and start a trading day from nothing plus the declared carry."""
    params, state, session = params_array[0], state_array[0], session_array[0]
    if state.session.index > 0:
        close_day(params, state)
    state.session = session
    state.contract = contract
    past = state.history
    history.recall(past, params.history, session.index, contract, state.usual)
    reset(state)
    state.count = 0
    if past.tail.day == session.index - 1 and past.tail.contract == contract:
        for k in range(past.tail.count):
            bar = past.tail.bars[k]
            state.bars[k] = bar
            if k > 0 and bar.day != past.tail.bars[k - 1].day:
                frames.close_day(state.frames)
            if np.isnan(bar.close):
                continue
            follow(params, state, bar)
            gamma.follow(state.gamma, params.gamma, bar, state.frames.frame[1].atr)
            volatility.follow(state.volatility, params.volatility, state.frames.frame[0].atr)
        state.count = past.tail.count
        frames.close_day(state.frames)
    state.first = state.count
    tape.open_day(state.tape, session)


@kernel
def on_bar(params, state, bar, row):
    """Turn a bar that just closed into a row."""
    session, usual = state.session, state.usual
    row.ts = bar.ts
    row.day = session.day
    row.open = bar.open
    row.high = bar.high
    row.low = bar.low
    row.close = bar.close
    row.volume = bar.volume
    row.mid = bar.mid
    i = state.count
    bars = state.bars[:]
    bars[i] = bar
    state.count += 1
    atr, atr_5m = np.nan, np.nan
    traded = not np.isnan(bar.close)  # before the day's first trade there is nothing to follow, nor to measure
    if traded:
        follow(params, state, bar)
        atr, atr_5m = state.frames.frame[0].atr, state.frames.frame[1].atr
    slot = bar.slot

    order_flow.step(bars, i, params.order_flow, params.tape.orders, row)
    volume.step(bars, i, params.volume, usual.volume[slot], row)
    divergence.step(bars, i, params.divergence, row)
    smart_money.step(bars, i, params.smart_money, row)
    gamma.step(state.gamma, params.gamma, bar, atr_5m, row)
    options_flow.step(state.options_flow, bars, i, params.options_flow, usual.flow[slot], row)
    vwap.step(state.vwap, params.vwap, params.tape.tick, session, bars, i, atr, atr_5m, row)
    dow.step(bars, i, params.dow, atr, row)
    battle.write(state.battle, params.battle, traded, row)
    frames.write(state.frames, row)
    volatility.step(state.volatility, params.volatility, bar, atr, usual.atr[slot], usual.vix, usual.vix_ts, row)
    clock.step(params.clock, session, bar, row)
    row.atr_5m_usual = usual.atr_5m[slot]
    row.late_events = bar.late
    row.fallback_share = bar.unknown / bar.volume if bar.volume > 0 else np.nan


@kernel
def close_bars(params, session, state, until, events, bars):
    """The first stage: the bars that the events of (part of) one trading day close. Knows no other day."""
    if params.frames.native != 0:
        return native.advance(params.tape, session, state, events, bars)
    return tape.advance(params.tape, session, state, until, events, bars)


@kernel
def bars_of(params_array, session_array, state_array, until, events, bars):
    """The bars of a whole trading day: `state_array` holds a `tape.STATE` to work in."""
    tape.open_day(state_array[0], session_array[0])
    return close_bars(params_array[0], session_array[0], state_array[0], until, events, bars)


@kernel
def rows_of(params_array, state_array, bars, rows):
    """The second stage: rows of bars that closed, in order."""
    for k in range(bars.size):
        on_bar(params_array[0], state_array[0], bars[k], rows[k])


@kernel
def run(params_array, state_array, until, events, bars, rows):
    """Both stages on a tape of the trading day that is open; returns how many bars and rows were written."""
    state = state_array[0]
    closed = close_bars(params_array[0], state.session, state.tape, until, events, bars)
    rows_of(params_array, state_array, bars[:closed], rows)
    return closed
