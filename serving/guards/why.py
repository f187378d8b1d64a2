"""What a decision does not say by itself, in words: why there is no score, why a crossing met no pass mark."""

import numpy as np

from mia_ml.confluence import decision
from mia_ml.confluence.formula import Formula
from mia_ml.core import errors


def no_score(formula: Formula, row: np.ndarray, taken: np.ndarray) -> str:
    """Why the score of a ROW [1] with its DECISION [1] is NaN; empty when it is a number.

    Raises DataError when the row does not account for it: then row and decision do not belong together.
    """
    score = taken["score"][0]
    if score == score:
        return ""
    used = formula.record[0]
    present, needed = float(taken["weight_present"][0]), float(used["least_weight"])
    values = row.view(np.float64)[used["column"][: used["terms"]]]
    if np.isnan(decision.raw_score(0.0, present, needed)):
        wanted = f"{needed:.2f} needed" if needed > 0 else "some needed"
        return (
            f"score is NaN: {present:.2f} of the weight present, {wanted}; absent: {_named(formula, np.isnan(values))}"
        )
    if not np.isinf(values).any():
        raise errors.DataError(f"the score of {row['ts'][0]} is NaN with {present:.2f} of the weight present")
    return f"score is NaN: infinite: {_named(formula, np.isinf(values))}"


def no_pass_mark(row: np.ndarray, taken: np.ndarray) -> str:
    """Why the filter could not judge the crossing of a ROW [1] with its DECISION [1]; empty when it could.

    Such a crossing is filtered.
    """
    if taken["action"][0] != decision.FILTERED:
        return ""
    if np.isnan(taken["pass_mark"][0]):
        atr, usual = row["atr_5m"][0], row["atr_5m_usual"][0]
        return f"filtered: no barrier, ATR over 5 min is {atr:.6g} and usually {usual:.6g}"
    if np.isnan(taken["probability"][0]):
        return "filtered: the models gave no probability"
    return ""


def _named(formula: Formula, which: np.ndarray) -> str:
    return ", ".join(formula.terms[k] for k in np.flatnonzero(which))
