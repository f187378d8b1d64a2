"""The filter's training population: crossings of several multiples of the threshold, traded or not.

The few signals of one threshold teach a model nothing. So every crossing at each level of a grid is a candidate,
without cooldown, day's limit or position, and carries its exceedance, |score| / (level x threshold), always above 1: an
actual signal is a candidate of level 1.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from mia_ml.confluence.formula import Formula
from mia_ml.core.errors import ConfigError
from mia_ml.core.kernel import kernel
from mia_ml.evaluation import columns
from mia_ml.evaluation.panel import BLOCK, Panel

CANDIDATE = np.dtype(
    [
        ("row", "i8"),  # in the panel
        ("side", "i8"),  # +1 up, -1 down
        ("level", "f8"),  # multiple of the formula's threshold
        ("exceedance", "f8"),
    ],
    align=True,
)


def of(panel: Panel, formula: Formula, first_row: int, last_row: int, levels: tuple[float, ...] = (1.0,)) -> np.ndarray:
    """CANDIDATE records of rows [first_row, last_row), by row, then by level, as if nothing was before the first row.

    With the one level 1 they are the formula's own crossings: all that a filter is ever asked about.
    Raises ConfigError on levels that are not above 0 and rising, DataError on rows that the panel does not hold.
    """
    refuse_disorder(levels)
    first_row, last_row = panel.checked(first_row, last_row)
    return _of(
        formula.record,
        panel.terms(formula),
        panel.matrix,
        panel.context,
        first_row,
        last_row,
        np.array(levels),
        columns.room(len(levels)),
        np.empty(BLOCK, CANDIDATE),
    )


def refuse_disorder(levels: Sequence[float]) -> None:
    """Raises ConfigError on levels that are not above 0 and rising."""
    if not levels or not levels[0] > 0 or any(not low < high < np.inf for low, high in itertools.pairwise(levels)):
        raise ConfigError(f"threshold grid {list(levels)}: give rising multiples of the threshold, above 0")


@kernel
def _of(formulas, terms, matrix, codes, first_row, last_row, levels, room, candidates):
    formula = formulas[0]
    contexts, block_raw, block_present, _, outside, found = room
    for j in range(levels.size):
        columns.settle(formula, levels[j], contexts[j])
    sides = np.zeros((BLOCK, levels.size), np.int64)
    count = 0
    first = first_row
    while first < last_row:
        last = min((first // BLOCK + 1) * BLOCK, last_row)
        raw, code = block_raw[: last - first], codes[first:last]
        columns.weigh(formula, terms, matrix, first, last, raw, block_present[: last - first])
        sides[:] = 0
        for j in range(levels.size):
            context = contexts[j]
            for k in range(columns.edges(raw, code, context, 0.0, outside, found)[0]):
                sides[found[k], j] = columns.side(formula, terms, matrix, first, found[k], raw, code, context, 0.0)
            columns.leave(first, raw, code, context, 0.0)
        for i in range(last - first):
            for j in range(levels.size):
                if sides[i, j] == 0:
                    continue
                if count == candidates.size:
                    candidates = columns.twice(candidates)
                candidate = candidates[count]
                candidate.row = first + i
                candidate.side = sides[i, j]
                candidate.level = levels[j]
                candidate.exceedance = columns.exceedance(raw[i], code[i], contexts[j])
                count += 1
        first = last
    return candidates[:count]
