"""Decisions: the score of a row, the threshold it meets, and whether it crossed.

A signal is a crossing: the score passes the threshold from inside (|score| <= threshold) to outside (>). Both sides of
the test use the current multipliers and threshold, so that a session boundary or an expiry day creates no signal. It
arms on a score inside, fires once, and re-arms when the score has come back inside. A missing score neither arms nor
fires. A trading day starts unarmed, so its decisions need no other day. A crossing that is filtered or blocked has
consumed the arm all the same.

A decision is taken in steps, so that a filter can stand between the crossing and what it leads to:

    weigh     score and threshold of the row
    cross     whether they cross what the row before left armed
    (filter)  a filtered crossing starts no cooldown and does not count toward the day's limit
    act       cooldown, then the day's limit, else a signal
"""

import numpy as np

from mia_ml.confluence.formula import MAX_TERMS, column_of
from mia_ml.core.kernel import kernel

ACTIONS = ("none", "signal", "cooldown", "day_limit", "filtered")
NOTHING, SIGNAL, COOLDOWN, DAY_LIMIT, FILTERED = range(5)
MAX_MEMBERS = 4
"""Models whose probabilities a decision has room for."""

DECISION = np.dtype(
    [
        ("ts", "i8"),
        ("day", "i8"),
        ("score", "f8"),
        ("threshold", "f8"),
        ("raw", "f8"),  # the weighted sum before the multipliers
        ("weight_present", "f8"),  # share of the absolute weight; below 1 the row is scored on fewer components
        ("session_factor", "f8"),
        ("cycle_factor", "f8"),
        ("volatility_factor", "f8"),
        ("regime", "i8"),
        ("session", "i8"),
        ("crossing", "i8"),  # +1 up through the threshold, -1 down through its negative, 0 none
        ("action", "i8"),
        ("exceedance", "f8"),  # |score| / threshold
        ("probability", "f8"),  # of a net gain; NaN unless a crossing met a filter
        ("pass_mark", "f8"),  # which the probability had to exceed; NaN as above
        ("member", "f8", (MAX_MEMBERS,)),  # each model's probability; NaN as above
        ("contribution", "f8", (MAX_TERMS,)),  # of each term to the score, NaN where its component is absent
    ],
    align=True,
)

STATE = np.dtype(
    [("day", "i8"), ("armed", "i8"), ("raw", "f8"), ("signals", "i8"), ("last_signal_ns", "i8")], align=True
)

_SESSION = column_of("session")
_EXPIRY = column_of("days_to_expiry")
_NEVER = np.iinfo(np.int64).min // 2


@kernel
def open_day(state, day):
    state.day = day
    state.armed = 0
    state.raw = np.nan
    state.signals = 0
    state.last_signal_ns = _NEVER


@kernel
def raw_score(total, weight_present, least_weight):
    """A weighted sum over what is present, the missing weight shared out over it; NaN when too little is."""
    if weight_present == 0 or weight_present < least_weight:
        return np.nan
    return total / weight_present


@kernel
def add_up(formula, values, out):
    """The raw score and the contributions to it."""
    total, present, weight = 0.0, 0.0, 0.0
    for k in range(formula.terms):
        w = formula.weight[k]
        weight += abs(w)
        component = values[formula.column[k]]
        out.contribution[k] = w * component
        if not np.isnan(component):
            present += abs(w)
            total += w * component
    out.weight_present = present / weight
    out.raw = raw_score(total, out.weight_present, formula.least_weight)


@kernel
def cycle_part(cycle_days, days):
    """Position in the gamma cycle: the first part whose last day is not over yet, else the one without a last day."""
    for k in range(cycle_days.size):
        if days <= cycle_days[k]:
            return k
    return cycle_days.size


@kernel
def multiplier_of(session_factor, volatility_factor, cycle_factor):
    return session_factor * volatility_factor * cycle_factor


@kernel
def threshold_of(formula, regime, session_factor):
    if formula.threshold_session != 0:
        return formula.threshold[regime] * session_factor
    return formula.threshold[regime]


@kernel
def weigh(formula, ts, day, values, out):
    """Fill everything about a row but what its crossing leads to; the multiplier of its raw score.

    `values` are the row's eight-byte fields as float64 (ts and day are not read from them).
    """
    out.ts = ts
    out.day = day
    out.regime = int(values[formula.regime_column])
    out.session = int(values[_SESSION])
    out.session_factor = formula.session_factor[out.session]
    out.cycle_factor = formula.cycle_factor[cycle_part(formula.cycle_days, values[_EXPIRY])]
    out.volatility_factor = formula.volatility_factor[out.regime]
    multiplier = multiplier_of(out.session_factor, out.volatility_factor, out.cycle_factor)
    out.threshold = threshold_of(formula, out.regime, out.session_factor)
    add_up(formula, values, out)
    out.score = out.raw * multiplier
    out.exceedance = abs(out.score) / out.threshold
    for k in range(MAX_TERMS):
        out.contribution[k] = out.contribution[k] * multiplier / out.weight_present if k < formula.terms else 0.0
    out.crossing = 0
    out.action = NOTHING
    out.probability = np.nan
    out.pass_mark = np.nan
    out.member[:] = np.nan
    return multiplier


@kernel
def side_of_crossing(armed, raw_before, score, multiplier, threshold):
    """+1 up, -1 down, 0 when the score does not cross. raw_before: the last known score without its multiplier."""
    if armed != 0 and abs(score) > threshold and abs(raw_before * multiplier) <= threshold:
        return 1 if score > 0 else -1
    return 0


@kernel
def verdict(since_signal_ns, signals, cooldown_ns, most_signals):
    """What a crossing that met no objection leads to. signals: of the day so far."""
    if since_signal_ns < cooldown_ns:
        return COOLDOWN
    if signals >= most_signals:
        return DAY_LIMIT
    return SIGNAL


@kernel
def cross(state, multiplier, out):
    """Fill the crossing of a weighed row; the state keeps the arm. A missing score leaves it as it was."""
    if out.day != state.day:
        open_day(state, out.day)
    if np.isnan(out.score):
        return
    out.crossing = side_of_crossing(state.armed, state.raw, out.score, multiplier, out.threshold)
    state.armed = int(abs(out.score) <= out.threshold)
    state.raw = out.raw


@kernel
def act(formula, state, out):
    """Fill the action of a crossing; the state keeps the signal."""
    out.action = verdict(out.ts - state.last_signal_ns, state.signals, formula.cooldown_ns, formula.most_signals)
    if out.action == SIGNAL:
        state.signals += 1
        state.last_signal_ns = out.ts


@kernel
def decide(formula, state, ts, day, values, out):
    """One row's decision without a filter. `values`: as in `weigh`."""
    cross(state, weigh(formula, ts, day, values, out), out)
    if out.crossing != 0:
        act(formula, state, out)


@kernel
def decide_all(formula_array, state_array, ts, day, values, out):
    """Decisions of consecutive rows: ts and day int64 [n], values float64 [n, fields], out DECISION [n]."""
    for i in range(ts.size):
        decide(formula_array[0], state_array[0], ts[i], day[i], values[i], out[i])
