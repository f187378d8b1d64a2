"""Sample sizes against textbooks and against simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mia_ml.metrics import day_sums, power
from mia_ml.metrics.power import Certainty


@pytest.mark.parametrize(
    ("rate", "points", "certainty", "n"),
    [
        (0.25, 15, Certainty(level=0.99, power=0.95), 344),  # Fleiss's example: 357 with the correction
        (0.60, 10, Certainty(), 356),  # his table A.3: 376 with the correction
        (0.50, 25, Certainty(power=0.90), 77),  # R, help(power.prop.test): 76.7
        (0.65, 7, Certainty(), 691),  # the plan, from 65 % to 72 %; by hand (1.28756 + 0.55131)^2 / 0.0049
        (0.72, -7, Certainty(), 691),
    ],
)
def test_two_runs_as_in_textbooks(rate, points, certainty, n):
    """Fleiss, Levin & Paik 2003, Statistical Methods for Rates and Proportions, 4.3."""
    assert power.trades_for_gain(rate, points, certainty) == n


@pytest.mark.parametrize(
    ("fixed", "points", "certainty", "n"),
    [
        (0.02, 3, Certainty(power=0.90), 341),  # Rosner, Fundamentals of Biostatistics, 7.10
        (0.40, 5, Certainty(), 761),  # by hand (0.96018 + 0.41870)^2 / 0.0025
    ],
)
def test_one_run_against_a_fixed_rate(fixed, points, certainty, n):
    assert power.trades_for_rate(fixed, points, certainty) == n


def test_an_expectancy():
    """((1.95996 + 0.84162) 1.4 / 0.2)^2 = 384.6; half of the effect needs four times the trades."""
    assert power.trades_for_expectancy(0.2, 1.4) == 385
    assert power.trades_for_expectancy(0.1, 1.4) == math.ceil(4 * 384.597)


def test_the_power_is_there():
    """20,000 simulated comparisons with the trades asked for: 80 % see the difference."""
    rng = np.random.default_rng(3)
    n = int(power.trades_for_gain(0.40, 8))
    one, two = rng.binomial(n, 0.40, 20_000) / n, rng.binomial(n, 0.48, 20_000) / n
    mean = (one + two) / 2
    seen = np.abs(two - one) > 1.959964 * np.sqrt(2 * mean * (1 - mean) / n)
    assert seen.mean() == pytest.approx(0.80, abs=0.015)


@given(
    st.integers(30, 5000),
    st.floats(0.1, 0.8),
    st.builds(Certainty, st.sampled_from([0.9, 0.95, 0.99]), st.sampled_from([0.8, 0.9]), st.floats(1, 4)),
)
def test_the_least_difference_is_the_one_that_needs_these_trades(n, rate, certainty):
    for least, needed in (
        (power.detectable_gain(n, rate, certainty), power.trades_for_gain),
        (power.detectable_rate(n, rate, certainty), power.trades_for_rate),
    ):
        if math.isnan(least):
            assert needed(rate, (1 - rate) * 100, certainty) > n
        else:
            assert abs(needed(rate, least, certainty) - n) <= 1
    least_r = power.detectable_expectancy(n, 1.4, certainty)
    assert abs(power.trades_for_expectancy(least_r, 1.4, certainty) - n) <= 1


@given(st.floats(0.2, 0.6), st.floats(1, 30), st.floats(1.5, 5))
def test_more_certainty_and_dependence_need_more_a_larger_gain_less(rate, points, effect):
    n = power.trades_for_gain(rate, points)
    assert power.trades_for_gain(rate, points, Certainty(power=0.9)) >= n
    assert power.trades_for_gain(rate, points, Certainty(level=0.99)) >= n
    assert power.trades_for_gain(rate, points + 1) <= n
    assert power.trades_for_gain(rate, points, Certainty(effect=effect)) == pytest.approx(n * effect, abs=effect + 1)


def test_before_a_run():
    needed = power.before({"book": 4.0, "all phases": 20, "nothing": 0}, win_rate=0.57, trades_per_day=0.5)
    assert needed[0] == ("book", 4.0, power.trades_for_gain(0.57, 4), 2 * power.trades_for_gain(0.57, 4))
    assert needed[1][2:] == (86, 172)  # (1.30334 + 0.54686)^2 / 0.04
    assert np.isnan(needed[2][2:]).all()


@pytest.mark.parametrize(("rate", "per_day"), [(math.nan, 1.0), (0.95, 1.0), (0.6, 0.0)])
def test_what_cannot_be_said_is_nan(rate, per_day):
    """An unknown rate, a rate above 1, no trade on any day."""
    assert math.isnan(power.before({"x": 10}, rate, per_day)[0][3])


def test_after_a_run():
    """200 days of 2 trades with one result each, 2 R or -1 R: 400 trades are worth 200 of them."""
    trades = np.zeros(400, [("day", "i8"), ("net_r", "f8")])
    trades["net_r"] = np.repeat(np.tile([2.0, -1.0], 100), 2)
    sums = np.zeros(200, day_sums.DAY_SUMS)
    sums["n_trades"], sums["n_wins"], sums["net_r"] = 2, np.tile([2, 0], 100), np.tile([4.0, -2.0], 100)
    seen = power.after(trades, sums)
    assert seen.sd_r == pytest.approx(1.5 * math.sqrt(400 / 399))
    assert seen.trades_per_month == 42
    assert seen.detectable_r == pytest.approx(2.80159 * 1.5 / math.sqrt(200), rel=0.005)
    assert seen.detectable_points == pytest.approx(power.detectable_gain(200, 0.5), rel=0.005)


def test_after_a_run_without_trades():
    seen = power.after(np.zeros(0, [("day", "i8"), ("net_r", "f8")]), np.zeros(10, day_sums.DAY_SUMS))
    assert seen.trades_per_month == 0
    assert math.isnan(seen.sd_r)
    assert math.isnan(seen.detectable_r)
    assert math.isnan(seen.detectable_points)
