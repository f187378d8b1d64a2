"""Scores and crossings of a panel, a block of rows at a time: the component loop outside, the rows inside.

The decisions are those of `confluence.decision`, to the bit. Rounding is monotonic: in each context there is a largest
magnitude of a raw score that stays inside the threshold, the limit. A row is held against it, and only the few that go
from inside to outside take the decision's own kernel.

Memory is what a score costs, so where nothing is missing rows are first weighed on components of 16 bits, a quarter of
the bytes. Such a raw score is off by less than its `blur`. Where it is nearer than that to a limit, the row is
weighed again on the components themselves, its terms added in the formula's order.
"""

import numpy as np

from mia_ml.confluence import decision
from mia_ml.confluence.formula import CYCLE
from mia_ml.core.kernel import kernel
from mia_ml.evaluation.panel import BLOCK, DAY_START, NO_STEPS
from mia_ml.features.clock import SESSIONS
from mia_ml.features.volatility import REGIMES

_CYCLES, _REGIMES = len(CYCLE), len(REGIMES)
_INFINITE = int(np.float64(np.inf).view(np.int64))
_DAY_BEGAN, _BLOCK_BEGAN = -2, -1
_FEW = 32  # missing components in a block, up to which only their rows are weighed on their own
_FLOAT32 = 2.0**-23  # twice the relative error of one rounding
_SMALLEST, _LARGEST = 1e-20, 1e20  # total weights between which float32 neither underflows nor overflows

CONTEXT = np.dtype(
    [
        ("multiplier", "f8", (2 * DAY_START,)),
        ("threshold", "f8", (2 * DAY_START,)),
        ("limit", "f8", (2 * DAY_START,)),  # largest magnitude of a raw score that is inside, -1 for none
        ("before", "f8"),  # magnitude of the last known raw score of the day if it was inside, else infinite
        ("before_row", "i8"),
        ("before_blur", "f8"),
    ],
    align=True,
)
"""A formula in each context of a panel, and where its last score stood."""


def room(levels: int = 1) -> tuple[np.ndarray, ...]:
    """What a trial works in: a CONTEXT for each level; of a block raw scores, weights present, sums, outside, edges."""
    return (
        np.zeros(levels, CONTEXT),
        np.empty(BLOCK),
        np.empty(BLOCK),
        np.empty(BLOCK, np.float32),
        np.empty(BLOCK + 1, np.bool_),
        np.empty(BLOCK, np.int64),
    )


@kernel
def twice(found):
    """Room for as many again."""
    larger = np.empty(2 * found.size, found.dtype)
    larger[: found.size] = found
    return larger


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
def blur(formula, terms, step):
    """Below what a raw score on steps of a component is off; 0 when it must not be used.

    A step is off by half of one; float32 rounds each weight, product and sum of magnitudes up to 32767 steps.
    """
    whole = 0.0
    for k in range(terms.size):
        whole += abs(formula.weight[k])
    if formula.least_weight > 1.0 or not _SMALLEST < whole < _LARGEST:
        return 0.0
    return whole * step * (0.501 + 32768.0 * (terms.size + 4) * _FLOAT32)


@kernel
def _add_steps(a, weight, sums):
    w = np.float32(weight)
    for i in range(sums.size):
        sums[i] += w * np.float32(a[i])


@kernel
def _add_four_steps(a, b, c, d, weight, step, sums):
    """Four terms at the price of one pass over the sums."""
    w0, w1 = np.float32(weight[0] * step), np.float32(weight[1] * step)
    w2, w3 = np.float32(weight[2] * step), np.float32(weight[3] * step)
    for i in range(sums.size):
        first = w0 * np.float32(a[i]) + w1 * np.float32(b[i])
        sums[i] += first + (w2 * np.float32(c[i]) + w3 * np.float32(d[i]))


@kernel
def _weigh_steps(formula, terms, steps, step, first, last, sums, raw):
    n, weight = terms.size, formula.weight
    fours = n // 4 * 4
    sums[:] = np.float32(0.0)
    for k in range(0, fours, 4):
        a, b = steps[terms[k], first:last], steps[terms[k + 1], first:last]
        c, d = steps[terms[k + 2], first:last], steps[terms[k + 3], first:last]
        _add_four_steps(a, b, c, d, weight[k : k + 4], step, sums)
    for k in range(fours, n):
        _add_steps(steps[terms[k], first:last], weight[k] * step, sums)
    for i in range(raw.size):
        raw[i] = sums[i]


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
def weigh(formula, terms, matrix, first, last, raw, present):
    """Fill the raw scores of rows [first, last), at most a block."""
    n, weight = terms.size, formula.weight
    fours = n // 4 * 4
    raw[:] = 0.0
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
def row_score(formula, terms, matrix, row):
    """The same of one row."""
    total, present, whole = 0.0, 0.0, 0.0
    for k in range(terms.size):
        weight, component = formula.weight[k], matrix[terms[k], row]
        whole += abs(weight)
        if not np.isnan(component):
            total += weight * component
            present += abs(weight)
    return decision.raw_score(total, present / whole, formula.least_weight)


@kernel
def score(formula, terms, panel, blurred, first, last, raw, present, sums, missing):
    """Fill the raw scores of rows [first, last), all of one block; by how much they are off, if not by nothing.

    panel: its matrix, steps, step and gaps. blurred: of `blur`, 0 for scores that are exact.
    """
    matrix, steps, step, gaps = panel
    n_gaps = 0
    for k in range(terms.size):
        n_gaps += gaps[terms[k], first // BLOCK]
    if blurred == 0.0 or n_gaps > _FEW:
        weigh(formula, terms, matrix, first, last, raw, present)
        return 0.0
    _weigh_steps(formula, terms, steps, step, first, last, sums, raw)
    if n_gaps > 0:
        missing[: raw.size] = False
        for k in range(terms.size):
            if gaps[terms[k], first // BLOCK] > 0:
                _mark(steps[terms[k], first:last], missing)
        for i in range(raw.size):
            if missing[i]:
                raw[i] = row_score(formula, terms, matrix, first + i)
    return blurred


@kernel
def _mark(component, missing):
    for i in range(component.size):
        missing[i] |= component[i] == NO_STEPS


@kernel
def sharpen(formula, terms, matrix, first, raw, codes, context, off):
    """Weigh the rows of a block again that are too near to their limit."""
    for i in range(raw.size):
        if abs(abs(raw[i]) - context.limit[codes[i]]) < off:
            raw[i] = row_score(formula, terms, matrix, first + i)


@kernel
def edges(raw, codes, context, off, outside, found):
    """Fill the positions of a block's rows that are outside when the row before is not; how many, and any too near?

    No branch in it.
    """
    outside[0] = False
    near = False
    for i in range(raw.size):
        beyond = abs(raw[i]) - context.limit[codes[i]]
        outside[i + 1] = beyond > 0.0
        near |= abs(beyond) < off
    count = 0
    for i in range(raw.size):
        found[count] = i
        count += outside[i + 1] & (not outside[i])
    return count, near


@kernel
def known_before(i, raw, codes):
    """Position of the last known raw score of the day before position i of a block, or where the search ended."""
    for j in range(i - 1, -1, -1):
        if not np.isnan(raw[j]):
            return j
        if codes[j] >= DAY_START:
            return _DAY_BEGAN
    return _BLOCK_BEGAN


@kernel
def leave(first, raw, codes, context, off):
    """Keep what the next block's first row needs of this block."""
    j = known_before(raw.size, raw, codes)
    if j == _BLOCK_BEGAN:
        return
    context.before = abs(raw[j]) if j >= 0 and abs(raw[j]) <= context.limit[codes[j]] else np.inf
    context.before_row = first + j
    context.before_blur = off


@kernel
def side(formula, terms, matrix, first, i, raw, codes, context, off):
    """+1 or -1 when position i of a block crosses, else 0."""
    code = codes[i]
    if code >= DAY_START:
        return 0
    j = known_before(i, raw, codes)
    if j == _DAY_BEGAN:
        return 0
    if j >= 0:
        before, row = abs(raw[j]), first + j
        if before > context.limit[codes[j]]:
            return 0
    else:
        before, row, off = context.before, context.before_row, context.before_blur
    if abs(before - context.limit[code]) < off:
        before = abs(row_score(formula, terms, matrix, row))
    multiplier = context.multiplier[code]
    return decision.side_of_crossing(1, before, raw[i] * multiplier, multiplier, context.threshold[code])


@kernel
def exceedance(raw, code, context):
    """How many thresholds a score is away from 0."""
    return abs(raw * context.multiplier[code]) / context.threshold[code]
