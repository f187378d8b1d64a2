import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.core.moments import DAY
from mia_ml.labels.uniqueness import average_uniqueness
from mia_ml.labels.weights import Weighting, sample_weights

OVERLAPPING = np.array([0, 2, 10]), np.array([4, 6, 12]), np.array([1.0, -1.5, 0.5])
"""Uniqueness 3/4, 3/4, 1."""


def weights(**chosen):
    return sample_weights(Weighting(**chosen), *OVERLAPPING).tolist()


def test_uniqueness_alone_is_the_default():
    assert weights() == pytest.approx([0.9, 0.9, 1.2])  # over their mean 2.5 / 3
    assert weights(uniqueness=False) == [1.0, 1.0, 1.0]


def test_returns_are_attributed_by_uniqueness():
    """0.75, 1.125, 0.5 over their mean 2.375 / 3."""
    assert weights(returns=True) == pytest.approx(np.array([0.75, 1.125, 0.5]) * 3 / 2.375)
    assert weights(returns=True, uniqueness=False) == pytest.approx([1.0, 1.5, 0.5])


def test_linear_decay_counts_information():
    """x = 0.3, 0.6, 1 of the information; down to 0.5: 0.65, 0.8, 1. Down to -0.4: 0 below 0.4."""
    plain = np.array([0.65, 0.8, 1.0])
    assert weights(uniqueness=False, recency="linear", oldest=0.5) == pytest.approx(plain / plain.mean())
    cut = np.array([0.0, 1 - 0.4 / 0.6, 1.0])
    assert weights(uniqueness=False, recency="linear", oldest=-0.4) == pytest.approx(cut / cut.mean())
    assert weights(recency="linear", oldest=1.0) == weights()


def test_exponential_decay_halves_in_its_half_life():
    t0 = np.array([0, 90, 180]) * DAY
    plain = np.array([0.25, 0.5, 1.0])
    found = sample_weights(Weighting(recency="exponential", half_life_days=90), t0, t0 + 5, np.ones(3))
    assert found.tolist() == pytest.approx((plain / plain.mean()).tolist())


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["none", "linear", "exponential"]),
    st.sampled_from([-0.9, 0.0, 0.5, 1.0]),
)
def test_weights_are_not_negative_have_mean_one_and_follow_their_events(seed, uniqueness, returns, recency, oldest):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    t0 = rng.integers(0, 300, n) * DAY
    t1 = t0 + rng.integers(0, 40 * DAY, n)
    net_r = rng.normal(size=n)
    chosen = Weighting(uniqueness, returns, recency, oldest, 30.0)
    found = sample_weights(chosen, t0, t1, net_r)
    assert (found >= 0).all()
    assert found.mean() == pytest.approx(1.0)
    order = rng.permutation(n)
    np.testing.assert_allclose(sample_weights(chosen, t0[order], t1[order], net_r[order]), found[order], rtol=1e-9)


def test_one_crossing_at_five_levels_weighs_as_one():
    t0, t1 = np.array([0, 100, 100, 100, 100, 100]), np.array([50, 150, 150, 150, 150, 150])
    found = sample_weights(Weighting(), t0, t1, np.ones(6))
    assert found[1:].sum() == pytest.approx(found[0])
    assert average_uniqueness(t0, t1).tolist() == pytest.approx([1.0] + [0.2] * 5)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"recency": "quadratic"}, "weights.recency = 'quadratic': choose none"),
        ({"oldest": -1.0}, "weights.oldest = -1.0 must be above -1"),
        ({"oldest": float("nan")}, "weights.oldest = nan"),
        ({"half_life_days": 0.0}, "weights.half_life_days = 0.0 must"),
        ({"half_life_days": float("inf")}, "weights.half_life_days = inf must"),
    ],
)
def test_impossible_settings(chosen, message):
    with pytest.raises(ConfigError, match=message):
        Weighting(**chosen)


def test_events_that_cannot_be_weighed():
    none = np.zeros(0, np.int64)
    with pytest.raises(DataError, match="no events"):
        sample_weights(Weighting(), none, none, np.zeros(0))
    with pytest.raises(DataError, match="3 lives and 2 outcomes"):
        sample_weights(Weighting(), OVERLAPPING[0], OVERLAPPING[1], np.ones(2))
    with pytest.raises(DataError, match=r"their mean is 0.0: every outcome is 0"):
        sample_weights(Weighting(returns=True), OVERLAPPING[0], OVERLAPPING[1], np.zeros(3))
    with pytest.raises(DataError, match="their mean is nan"):
        sample_weights(Weighting(returns=True), OVERLAPPING[0], OVERLAPPING[1], np.array([1.0, np.nan, 1.0]))
