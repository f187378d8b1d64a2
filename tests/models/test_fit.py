"""A member is fitted by its library, to equal bits from equal input."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.models import fit
from mia_ml.models.fitted import Fitted

INPUTS = ("trend", "flow", "absent", "steady", "side")
SMALL = (fit.Forest(trees=20), fit.Boosted(trees=20), fit.Logistic())


def events(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Won when the trend says so, mostly; flow is noise, often missing."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5))
    X[rng.random(n) < 0.3, 1] = np.nan
    X[:, 2], X[:, 3] = np.nan, 2.5
    y = (X[:, 0] + 0.7 * rng.normal(size=n) > 0).astype(np.int8)
    return X, y, rng.uniform(0.2, 1.0, n)


def learnt(member: Fitted) -> bytes:
    if member.kind == "forest":
        return b"".join(
            tree.tree_.__getstate__()["nodes"].tobytes() + tree.tree_.value.tobytes()
            for tree in member.estimator.estimators_
        )
    if member.kind == "boosted":
        return bytes(member.estimator.get_booster().save_raw("ubj"))
    impute, scale, classify = (step for _, step in member.estimator.steps)
    return b"".join(
        a.tobytes() for a in (impute.statistics_, scale.mean_, scale.scale_, classify.coef_, classify.intercept_)
    )


@pytest.mark.parametrize("params", SMALL, ids=fit.kind_of)
def test_finds_what_is_there_with_missing_and_constant_columns(params: fit.Params) -> None:
    X, y, weights = events()
    member = fit.fit(params, INPUTS, X, y, weights, seed=3)
    later, won, _ = events(seed=1)
    p = fit.probability(member, later)
    assert member.kind == fit.kind_of(params)
    assert member.inputs == INPUTS
    assert member.calibrator is None
    assert p.dtype == np.float64
    assert ((p > 0.5) == won).mean() > 0.7
    assert fit.probability(member, later[:0]).shape == (0,)


@pytest.mark.parametrize("params", SMALL, ids=fit.kind_of)
def test_equal_bits_on_any_number_of_threads(params: fit.Params) -> None:
    X, y, weights = events()
    first = learnt(fit.fit(params, INPUTS, X, y, weights, seed=3))
    with threadpool_limits(2), ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(fit.fit, params, INPUTS, X, y, weights, 3) for _ in range(3)]
    assert {learnt(run.result()) for run in runs} == {first}


@pytest.mark.parametrize("params", SMALL[:2], ids=fit.kind_of)
def test_the_seed_counts_and_zero_is_one(params: fit.Params) -> None:
    X, y, weights = events()
    assert len({learnt(fit.fit(params, INPUTS, X, y, weights, seed)) for seed in (0, 1, 2)}) == 3


@pytest.mark.parametrize("params", SMALL, ids=fit.kind_of)
def test_weights_and_balance_reach_the_library(params: fit.Params) -> None:
    X, y, weights = events()
    plain = fit.probability(fit.fit(params, INPUTS, X, y, np.ones(len(y)), 3), X)
    favoured = fit.probability(fit.fit(params, INPUTS, X, y, np.where(y == 1, 5.0, 1.0), 3), X)
    assert favoured.mean() > plain.mean() + 0.05
    level = fit.probability(fit.fit(params, INPUTS, X, y, np.where(y == 1, 5.0, 1.0), 3, "balanced"), X)
    assert abs(level.mean() - plain.mean()) < abs(favoured.mean() - plain.mean()) / 2
    even = fit.balanced(y, weights)
    assert even[y == 1].sum() == pytest.approx(even[y == 0].sum())
    assert even.sum() == pytest.approx(weights.sum())


def test_the_linear_member_learns_its_medians_and_scales_from_its_own_rows() -> None:
    X, y, weights = events()
    pipeline = fit.fit(fit.Logistic(), INPUTS, X, y, weights, 0).estimator
    assert pipeline["impute"].statistics_[1] == np.nanmedian(X[:, 1])
    assert pipeline["impute"].statistics_[2] == 0.0
    assert pipeline["classify"].coef_[0, 2:4].tolist() == [0.0, 0.0]


def test_blas_has_its_threads_back_after_the_last_one_is_out() -> None:
    def blas() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    with threadpool_limits(2, user_api="blas"):
        with fit.one_thread():
            with fit.one_thread():
                assert set(blas()) == {1}
            assert set(blas()) == {1}
        assert set(blas()) == {2}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: fit.Forest(depth=17), "forest.depth is 17: it must be 1 to 16"),
        (lambda: fit.Forest(trees=0), "forest.trees is 0"),
        (lambda: fit.Forest(min_leaf=0), "forest.min_leaf is 0"),
        (lambda: fit.Forest(features="some"), "forest.features is some"),  # type: ignore[arg-type]
        (lambda: fit.Boosted(depth=0), "boosted.depth is 0"),
        (lambda: fit.Boosted(learning_rate=float("nan")), "boosted.learning_rate is nan"),
        (lambda: fit.Boosted(subsample=1.5), "boosted.subsample is 1.5"),
        (lambda: fit.Boosted(l2=float("inf")), "boosted.l2 is inf"),
        (lambda: fit.Logistic(c=0.0), "logistic.c is 0.0: it must be finite, above 0"),
    ],
)
def test_impossible_parameters_are_refused(make: object, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make()  # type: ignore[operator]


def test_impossible_data_is_refused() -> None:
    X, y, weights = events(60)

    def refused(says: str, X: np.ndarray = X, y: np.ndarray = y, weights: np.ndarray = weights) -> None:
        with pytest.raises(DataError, match=says):
            fit.fit(fit.Logistic(), INPUTS, X, y, weights, 0)

    beyond = X.copy()
    beyond[7, 1] = 1e39
    negative = weights.copy()
    negative[4] = -1.0
    refused(r"column 'flow' is 1e\+39 at event 7", X=beyond)
    refused("the weight of event 4 is -1.0", weights=negative)
    refused("0 winning and 60 losing events", y=np.zeros_like(y))
    refused("labels include 2", y=np.where(np.arange(60) == 5, 2, y))
    refused("give a row, a label and a weight", weights=weights[1:])
    refused(r"X is \(60, 4\)", X=X[:, :4])
    with pytest.raises(DataError, match="'trend' is named twice"):
        fit.fit(fit.Logistic(), ("trend", "trend", "a", "b", "c"), X, y, weights, 0)
