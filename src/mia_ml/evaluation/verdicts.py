"""What a filter says of a formula's crossings, asked as it is asked live: by the one scorer."""

import numpy as np

from mia_ml.confluence import decision
from mia_ml.confluence.formula import Formula
from mia_ml.labels.records import SIDES
from mia_ml.scoring.filter import Filter
from mia_ml.scoring.scorer import Scorer


def passes(judge: Filter, formula: Formula, rows: np.ndarray, first_row: int, last_row: int) -> np.ndarray:
    """The filter's verdict on the crossings of rows [first_row, last_row), bool [rows, 2], column 0 buying.

    False everywhere else. rows: ROW [n]. The rows are decided as if nothing was before the first.
    """
    decided = Scorer(formula, judge).decide(rows[first_row:last_row])
    passed = np.flatnonzero((decided["crossing"] != 0) & (decided["action"] != decision.FILTERED))
    verdict = np.zeros((rows.size, len(SIDES)), np.bool_)
    verdict[first_row + passed, np.where(decided["crossing"][passed] == SIDES[0], 0, 1)] = True
    return verdict
