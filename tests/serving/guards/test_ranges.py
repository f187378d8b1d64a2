"""Inputs out of their training range are found, all of them and no other."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mia_ml.features import engine
from serving.guards.ranges import Ranges

NAMES = ("vix", "rvol", "gamma_levels", "delta")
FINITE = st.floats(-1e6, 1e6)
SPAN = st.none() | st.tuples(FINITE, FINITE).map(lambda pair: (min(pair), max(pair)))
VALUE = FINITE | st.sampled_from([math.nan, math.inf, -math.inf])


def row_of(**values):
    row = np.zeros(1, engine.ROW)
    for name, value in values.items():
        row[name] = value
    return row


@given(
    st.fixed_dictionaries(dict.fromkeys(NAMES, SPAN)),
    st.fixed_dictionaries(dict.fromkeys(NAMES, VALUE)),
    st.sampled_from([0.0, 0.5, 2.0]),
    st.integers(0, 4),
)
def test_it_finds_what_lies_outside(spans, values, margin, most):
    wanted = []
    for name, span in spans.items():
        low, high = span or (math.inf, -math.inf)
        room = margin * (high - low) if span else 0.0
        if values[name] < low - room or values[name] > high + room:
            wanted.append(name)
    guard = Ranges(spans, margin, most)
    found = guard.outside(row_of(**values))
    assert [one.name for one in found] == wanted
    assert [one.value for one in found] == [values[name] for name in wanted]
    assert bool(guard.verdict(found)) == (len(wanted) > most)


@pytest.mark.parametrize(("value", "out"), [(18.0, False), (18.1, True), (6.0, False), (5.9, True), (math.nan, False)])
def test_the_margin_is_a_share_of_the_range(value, out):
    assert bool(Ranges({"vix": (10.0, 14.0)}, 1.0, 0).outside(row_of(vix=value))) == out


def test_what_training_never_saw_is_said():
    guard = Ranges({"vix": None, "rvol": (1.0, 2.0)}, 0.5, 1)
    found = guard.outside(row_of(vix=13.25, rvol=9.0))
    assert [str(one) for one in found] == ["vix is 13.25, training never saw it", "rvol is 9, training saw 1 to 2"]
    assert guard.verdict(found) == (
        "out of its training range: vix is 13.25, training never saw it; rvol is 9, training saw 1 to 2"
    )
    assert guard.verdict(found[:1]) == ""


def test_a_bundle_without_features_has_nothing_to_find():
    assert Ranges({}, 0.5, 0).outside(row_of(vix=13.0)) == ()
