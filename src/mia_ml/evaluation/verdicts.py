"""What a filter says of a formula's crossings, all at once; the same as the scorer, which asks it row by row."""

import numpy as np

from mia_ml.confluence.formula import Formula
from mia_ml.evaluation import candidates
from mia_ml.evaluation.panel import Panel
from mia_ml.labels.records import SIDES
from mia_ml.scoring.filter import Filter


def passes(
    judge: Filter, formula: Formula, rows: np.ndarray, panel: Panel, first_row: int, last_row: int
) -> np.ndarray:
    """The filter's verdict on the crossings of rows [first_row, last_row), bool [n, 2], column 0 buying.

    False everywhere else. rows: ROW [n], panel: of these. Rows are decided as if nothing was before the first.
    """
    crossed = candidates.of(panel, formula, first_row, last_row)
    passed = crossed[judge.passes(rows, crossed["row"], crossed["side"], crossed["exceedance"])]
    verdict = np.zeros((rows.size, len(SIDES)), np.bool_)
    verdict[passed["row"], np.where(passed["side"] == SIDES[0], 0, 1)] = True
    return verdict
