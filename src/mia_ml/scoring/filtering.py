"""The compiled road from a row through its crossing and the models to a decision."""

from typing import NamedTuple

import numpy as np

from mia_ml.backtest import account
from mia_ml.confluence import decision
from mia_ml.confluence.formula import column_of
from mia_ml.core.kernel import kernel
from mia_ml.models import kernel as models

RULES = ("break_even", "fixed")
_FIXED = RULES.index("fixed")

GATE = np.dtype(
    [
        ("rule", "i8"),  # position in RULES
        ("value", "f8"),  # margin above break-even, or the level itself
        ("take_profit", "f8"),  # in A
        ("stop", "f8"),  # in A
        ("tick", "f8"),  # points
        ("cost_ticks", "f8"),  # a round trip
    ],
    align=True,
)


class Gate(NamedTuple):
    """What stands between a crossing and its signal."""

    terms: np.ndarray  # GATE [1]
    columns: np.ndarray  # int64 [features]: positions among the eight-byte fields of a ROW
    along: np.ndarray  # bool [features]: told times the signal's side
    models: models.Tables


class Room(NamedTuple):
    """Where one row is worked on."""

    x: np.ndarray  # float64 [inputs]: the features, side, exceedance
    slots: np.ndarray  # float32 [2 inputs]
    out: np.ndarray  # float64 [2 members + 1]: each model's before and after calibration, the combined one last


_ATR = column_of("atr_5m")
_USUAL_ATR = column_of("atr_5m_usual")


@kernel
def required(rule, value, risk_ticks, target_ticks, cost_ticks):
    """The probability that one more must exceed; NaN, which none does, without barriers.

    >>> round(required(0, 0.03, 8.0, 16.0, 2.3), 6)  # 10.3 / 24 and a margin
    0.459167
    """
    break_even = (risk_ticks + cost_ticks) / (target_ticks + risk_ticks)
    if np.isnan(break_even) or rule != _FIXED:
        return break_even + value
    return value


@kernel
def pass_mark(terms, values):
    """The probability that a signal at this row must exceed; NaN where the simulator would find no barrier."""
    atr, usual = values[_ATR], values[_USUAL_ATR]
    barrier = usual if np.isnan(atr) or usual > atr else atr
    if not 0.0 < barrier < np.inf:
        return np.nan
    risk_ticks = account.order_ticks(terms.stop * barrier, terms.tick)
    target_ticks = account.order_ticks(terms.take_profit * barrier, terms.tick)
    return required(terms.rule, terms.value, risk_ticks, target_ticks, terms.cost_ticks)


@kernel
def pass_marks(terms, values):
    """The same of signals at many rows, values float64 [n, fields]."""
    marks = np.empty(values.shape[0])
    for i in range(marks.size):
        marks[i] = pass_mark(terms[0], values[i])
    return marks


@kernel
def judge(gate, room, values, out):
    """Fill the probabilities and the pass mark of a crossing; whether it passes."""
    features = gate.columns.size
    for k in range(features):
        value = values[gate.columns[k]]
        room.x[k] = value * out.crossing if gate.along[k] else value
    room.x[features] = out.crossing
    room.x[features + 1] = out.exceedance
    members, groups, nodes, leaf_values, terms, knots, combination = gate.models
    models.probabilities(members, groups, nodes, leaf_values, terms, knots, combination, room.x, room.slots, room.out)
    for k in range(members.size):
        out.member[k] = room.out[members.size + k]
    out.probability = room.out[2 * members.size]
    out.pass_mark = pass_mark(gate.terms[0], values)
    return out.probability > out.pass_mark


@kernel
def room_of(gate):
    inputs, members = gate.columns.size + 2, gate.models.members.size
    return Room(np.empty(inputs), np.empty(2 * inputs, np.float32), np.empty(2 * members + 1))


@kernel
def decide(formula, state, gate, room, ts, day, values, out):
    """One row's decision with a filter.

    A filtered crossing has consumed the arm, starts no cooldown and does not count toward the day's limit.
    """
    decision.cross(state, decision.weigh(formula, ts, day, values, out), out)
    if out.crossing == 0:
        return
    if judge(gate, room, values, out):
        decision.act(formula, state, out)
    else:
        out.action = decision.FILTERED


@kernel
def decide_all(formula_array, state_array, gate, ts, day, values, out):
    """Decisions of consecutive rows: ts and day int64 [n], values float64 [n, fields], out DECISION [n]."""
    room = room_of(gate)
    for i in range(ts.size):
        decide(formula_array[0], state_array[0], gate, room, ts[i], day[i], values[i], out[i])
