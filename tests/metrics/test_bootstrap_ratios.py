"""Intervals of ratios: of sums over weights, a day's worth as much as its rows."""

import math
from dataclasses import replace

import numpy as np
import pytest

from mia_ml.core.errors import DataError
from mia_ml.metrics import bootstrap
from tests.metrics.resampled import RESAMPLING


def test_a_ratio_is_that_of_the_drawn_sums_and_weights():
    """Days of very unlike length, some of none: the error is sd(s - r w) / (mean(w) sqrt(d))."""
    rng = np.random.default_rng(6)
    weights = rng.geometric(0.05, (200, 3)) * (rng.random((200, 3)) < 0.8)
    sums = weights * rng.normal(0.02, 0.1, (200, 3))
    sums[:, 2] = weights[:, 2] = 0
    found = bootstrap.ratio_of(sums, weights, RESAMPLING, ("one", "two", "none"), "correlation")
    assert [estimate.name for estimate in found] == ["one", "two", "none"]
    for estimate, s, w in zip(found[:2], sums.T[:2], weights.T[:2], strict=True):
        assert estimate.value == pytest.approx(s.sum() / w.sum(), rel=1e-12)
        error = (s - estimate.value * w).std(ddof=1) / (w.mean() * math.sqrt(200))
        assert (estimate.high - estimate.low) / 2 == pytest.approx(1.96 * error, rel=0.15)
        assert estimate.unit == "correlation"
    assert found[2].undecidable == "no day is known"
    alone = bootstrap.ratio_of(sums[:, 0], weights[:, 0], RESAMPLING)
    assert replace(alone[0], name="one", unit="correlation") == found[0]


def test_a_ratio_that_every_day_shares_is_certain():
    """A day of many rows brings them along: no draw says anything else."""
    weights = np.random.default_rng(8).integers(1, 40, 100)
    (ratio,) = bootstrap.ratio_of(0.25 * weights, weights, RESAMPLING)
    assert (ratio.low, ratio.value, ratio.high) == (0.25, 0.25, 0.25)


def test_ratios_of_equal_weights_are_means():
    """Of exponential days: as wide as the mean's standard error says, and further to the right, as they are skewed."""
    values = np.random.default_rng(9).exponential(size=400)
    (mean,) = bootstrap.ratio_of(values, np.ones(400), replace(RESAMPLING, resamples=2000, block_days=1.0))
    error = values.std(ddof=1) / math.sqrt(400)
    assert mean.value == pytest.approx(values.mean(), rel=1e-12)
    assert (mean.high - mean.low) / 2 == pytest.approx(1.96 * error, rel=0.08)
    assert mean.high - mean.value > mean.value - mean.low


def test_ratios_need_a_weight_and_a_name_each():
    with pytest.raises(DataError, match="1 names for 2 columns"):
        bootstrap.ratio_of(np.zeros((30, 2)), np.zeros((30, 2)), RESAMPLING)
    with pytest.raises(DataError, match="give a weight for each sum"):
        bootstrap.ratio_of(np.zeros((30, 2)), np.ones(30), RESAMPLING)


def test_no_days_have_no_ratio():
    (ratio,) = bootstrap.ratio_of(np.zeros(0), np.zeros(0), RESAMPLING)
    assert ratio.undecidable == "no day is known"


def test_few_known_days_have_no_interval():
    weights = np.zeros(200)
    weights[::11] = 3.0
    (ratio,) = bootstrap.ratio_of(weights, weights, RESAMPLING)
    assert (ratio.value, ratio.decided) == (1.0, True)
    assert ratio.method == "no interval: 19 days are less than 4 mean blocks"
