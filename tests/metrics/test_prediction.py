"""Intervals for what is still to come hold as often as they say, where the backtest was of the same world."""

import math

import numpy as np
import pytest

from mia_ml.metrics import prediction
from mia_ml.metrics.estimate import Estimate, undecided

Z = 1.959964


def of_normal(rng, n, sd, effect):
    """A mean of 0 as a backtest would report it, with its interval."""
    error = sd * math.sqrt(effect / n)
    mean = error * rng.standard_normal()
    return Estimate("expectancy_r", mean, mean - Z * error, mean + Z * error, "R")


@pytest.mark.parametrize(("n_found", "n"), [(400, 20), (100, 400)])
@pytest.mark.parametrize("effect", [1.0, 2.5])
def test_the_mean_to_come_lies_inside_as_often_as_foretold(n_found, n, effect):
    rng = np.random.default_rng(n + n_found)
    inside = 0
    for _ in range(2000):
        foretold = prediction.of_mean(of_normal(rng, n_found, 1.3, effect), 1.3, n_found, n)
        inside += foretold.low <= 1.3 * math.sqrt(effect / n) * rng.standard_normal() <= foretold.high
    assert inside / 2000 == pytest.approx(0.95, abs=0.015)


def test_by_hand():
    """sqrt(0.1^2 + (1.96 / 10)^2) = 0.22; the sides of a lopsided interval are added each by its own."""
    found = prediction.of_mean(Estimate("expectancy_r", 0.2, 0.1, 0.25, "R"), 1.0, 200, 100)
    assert found.low == pytest.approx(0.2 - math.hypot(0.1, Z / 10), abs=1e-6)
    assert found.high == pytest.approx(0.2 + math.hypot(0.05, Z / 10), abs=1e-6)
    assert (found.value, found.unit, found.level) == (0.2, "R", 0.95)


def test_a_level_is_that_of_the_estimate():
    wide = prediction.of_mean(Estimate("expectancy_r", 0.0, -0.1, 0.1, "R", 0.99), 1.0, 10_000, 100)
    assert wide.high == pytest.approx(math.hypot(0.1, 2.5758 / 10 * (10_000**0.5 * 0.1 / 2.5758)), abs=1e-4)
    assert wide.level == 0.99


def test_the_number_of_trades_to_come():
    rng = np.random.default_rng(3)
    rate, days, inside = 0.8, 30, 0
    for _ in range(2000):
        found = rng.poisson(rate * 500) / 500
        error = math.sqrt(found / 500)
        month = (21 * x for x in (found, found - Z * error, found + Z * error))
        foretold = prediction.of_count(Estimate("trades_per_month", *month, "trades/month"), 500, days)
        inside += foretold.low <= rng.poisson(rate * days) <= foretold.high
    assert inside / 2000 == pytest.approx(0.95, abs=0.015)
    assert foretold.value == pytest.approx(found * days)
    seldom = prediction.of_count(Estimate("trades_per_month", 1.0, 0.5, 1.5, "trades/month"), 500, 30)
    assert seldom.low == 0


@pytest.mark.parametrize(
    ("found", "sd", "n_found", "n", "why"),
    [
        (undecided("expectancy_r", "R", "no trades"), 1.0, 100, 10, "no trades"),
        (Estimate("expectancy_r", 0.1, math.nan, math.nan, "R"), 1.0, 100, 10, "no interval to foretell from"),
        (Estimate("expectancy_r", 0.1, 0.0, 0.2, "R"), math.nan, 100, 10, "no interval to foretell from"),
        (Estimate("expectancy_r", 0.1, 0.0, 0.2, "R"), 1.0, 100, 0, "nothing has come yet"),
        (Estimate("expectancy_r", math.nan, 0.0, 0.2, "R"), 1.0, 100, 5, "the backtest does not know it"),
    ],
)
def test_what_cannot_be_foretold_says_why(found, sd, n_found, n, why):
    assert why in prediction.of_mean(found, sd, n_found, n).undecidable


def test_a_number_that_is_not_known_foretells_none():
    assert "no days" in prediction.of_count(undecided("trades_per_month", "trades/month", "no days"), 0, 5).undecidable
