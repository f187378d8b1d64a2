"""Members are weighed by weights that sum to one, given or learnt."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.errors import ConfigError
from mia_ml.models import combine
from mia_ml.models.combine import Combination

SHARES = st.lists(st.floats(0.01, 1.0), min_size=1, max_size=4)


def world(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two members are right about what they see of the truth, the third guesses."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    seen = np.column_stack([truth + rng.normal(size=n), truth + rng.normal(size=n), rng.normal(size=n)]) / 2
    return (rng.random(n) < 1 / (1 + np.exp(-truth))).astype(np.int8), 1 / (1 + np.exp(-seen)), np.ones(n)


@given(SHARES)
def test_shares_of_a_whole_are_taken_and_the_average_stays_between_the_members(shares: list[float]) -> None:
    combination = Combination("average", tuple(share / sum(shares) for share in shares))
    p = np.random.default_rng(0).random((50, len(shares)))
    mixed = combine.apply(combination, p)
    assert (mixed >= p.min(axis=1) - 1e-9).all()
    assert (mixed <= p.max(axis=1) + 1e-9).all()


@given(SHARES, st.floats(1e-6, 2.0))
def test_weights_that_miss_one_are_refused_with_their_sum(shares: list[float], excess: float) -> None:
    weights = tuple(share / sum(shares) * (1 + excess) for share in shares)
    with pytest.raises(ConfigError, match="make them sum to 1"):
        Combination("average", weights)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("average", (0.5, 0.3, 0.3)), r"sum to 1.1: make them sum to 1 \(divided by their sum they are 0.454545"),
        (("average", (0.0, 0.0)), "sum to 0"),
        (("average", (1.5, -0.5)), "none below 0"),
        (("average", ()), "give each member a finite one"),
        (("average", (float("nan"), 1.0)), "give each member a finite one"),
        (("average", (1.0,), 0.5), "no intercept"),
        (("stacked", (1.0, float("inf"))), "give each member a finite one"),
        (("median", (1.0,)), "it must be average or stacked"),
    ],
)
def test_impossible_weights_are_refused(arguments: tuple, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Combination(*arguments)


def test_the_average_is_added_from_the_left() -> None:
    p = np.random.default_rng(0).random((200, 3))
    by_hand = [(0.5 * a + 0.3 * b) + 0.2 * c for a, b, c in p.tolist()]
    assert combine.apply(Combination("average", (0.5, 0.3, 0.2)), p).tolist() == by_hand


def test_one_stacked_member_of_weight_one_is_itself_and_certainty_is_held_at_the_edge() -> None:
    p = np.array([[0.0], [1e-9], [0.25], [0.5], [1.0]])
    stacked = combine.apply(Combination("stacked", (1.0,)), p)
    assert stacked == pytest.approx([1e-6, 1e-6, 0.25, 0.5, 1 - 1e-6], rel=1e-9)


def test_tuned_weights_drop_the_member_that_guesses() -> None:
    y, p, weights = world()
    assert combine.tuned(y, p, weights).weights[2] <= 0.05


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_tuned_weights_lie_beside_the_lowest_loss_of_the_simplex(seed: int) -> None:
    y, p, weights = world(120, seed)
    weights = np.random.default_rng(seed).uniform(0.1, 1.0, y.size)
    found = combine.log_loss(y, combine.apply(combine.tuned(y, p, weights), p), weights)
    for share in np.random.default_rng(seed).dirichlet(np.ones(3), 100):
        assert found <= combine.log_loss(y, p @ share, weights) + 2e-3


def test_equal_members_are_decided_by_their_order() -> None:
    for seed in range(10):
        y, p, weights = world(200, seed)
        assert combine.tuned(y, p[:, [0, 0, 0]], weights).weights == (1.0, 0.0, 0.0)
    assert combine.tuned(y, p[:, :1], weights).weights == (1.0,)


def test_stacking_beats_the_average_of_unequal_members_and_repeats_itself() -> None:
    y, p, weights = world()
    later, q, _ = world(seed=1)
    stacked = combine.stacked(y, p, weights)
    average = Combination("average", (0.5, 0.3, 0.2))
    assert combine.log_loss(later, combine.apply(stacked, q), weights) < combine.log_loss(
        later, combine.apply(average, q), weights
    )
    assert abs(stacked.weights[2]) < 0.1
    assert combine.stacked(y, p, weights) == stacked
