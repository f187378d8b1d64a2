"""Columns are selected by what the fitting events say, and counted."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.models import selection
from mia_ml.models.selection import Selection

INPUTS = ("signal", "noise", "sparse", "absent", "steady", "side")


def events(n: int = 3000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A signal that helps only the side it speaks for; one that is 0 most of the time; noise with holes."""
    rng = np.random.default_rng(seed)
    side = rng.choice([-1.0, 1.0], n)
    signal = rng.normal(size=n)
    sparse = np.where(rng.random(n) < 0.1, rng.choice([-1.0, 1.0], n), 0.0)
    noise = np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n))
    X = np.column_stack([signal, noise, sparse, np.full(n, np.nan), np.full(n, 2.0), side])
    y = (side * (signal + 3 * sparse) + rng.normal(size=n) > 0).astype(np.int8)
    return X, y, rng.uniform(0.5, 1.0, n)


def test_all_drops_what_is_constant_or_absent_and_says_so() -> None:
    found = selection.select(Selection(), INPUTS, *events(), always=("side",))
    assert found.names == ("signal", "noise", "sparse", "side")
    assert found.dropped == {"absent": "absent", "steady": "constant"}
    assert selection.select(Selection(drop_constant=False), INPUTS, *events()).names == INPUTS


def test_what_stays_always_stays_though_constant_or_unlisted() -> None:
    named = Selection("named", names=("sparse", "signal"))
    assert selection.select(named, INPUTS, *events(), always=("steady",)).names == ("signal", "sparse", "steady")


def test_mutual_information_keeps_the_columns_that_tell_about_the_label_within_a_side() -> None:
    X, y, weights = events()
    ranking = Selection("mutual_information", keep=2)
    found = selection.select(ranking, INPUTS, X, y, weights, always=("side",), side=X[:, 5])
    assert found.names == ("signal", "sparse", "side")
    assert found.dropped["noise"] == "ranked 3 of 3"
    assert found.scores["signal"] > found.scores["sparse"] > found.scores["noise"] + 0.02
    assert found.scores["noise"] < 0.003
    both_sides = selection.select(ranking, INPUTS, X, y, weights, always=("side",))
    assert both_sides.scores["signal"] < 0.003


def test_a_given_importance_ranks_and_ties_keep_the_columns_order() -> None:
    asked: list[tuple[str, ...]] = []

    def importance(names: tuple[str, ...]) -> np.ndarray:
        asked.append(names)
        return np.array([0.1, 0.5, 0.1])

    found = selection.select(Selection("permutation", keep=2), INPUTS, *events(), ("side",), None, importance)
    assert asked == [("signal", "noise", "sparse")]
    assert found.names == ("signal", "noise", "side")
    assert found.scores == {"signal": 0.1, "noise": 0.5, "sparse": 0.1}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Selection("named"), "kind named lists its columns"),
        (lambda: Selection("all", names=("a",)), "kind named lists its columns"),
        (lambda: Selection("permutations"), "did you mean 'permutation'"),  # type: ignore[arg-type]
        (lambda: Selection(keep=0), "keep is 0"),
        (
            lambda: selection.select(Selection("named", names=("signl",)), INPUTS, *events(50)),
            "unknown column 'signl': did you mean 'signal'",
        ),
        (lambda: selection.select(Selection("permutation"), INPUTS, *events(50)), "give its importance"),
    ],
)
def test_impossible_selections_are_refused(make: object, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make()  # type: ignore[operator]


def test_nothing_left_is_refused() -> None:
    X, y, weights = events(50)
    with pytest.raises(DataError, match="no column is left to train on: absent is absent; steady is constant"):
        selection.select(Selection(), ("absent", "steady"), X[:, 3:5], y, weights)


@given(st.lists(st.one_of(st.integers(-3, 3).map(float), st.floats(-1, 1), st.just(math.nan))), st.integers(2, 8))
def test_bins_hold_equal_values_together_and_missing_ones_apart(values: list[float], most: int) -> None:
    column = np.array(values, dtype=np.float64)
    bins = selection.binned(column, most)
    absent = np.isnan(column)
    assert bins.shape == column.shape
    assert np.unique(bins[~absent]).size <= most
    assert not set(bins[absent]) & set(bins[~absent])
    for value in np.unique(column[~absent]):
        assert np.unique(bins[column == value]).size == 1


def test_mutual_information_of_noise_is_near_nothing_and_of_itself_its_entropy() -> None:
    rng = np.random.default_rng(0)
    ones = np.ones(800)
    noise = [selection.mutual_information(rng.normal(size=800), rng.integers(0, 2, 800), ones) for _ in range(40)]
    assert min(noise) >= 0
    assert np.mean(noise) < 0.004
    x = rng.normal(size=800)
    assert selection.mutual_information(x, x, ones) == pytest.approx(math.log(8) - 49 / 1600, abs=1e-3)


@given(st.integers(0, 2**32 - 1))
def test_rows_of_weight_two_count_twice_and_of_weight_zero_not_at_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 2, 60).astype(float), rng.integers(0, 2, 60)
    weights = rng.integers(0, 3, 60).astype(float)
    weights[:2] = 1
    twice = np.repeat(np.arange(60), weights.astype(int))
    n = weights.sum() ** 2 / (weights**2).sum()
    cells = (np.unique(x[twice]).size - 1) * (np.unique(y[twice]).size - 1)
    by_hand = max(mutual_info_score(x[twice], y[twice]) - cells / (2 * n), 0)
    assert selection.mutual_information(x, y, weights) == pytest.approx(by_hand, abs=1e-12)


def test_shuffling_costs_what_the_model_uses_whichever_groups_are_asked_with_it() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 3))
    X[:, 1] = X[:, 0]
    y = (rng.random(2000) < 1 / (1 + np.exp(-2 * X[:, 0]))).astype(np.int8)

    def predict(X: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-(X[:, 0] + X[:, 1])))

    ones = np.ones(2000)
    costs = selection.permutation_cost(predict, X, y, ones, [(0,), (2,), (0, 1)], 3, 5)
    assert costs.shape == (3, 3)
    assert (costs[1] == 0).all()
    assert costs[2].mean() > 2 * costs[0].mean() > 0
    assert (selection.permutation_cost(predict, X, y, ones, [(0, 1)], 3, 5)[0] == costs[2]).all()
