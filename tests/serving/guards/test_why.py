"""A score that is NaN is explained by what is absent, and only then."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mia_ml.confluence import decision
from mia_ml.core.errors import DataError
from mia_ml.features import engine
from mia_ml.scoring.scorer import Scorer
from serving.guards import why
from tests import small_world

FORMULA = small_world.shipped_formula()
SCORER = Scorer(FORMULA)


def row_without(absent):
    row = np.zeros(1, engine.ROW)
    for name in absent:
        row[name] = np.nan
    return row


@given(st.sets(st.sampled_from(FORMULA.terms)))
def test_it_names_what_is_absent_exactly_where_there_is_no_score(absent):
    row = row_without(absent)
    taken = SCORER.decide(row)
    text = why.no_score(FORMULA, row, taken)
    assert bool(text) == bool(np.isnan(taken["score"][0]))
    if text:
        said, _, names = text.partition("; absent: ")
        assert names.split(", ") == [name for name in FORMULA.terms if name in absent]
        needed = FORMULA.record["least_weight"][0]
        assert said == (f"score is NaN: {taken['weight_present'][0]:.2f} of the weight present, {needed:.2f} needed")


def test_without_any_component_it_is_said_even_when_none_is_needed():
    free = FORMULA.record.copy()
    free["least_weight"] = 0.0
    formula = type(FORMULA)(FORMULA.name, FORMULA.terms, free)
    row = row_without(FORMULA.terms)
    text = why.no_score(formula, row, Scorer(formula).decide(row))
    assert text.startswith("score is NaN: 0.00 of the weight present, some needed; absent: ")


def test_infinities_that_cancel_are_said():
    row = row_without([])
    row[FORMULA.terms[0]], row[FORMULA.terms[1]] = np.inf, -np.inf
    text = why.no_score(FORMULA, row, SCORER.decide(row))
    assert text == f"score is NaN: infinite: {FORMULA.terms[0]}, {FORMULA.terms[1]}"


def test_a_row_that_does_not_account_for_it_is_refused():
    row = row_without([])
    taken = SCORER.decide(row)
    taken["score"] = np.nan
    with pytest.raises(DataError, match=r"is NaN with 1\.00 of the weight present"):
        why.no_score(FORMULA, row, taken)


@pytest.mark.parametrize(
    ("action", "mark", "probability", "words"),
    [
        (decision.FILTERED, np.nan, 0.6, "filtered: no barrier, ATR over 5 min is nan and usually 0"),
        (decision.FILTERED, 0.5, np.nan, "filtered: the models gave no probability"),
        (decision.FILTERED, 0.5, 0.4, ""),
        (decision.SIGNAL, np.nan, np.nan, ""),  # a formula without a filter
    ],
)
def test_a_crossing_that_no_filter_could_judge_is_said(action, mark, probability, words):
    row, taken = row_without(["atr_5m"]), np.zeros(1, decision.DECISION)
    taken["action"], taken["pass_mark"], taken["probability"] = action, mark, probability
    assert why.no_pass_mark(row, taken) == words
