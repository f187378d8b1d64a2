"""Scores and crossings of a panel, a block of rows at a time: the component loop outside, the rows inside.

The bits are those of `confluence.decision`. The terms of a row are added in the formula's order, so a vector of rows is
as exact as one row. Rounding is monotonic: in each context there is a largest magnitude of a raw score that stays
inside the threshold. Held against it a row costs one comparison; the few that may cross go through the decision's own
kernel.
"""

import numpy as np

from mia_ml.confluence import decision
from mia_ml.confluence.formula import CYCLE
from mia_ml.core.kernel import kernel
from mia_ml.evaluation.panel import BLOCK, DAY_START
from mia_ml.features.clock import SESSIONS
from mia_ml.features.volatility import REGIMES

_CYCLES, _REGIMES = len(CYCLE), len(REGIMES)
_INFINITE = int(np.float64(np.inf).view(np.int64))

CONTEXT = np.dtype(
    [
        ("multiplier", "f8", (2 * DAY_START,)),
        ("threshold", "f8", (2 * DAY_START,)),
        ("limit", "f8", (2 * DAY_START,)),  # largest magnitude of a raw score that is inside, -1 for none
        ("before", "f8"),  # magnitude of the last known raw score of the day if it was inside, else infinite
    ],
    align=True,
)
"""A formula in each context of a panel, and where its last score stood."""


def room(levels: int = 1) -> tuple[np.ndarray, ...]:
    """What a trial works in: a CONTEXT for each level; of a block raw scores and weights present, outside, edges."""
    return np.zeros(levels, CONTEXT), np.empty((2, BLOCK)), np.empty(BLOCK + 1, np.bool_), np.empty(BLOCK, np.int64)


@kernel
def largest_inside(multiplier, threshold):
    """The largest finite x of which |x multiplier| <= threshold, -1 when not even 0 is inside."""
    if not threshold >= 0.0:
        return -1.0
    # floats from 0 on are ordered like their bits
    bits = np.zeros(1, np.int64)
    value = bits.view(np.float64)
    inside, outside = 0, _INFINITE
    while outside - inside > 1:
        bits[0] = inside + (outside - inside) // 2
        if abs(value[0] * multiplier) <= threshold:
            inside = bits[0]
        else:
            outside = bits[0]
    bits[0] = inside
    return value[0]


@kernel
def settle(formula, level, context):
    """Fill a CONTEXT: a formula whose threshold is multiplied by `level`, before any row."""
    context.before = np.inf
    for code in range(len(SESSIONS) * _CYCLES * _REGIMES):
        regime = code % _REGIMES
        session_factor = formula.session_factor[code // _REGIMES // _CYCLES]
        context.multiplier[code] = decision.multiplier_of(
            session_factor, formula.volatility_factor[regime], formula.cycle_factor[code // _REGIMES % _CYCLES]
        )
        context.threshold[code] = level * decision.threshold_of(formula, regime, session_factor)
        context.limit[code] = largest_inside(context.multiplier[code], context.threshold[code])
        for table in (context.multiplier, context.threshold, context.limit):  # a day's first row is no context apart
            table[DAY_START + code] = table[code]


@kernel
def _add(component, weight, raw):
    for i in range(raw.size):
        raw[i] += weight * component[i]


@kernel
def _add_four(a, b, c, d, weight, raw):
    """Four terms in their order at the price of one pass over the sums."""
    w0, w1, w2, w3 = weight[0], weight[1], weight[2], weight[3]
    for i in range(raw.size):
        raw[i] = (((raw[i] + w0 * a[i]) + w1 * b[i]) + w2 * c[i]) + w3 * d[i]


@kernel
def _add_present(a, weight, raw, present):
    """One term where it is there; a sum that starts at +0 is never -0, so adding 0 keeps its bits."""
    size = abs(weight)
    for i in range(raw.size):
        raw[i] += 0.0 if np.isnan(a[i]) else weight * a[i]
        present[i] += 0.0 if np.isnan(a[i]) else size


@kernel
def _add_four_present(a, b, c, d, weight, raw, present):
    w0, w1, w2, w3 = weight[0], weight[1], weight[2], weight[3]
    s0, s1, s2, s3 = abs(w0), abs(w1), abs(w2), abs(w3)
    for i in range(raw.size):
        t0, p0 = (0.0, 0.0) if np.isnan(a[i]) else (w0 * a[i], s0)
        t1, p1 = (0.0, 0.0) if np.isnan(b[i]) else (w1 * b[i], s1)
        t2, p2 = (0.0, 0.0) if np.isnan(c[i]) else (w2 * c[i], s2)
        t3, p3 = (0.0, 0.0) if np.isnan(d[i]) else (w3 * d[i], s3)
        raw[i] = (((raw[i] + t0) + t1) + t2) + t3
        present[i] = (((present[i] + p0) + p1) + p2) + p3


@kernel
def score(formula, terms, matrix, gaps, first, last, raw, present):
    """Fill the raw scores of rows [first, last), all of one block."""
    n, weight = terms.size, formula.weight
    fours = n // 4 * 4
    dense = True
    for k in range(n):
        dense &= not gaps[terms[k], first // BLOCK]
    raw[:] = 0.0
    if dense and formula.least_weight <= 1.0:  # all is there: a share of exactly 1
        for k in range(0, fours, 4):
            a, b = matrix[terms[k], first:last], matrix[terms[k + 1], first:last]
            c, d = matrix[terms[k + 2], first:last], matrix[terms[k + 3], first:last]
            _add_four(a, b, c, d, weight[k : k + 4], raw)
        for k in range(fours, n):
            _add(matrix[terms[k], first:last], weight[k], raw)
        return
    present[:] = 0.0
    for k in range(0, fours, 4):
        a, b = matrix[terms[k], first:last], matrix[terms[k + 1], first:last]
        c, d = matrix[terms[k + 2], first:last], matrix[terms[k + 3], first:last]
        _add_four_present(a, b, c, d, weight[k : k + 4], raw, present)
    for k in range(fours, n):
        _add_present(matrix[terms[k], first:last], weight[k], raw, present)
    whole = 0.0
    for k in range(n):
        whole += abs(weight[k])
    for i in range(raw.size):
        raw[i] = decision.raw_score(raw[i], present[i] / whole, formula.least_weight)


@kernel
def edges(raw, codes, context, outside, found):
    """Fill the positions of a block's rows that are outside when the row before is not; how many. No branch in it."""
    outside[0] = False
    for i in range(raw.size):
        outside[i + 1] = abs(raw[i]) > context.limit[codes[i]]
    count = 0
    for i in range(raw.size):
        found[count] = i
        count += outside[i + 1] & (not outside[i])
    return count


@kernel
def magnitude_before(i, raw, codes, context):
    """Of the last known raw score of the day before position i of a block, if it was inside, else infinite."""
    for j in range(i - 1, -1, -1):
        if not np.isnan(raw[j]):
            return abs(raw[j]) if abs(raw[j]) <= context.limit[codes[j]] else np.inf
        if codes[j] >= DAY_START:
            return np.inf
    return context.before


@kernel
def side(i, raw, codes, context):
    """+1 or -1 when position i of a block crosses, else 0."""
    if codes[i] >= DAY_START:
        return 0
    multiplier, threshold = context.multiplier[codes[i]], context.threshold[codes[i]]
    before = magnitude_before(i, raw, codes, context)
    return decision.side_of_crossing(1, before, raw[i] * multiplier, multiplier, threshold)


@kernel
def leave(raw, codes, context):
    """Keep what the next block's first row needs of this block."""
    context.before = magnitude_before(raw.size, raw, codes, context)


@kernel
def exceedance(raw, code, context):
    """How many thresholds a score is away from 0."""
    return abs(raw * context.multiplier[code]) / context.threshold[code]
