"""The road of one event in one compiled call: screening, engine, scorer. Each step is the kernel that batches take.

A kernel that is handed two dozen arrays spends longer on receiving them than on the event. This one is handed the
address of a table that says where they are; whoever fills the table (`single.road`) keeps them alive.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic

from mia_ml.confluence import decision
from mia_ml.confluence.formula import FORMULA
from mia_ml.core.kernel import kernel
from mia_ml.features import engine, live
from mia_ml.features.bar import BAR
from mia_ml.models import kernel as models
from mia_ml.scoring import filtering
from mia_ml.store import checks

SCREEN, RUN, WAIT = 1, 2, 4
"""Steps of a call, as bits. WAIT: a row of an index takes its place in the queue, from where it goes on just before the
first price that is not earlier."""
SCREENED_OUT = -256
"""A call that ends in screening returns this plus the reason, a code of `store.rules`."""
FIELDS = engine.ROW.itemsize // 8
WORDS = 21
"""Of a snapshot from its time on: ts, ten prices, ten sizes. Of a print four are read: ts, price, size, side; of an
index row ts, and one figure or seven."""
EVENTS = {"trades": live.TRADE, "book": live.BOOK, "options": live.OPTIONS, "vix": live.VIX_VALUE}
QUEUE = 16
"""Places of a queue."""
NO_TABLE = -1
"""In place of an event: `event` is filled by whoever calls."""

TABLE = (
    *("kind", "record", "open_ns", "session", "screen", "limits"),
    *("params", "state", "event", "bars", "rows", "queue", "queued"),
    *("formula", "scorer", "out", "filtered"),
    *("gate", "columns", "along", "members", "groups", "nodes", "values", "terms", "knots", "combination"),
    *("n_columns", "n_members", "n_groups", "n_nodes", "n_values", "n_terms", "n_knots"),
)
"""The table's words by name: addresses of arrays, lengths (`n_`), and plain values."""
(
    _KIND, _RECORD, _OPEN_NS, _SESSION, _SCREEN, _LIMITS,
    _PARAMS, _STATE, _EVENT, _BARS, _ROWS, _QUEUE, _QUEUED,
    _FORMULA, _SCORER, _OUT, _FILTERED,
    _GATE, _COLUMNS, _ALONG, _MEMBERS, _GROUPS, _NODES, _VALUES, _TERMS, _KNOTS, _COMBINATION,
    _N_COLUMNS, _N_MEMBERS, _N_GROUPS, _N_NODES, _N_VALUES, _N_TERMS, _N_KNOTS,
) = range(len(TABLE))  # fmt: skip


def _as_pointer(typing, address):
    """An address as what `carray` takes."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.intp), generate


_pointer: Any = intrinsic(_as_pointer)


@kernel
def _screened(table):
    """The reason of the record that stands there, 0 when it may enter."""
    words = carray(_pointer(table[_RECORD]), (WORDS,), np.int64)
    floats = carray(_pointer(table[_RECORD]), (WORDS,), np.float64)
    screen = carray(_pointer(table[_SCREEN]), (1,), checks.STATE)
    limits = carray(_pointer(table[_LIMITS]), (1,), checks.LIMITS)
    position, repeated, reason = np.zeros(1, np.int64), np.zeros(1, np.bool_), np.zeros(1, np.uint8)
    opens = table[_OPEN_NS : _OPEN_NS + 1]
    first, ts = table[_SESSION], words[0:1]
    if table[_KIND] == live.TRADE:
        price, size, side = floats[1:2], words[2:3], words[3:4]
        checks.check_trades(ts, price, size, side, position, opens, first, repeated, screen, limits, reason)
    elif table[_KIND] == live.VIX_VALUE:
        value = (floats[1:2],)
        checks.check_values(ts, value, value, True, position, screen, reason)
    elif table[_KIND] == live.OPTIONS:
        px, call, put, zero, gex = floats[1:2], floats[2:3], floats[3:4], floats[4:5], floats[5:6]
        volumes = (floats[6:7], floats[7:8])
        checks.check_values(ts, (px, call, put, zero, gex, *volumes), volumes, False, position, screen, reason)
    else:
        p, s = floats[1:11], words[11:21]
        bid_px, ask_px = (p[0:1], p[1:2], p[2:3], p[3:4], p[4:5]), (p[5:6], p[6:7], p[7:8], p[8:9], p[9:10])
        bid_sz, ask_sz = (s[0:1], s[1:2], s[2:3], s[3:4], s[4:5]), (s[5:6], s[6:7], s[7:8], s[8:9], s[9:10])
        checks.check_book(ts, bid_px, ask_px, bid_sz, ask_sz, position, opens, first, screen, limits, reason)
    return reason[0]


@kernel
def _packed(table, event):
    """The record that stands there as an EVENT."""
    words = carray(_pointer(table[_RECORD]), (WORDS,), np.int64)
    floats = carray(_pointer(table[_RECORD]), (WORDS,), np.float64)
    event.kind = table[_KIND]
    event.ts[0] = words[0]
    if table[_KIND] == live.TRADE:
        event.price[0] = floats[1]
        event.size[0] = words[2]
        event.side[0] = np.int8(words[3])
    elif table[_KIND] == live.VIX_VALUE:
        vix = event.vix[0]
        vix.ts_event, vix.value = words[0], floats[1]
    elif table[_KIND] == live.OPTIONS:
        option = event.options[0]
        option.ts_event, option.underlying_px = words[0], floats[1]
        option.call_wall, option.put_wall, option.zero_gamma = floats[2], floats[3], floats[4]
        option.call_volume, option.put_volume = floats[6], floats[7]
    else:
        event.bid[0] = floats[1]
        event.ask[0] = floats[6]
        for level in range(10):
            event.sizes[level] = words[11 + level]


@kernel
def _gate_of(table):
    return filtering.Gate(
        carray(_pointer(table[_GATE]), (1,), filtering.GATE),
        carray(_pointer(table[_COLUMNS]), (table[_N_COLUMNS],), np.int64),
        carray(_pointer(table[_ALONG]), (table[_N_COLUMNS],), np.bool_),
        models.Tables(
            carray(_pointer(table[_MEMBERS]), (table[_N_MEMBERS],), models.MEMBER),
            carray(_pointer(table[_GROUPS]), (table[_N_GROUPS], models.LANES + 1), np.uint64),
            carray(_pointer(table[_NODES]), (table[_N_NODES],), np.uint64),
            carray(_pointer(table[_VALUES]), (table[_N_VALUES],), np.float64),
            carray(_pointer(table[_TERMS]), (table[_N_TERMS], len(models.TERM)), np.float64),
            carray(_pointer(table[_KNOTS]), (table[_N_KNOTS], 2), np.float64),
            carray(_pointer(table[_COMBINATION]), (3,), np.float64),
        ),
    )


@kernel
def _wait(table):
    """Put the row that stands there into its place in the queue, by time and rank. It must have room."""
    queue = carray(_pointer(table[_QUEUE]), (QUEUE,), live.EVENT)
    queued = carray(_pointer(table[_QUEUED]), (1,), np.int64)
    ts = carray(_pointer(table[_RECORD]), (1,), np.int64)[0]
    k = queued[0]
    while k > 0 and (queue[k - 1].ts[0], -queue[k - 1].kind) > (ts, -table[_KIND]):
        queue[k] = queue[k - 1]
        k -= 1
    _packed(table, queue[k])
    queued[0] += 1


@kernel
def _run(table, event, bars, rows):
    """An event, and before it what has waited for it; returns how many rows were closed."""
    params = carray(_pointer(table[_PARAMS]), (1,), engine.PARAMS)
    state = carray(_pointer(table[_STATE]), (1,), engine.STATE)
    ts, closed = event[0].ts[0], 0
    if table[_QUEUE] != 0:
        queue = carray(_pointer(table[_QUEUE]), (QUEUE,), live.EVENT)
        queued = carray(_pointer(table[_QUEUED]), (1,), np.int64)
        n = 0
        while n < queued[0] and queue[n].ts[0] <= ts:
            closed += live.push(params, state, queue[n : n + 1], queue[n].ts[0], bars, rows[closed:])
            n += 1
        if n > 0:
            queued[0] -= n
            for k in range(queued[0]):
                queue[k] = queue[n + k]
    return closed + live.push(params, state, event, ts, bars, rows[closed:])


@kernel
def _decided(table, closed):
    """Decide the rows that were closed."""
    rows = carray(_pointer(table[_ROWS]), (engine.BARS_A_DAY,), engine.ROW)
    values = carray(_pointer(table[_ROWS]), (engine.BARS_A_DAY, FIELDS), np.float64)
    formula = carray(_pointer(table[_FORMULA]), (1,), FORMULA)[0]
    scorer = carray(_pointer(table[_SCORER]), (1,), decision.STATE)[0]
    out = carray(_pointer(table[_OUT]), (engine.BARS_A_DAY,), decision.DECISION)
    if table[_FILTERED] == 0:
        for i in range(closed):
            decision.decide(formula, scorer, rows[i].ts, rows[i].day, values[i], out[i])
        return
    gate = _gate_of(table)
    room = filtering.room_of(gate)
    for i in range(closed):
        filtering.decide(formula, scorer, gate, room, rows[i].ts, rows[i].day, values[i], out[i])


def take(address, steps):
    """The event of a table: how many rows it closed with what had waited for it, all decided; SCREENED_OUT and the
    reason when it may not enter."""
    table = carray(_pointer(address), (len(TABLE),), np.int64)
    if steps & SCREEN:
        reason = _screened(table)
        if reason != 0:
            return SCREENED_OUT + reason
    if steps & WAIT:
        _wait(table)
    if not steps & RUN:
        return 0
    event = carray(_pointer(table[_EVENT]), (1,), live.EVENT)
    if table[_KIND] != NO_TABLE:
        _packed(table, event[0])
    bars = carray(_pointer(table[_BARS]), (engine.BARS_A_DAY,), BAR)
    rows = carray(_pointer(table[_ROWS]), (engine.BARS_A_DAY,), engine.ROW)
    closed = _run(table, event, bars, rows)
    if closed > 0:
        _decided(table, closed)
    return closed
