"""Battle navale: buyers are the vikings, sellers the defenders, and a base is where they fight.

On each timeframe (1, 5, 15 min), bar by bar:

Base         3 to 12 consecutive bars whose joint range is at most limit = max(4 ticks, 1.25 ATR(14) as of the bar
             before the base). It counts from its third bar. The bar that breaks it, or the thirteenth, starts the next.
             Its colour is the sign of its delta (of close - open where there is no delta): green +, red -.
Golden rule  An up-trend starts on a close above the latest green base, and lasts until a down bar closes below the
             latest green base's low. A down-trend mirrors it. An opposite trigger reverses; both at once, or 30 bars
             without a new base, end it. A base triggers once.
Signal       state (base_quality + dominance) / 2, with n bars in the base that started the trend,
             base_quality = 0.5 (n - 3) / 9 + 0.5 (1 - range / limit)
             dominance    = clip(2 share - 1, 0, 1), share = the trend side's part of aggressive volume over 5 bars

    battle_navale_1, _5, _15
    mtf_confluence           clip(0.5 bn(1) + 0.3 bn(5) + 0.2 bn(15) +- 0.2 when all three share a strict sign)
    mtf_confluence_literal   the same without the clip: up to +-1.2
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.features.feature import Feature
from mia_ml.features.window import clip

FEATURES = (
    Feature("battle_navale_1", "1", (-1.0, 1.0), "trades or bars", "15 bars of 1 min"),
    Feature("battle_navale_5", "1", (-1.0, 1.0), "trades or bars", "15 bars of 5 min"),
    Feature("battle_navale_15", "1", (-1.0, 1.0), "trades or bars", "15 bars of 15 min"),
    Feature("mtf_confluence", "1", (-1.0, 1.0), "trades or bars", "15 bars of 15 min"),
    Feature("mtf_confluence_literal", "1", (-1.2, 1.2), "trades or bars", "15 bars of 15 min"),
)
CAPACITY = 32
PARAMS = np.dtype(
    [
        ("least_bars", "i8"),
        ("most_bars", "i8"),
        ("limit_ticks", "f8"),
        ("limit_atr", "f8"),
        ("patience_bars", "i8"),
        ("dominance_bars", "i8"),
        ("weight_1", "f8"),
        ("weight_5", "f8"),
        ("weight_15", "f8"),
        ("alignment", "f8"),
    ],
    align=True,
)
BASE = np.dtype(
    [
        ("bars", "i8"),
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
        ("limit", "f8"),
        ("delta", "f8"),
        ("spent", "i8"),  # 1 once it has triggered
    ],
    align=True,
)
FIELD = np.dtype(
    [
        ("forming", BASE),
        ("green", BASE),  # latest finished base of each colour; 0 bars is none
        ("red", BASE),
        ("state", "i8"),
        ("quality", "f8"),
        ("idle", "i8"),  # bars since a base began to count
        ("buy", "f8", (CAPACITY,)),
        ("sell", "f8", (CAPACITY,)),
        ("count", "i8"),
        ("signal", "f8"),
    ],
    align=True,
)
STATE = np.dtype([("field", FIELD, (3,))], align=True)


@kernel
def reset(state):
    for k in range(3):
        field = state.field[k]
        field.forming.bars = 0
        field.green.bars = 0
        field.red.bars = 0
        field.state = 0
        field.quality = 0.0
        field.idle = 0
        field.count = 0
        field.signal = np.nan


@kernel
def colour(base):
    """1 green, -1 red, 0 neither."""
    lean = base.close - base.open if np.isnan(base.delta) else base.delta
    return int(lean > 0) - int(lean < 0)


@kernel
def copy(target, base):
    target.bars = base.bars
    target.open = base.open
    target.high = base.high
    target.low = base.low
    target.close = base.close
    target.limit = base.limit
    target.delta = base.delta
    target.spent = base.spent


@kernel
def keep(field, params):
    """File a base that ended under its colour, if it ever counted."""
    if field.forming.bars >= params.least_bars:
        side = colour(field.forming)
        if side > 0:
            copy(field.green, field.forming)
        elif side < 0:
            copy(field.red, field.forming)
    field.forming.bars = 0


@kernel
def grow(field, params, tick, bar, atr_before):
    """Add a bar to the forming base or start the next one with it."""
    base = field.forming
    if base.bars > 0:
        high, low = max(base.high, bar.high), min(base.low, bar.low)
        if base.bars >= params.most_bars or high - low > base.limit:
            keep(field, params)
        else:
            base.bars += 1
            base.high = high
            base.low = low
            base.delta += bar.buy - bar.sell
            base.close = bar.close
            if base.bars == params.least_bars:
                field.idle = 0
            return
    limit = max(params.limit_ticks * tick, params.limit_atr * atr_before)
    if bar.high - bar.low <= limit:
        base.bars = 1
        base.high = bar.high
        base.low = bar.low
        base.limit = limit
        base.delta = bar.buy - bar.sell
        base.open = bar.open
        base.close = bar.close
        base.spent = 0


@kernel
def latest(field, params, side):
    """The latest counting base of a colour: the forming one if it counts and has it, else the last finished one."""
    if field.forming.bars >= params.least_bars and colour(field.forming) == side:
        return field.forming
    return field.green if side > 0 else field.red


@kernel
def base_quality(base, params):
    span = (base.bars - params.least_bars) / (params.most_bars - params.least_bars)
    return 0.5 * span + 0.5 * (1.0 - (base.high - base.low) / base.limit)


@kernel
def trend(field, params, bar):
    """Apply the golden rule to the close of a bar."""
    green, red = latest(field, params, 1), latest(field, params, -1)
    up = green.bars > 0 and green.spent == 0 and bar.close > green.high
    down = red.bars > 0 and red.spent == 0 and bar.close < red.low
    if up:
        green.spent = 1
    if down:
        red.spent = 1
    if up and down:
        field.state = 0
    elif up:
        if field.state <= 0:  # a trend under way keeps the base that started it
            field.quality = base_quality(green, params)
        field.state = 1
    elif down:
        if field.state >= 0:
            field.quality = base_quality(red, params)
        field.state = -1
    elif (field.state > 0 and bar.close < bar.open and green.bars > 0 and bar.close < green.low) or (
        field.state < 0 and bar.close > bar.open and red.bars > 0 and bar.close > red.high
    ):
        field.state = 0
    if field.idle >= params.patience_bars:
        field.state = 0


@kernel
def dominance(field, params):
    n = min(field.count, params.dominance_bars)
    buy, sell = 0.0, 0.0
    for k in range(field.count - n, field.count):
        buy += field.buy[k % CAPACITY]
        sell += field.sell[k % CAPACITY]
    if not buy + sell > 0:
        return 0.0
    share = (buy if field.state > 0 else sell) / (buy + sell)
    return min(1.0, max(0.0, 2.0 * share - 1.0))


@kernel
def on_bar(field, params, tick, bar):
    """One completed timeframe bar (a `frames.FRAME`)."""
    field.buy[field.count % CAPACITY] = bar.buy
    field.sell[field.count % CAPACITY] = bar.sell
    field.count += 1
    if np.isnan(bar.atr_before):
        return
    field.idle += 1
    grow(field, params, tick, bar, bar.atr_before)
    trend(field, params, bar)
    field.signal = field.state * (field.quality + dominance(field, params)) / 2.0


@kernel
def follow(state, params, tick, frames):
    for k in range(3):
        if frames.frame[k].complete != 0:
            on_bar(state.field[k], params, tick, frames.frame[k])


@kernel
def write(state, params, traded, row):
    """`traded`: the day has had a trade; before it a state carried from yesterday is no reading."""
    one, five, fifteen = np.nan, np.nan, np.nan
    if traded:
        one, five, fifteen = state.field[0].signal, state.field[1].signal, state.field[2].signal
    row.battle_navale_1 = one
    row.battle_navale_5 = five
    row.battle_navale_15 = fifteen
    joint = params.weight_1 * one + params.weight_5 * five + params.weight_15 * fifteen
    if one > 0 and five > 0 and fifteen > 0:
        joint += params.alignment
    elif one < 0 and five < 0 and fifteen < 0:
        joint -= params.alignment
    row.mtf_confluence_literal = joint
    row.mtf_confluence = clip(joint)
