"""exp, log and the logistic function against exact decimals."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.models import elementary

MANY = settings(max_examples=300, deadline=None)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def ulps(found, exact):
    return abs(Decimal(found) - exact) / Decimal(math.ulp(float(exact)))


@MANY
@given(st.one_of(st.floats(-745.0, 709.7), st.floats(-1.0, 1.0), st.floats(-40.0, 40.0)))
def test_exp_is_within_one_ulp(x):
    with localcontext(prec=60):
        assert ulps(elementary.exp(x), Decimal(x).exp()) <= 1


@MANY
@given(st.one_of(st.floats(1e-300, 1e300), st.floats(1e-7, 1e7), st.floats(0.5, 2.0)))
def test_log_is_within_two_ulp(x):
    with localcontext(prec=60):
        exact = Decimal(x).ln()
        assert elementary.log(x) == 0 if x == 1 else ulps(elementary.log(x), exact) <= 2


@MANY
@given(FINITE)
def test_neither_ever_decreases(x):
    above = math.nextafter(x, math.inf)
    assert elementary.exp(x) <= elementary.exp(above)
    assert elementary.logistic(x) <= elementary.logistic(above)


def test_exp_does_not_decrease_where_its_power_of_two_changes():
    for n in range(-1074, 1024):
        x = (n + 0.5) * math.log(2)
        steps = x + math.ulp(x) * np.arange(-30, 31)
        values = [elementary.exp(step) for step in steps]
        assert values == sorted(values)


@pytest.mark.parametrize(
    ("x", "exp", "logistic"),
    [
        (0.0, 1.0, 0.5),
        (-0.0, 1.0, 0.5),
        (800.0, math.inf, 1.0),
        (math.inf, math.inf, 1.0),
        (-800.0, 0.0, math.exp(-709.782712893384)),
        (-math.inf, 0.0, math.exp(-709.782712893384)),
    ],
)
def test_the_ends(x, exp, logistic):
    assert elementary.exp(x) == exp
    assert elementary.logistic(x) == pytest.approx(logistic, rel=1e-12)
    assert elementary.logistic(x) > 0


def test_missing_stays_missing():
    assert math.isnan(elementary.exp(math.nan))
    assert math.isnan(elementary.logistic(math.nan))


@MANY
@given(st.floats(-50, 50))
def test_the_logistic_function(x):
    with localcontext(prec=60):
        assert ulps(elementary.logistic(x), 1 / (1 + (-Decimal(x)).exp())) <= 2
