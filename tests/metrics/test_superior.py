"""SPA and StepM against arch itself where it is right, and on worlds of known truth where it is not."""

import math

import numpy as np
import pytest
from arch.bootstrap import SPA, StepM

from mia_ml.core.errors import DataError
from mia_ml.metrics import superior
from mia_ml.metrics.bootstrap import Resampling

RESAMPLING = Resampling(resamples=400, block_days=5, level=0.95, seed=7)


def noise(seed, days=250, configurations=6):
    return np.random.default_rng(seed).standard_normal((days, configurations))


def test_arch_agrees_on_configurations_of_one_deviation():
    """Of mean 0.1 and deviation 1 each, so that neither the units nor the 0 of doing nothing matter."""
    pnl = noise(1)
    pnl = (pnl - pnl.mean(axis=0)) / pnl.std(axis=0) + np.linspace(0.01, 0.1, 6)
    spa = SPA(np.zeros(250), -pnl, block_size=5, reps=400, seed=7)
    spa.compute()
    found = superior.compare(pnl, RESAMPLING)
    assert found.p.value == pytest.approx((1 + 400 * spa.pvalues["consistent"]) / 401)
    assert 0.01 < found.p.value < 0.99
    assert "400 stationary bootstraps, mean block 5 days" in found.p.method


def test_the_unit_of_a_configuration_does_not_matter():
    """Ten thousand contracts of noise must not drown one contract of edge, as they do in arch 8."""
    pnl = noise(2)
    pnl[:, 1] -= pnl[:, 1].mean()
    pnl[:, 3] += 0.35
    many = pnl * np.array([1, 10_000, 1, 1, 0.01, 1])
    drowned = SPA(np.zeros(250), -many, block_size=5, reps=400, seed=7)
    drowned.compute()
    assert drowned.pvalues["consistent"] > 0.05
    assert superior.compare(many, RESAMPLING) == superior.compare(pnl, RESAMPLING)
    assert superior.compare(many, RESAMPLING).better == (3,)


def test_two_planted_among_noise_are_found():
    pnl = noise(3, days=500, configurations=20)
    pnl[:, [4, 11]] += 0.3
    found = superior.compare(pnl, RESAMPLING)
    assert found.p.value == pytest.approx(1 / 401)
    assert found.better == (4, 11)


def test_all_of_them_may_be_better_one_after_the_other():
    """500 days of deviation 1: of two the best must exceed 1.96 / sqrt(500) = 0.087, of one 1.64 / sqrt(500) = 0.074.

    So a mean of 0.08 is found once the other is out of the way, when arch alone runs out of configurations.
    """
    pnl = noise(4, days=500, configurations=2)
    pnl = (pnl - pnl.mean(axis=0)) / pnl.std(axis=0) + np.array([0.6, 0.08])
    with pytest.raises(ValueError, match="zero-size"):
        StepM(np.zeros(500), -pnl, block_size=1, reps=2000, seed=7).compute()
    assert superior.compare(pnl, Resampling(2000, 1, 0.95, seed=7)).better == (0, 1)


@pytest.mark.parametrize("loss", [0.05, 0.2, 5.0])
def test_where_all_lose_nothing_is_better_for_sure(loss):
    pnl = noise(5)
    pnl = pnl - pnl.mean(axis=0) - loss
    assert superior.compare(pnl, RESAMPLING).p.value == 1
    assert superior.compare(pnl, RESAMPLING).better == ()


def test_noise_is_found_better_as_rarely_as_promised():
    """100 worlds of 10 configurations at size 0.1: 20 or more would come once in 500."""
    worlds = [
        superior.compare(noise(100 + seed, 120, 10), Resampling(200, 3, 0.95, seed), size=0.1) for seed in range(100)
    ]
    assert sum(world.p.value < 0.1 for world in worlds) < 20
    assert sum(bool(world.better) for world in worlds) < 20
    assert sum(world.p.value < 0.5 for world in worlds) > 20


def test_against_a_benchmark_it_is_the_difference_that_counts():
    pnl, benchmark = noise(6) + 0.1, noise(7)[:, 0] + 0.4
    assert superior.compare(pnl, RESAMPLING, benchmark) == superior.compare(pnl - benchmark[:, None], RESAMPLING)
    assert superior.compare(benchmark[:, None], RESAMPLING, benchmark).p.undecidable


def test_configurations_that_never_trade_take_no_part():
    pnl = noise(8)
    pnl[:, 5] += 0.4
    silent = np.insert(pnl, [0, 3], 0.0, axis=1)
    found, without = superior.compare(silent, RESAMPLING), superior.compare(pnl, RESAMPLING)
    assert found.p == without.p
    assert found.better == (7,)
    assert without.better == (5,)


def test_the_seed_decides():
    pnl = noise(9) + 0.05
    assert superior.compare(pnl, RESAMPLING) == superior.compare(pnl, RESAMPLING)
    other = Resampling(400, 5, 0.95, seed=8)
    assert superior.compare(pnl, RESAMPLING).p.value != superior.compare(pnl, other).p.value


@pytest.mark.parametrize(
    ("pnl", "why"),
    [
        (noise(1, days=19), "fewer than 20 days"),
        (np.zeros((0, 3)), "fewer than 20 days"),
        (np.zeros((50, 3)), "varies about the benchmark"),
        (np.zeros((50, 0)), "varies about the benchmark"),
    ],
)
def test_what_cannot_be_decided(pnl, why):
    found = superior.compare(pnl, RESAMPLING)
    assert why in found.p.undecidable
    assert found.better == ()


def test_unknown_days_are_refused():
    pnl = noise(1)
    pnl[3, 2] = math.nan
    with pytest.raises(DataError, match="configuration 2, day 3 is nan"):
        superior.compare(pnl, RESAMPLING)
