"""What the libraries have trained, the kernel scores alike; what it cannot carry is refused."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from xgboost import XGBClassifier

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.models import boosted_export, ensemble, trees
from mia_ml.models.agreement import hard_rows
from mia_ml.models.combine import Combination
from mia_ml.models.export import export
from mia_ml.models.fitted import Fitted
from mia_ml.models.kernel import Probabilities
from tests.models import ensembles

FEW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORLDS = st.builds(
    ensembles.world,
    seed=st.integers(0, 10_000),
    n=st.integers(10, 120),
    k=st.integers(1, 5),
    missing=st.sampled_from([0.0, 0.1, 0.6]),
    whole=st.booleans(),
    integers=st.booleans(),
)


def scored(kind, estimator, X):
    """The kernel's probabilities and the library's, on the rows and on hard ones made from them."""
    exported = ensembles.alone(kind, estimator)
    rows = np.concatenate([X, hard_rows(exported, X)])
    with np.errstate(invalid="ignore"):  # scikit-learn adds all values up to see whether one is infinite
        return Probabilities(exported).batch(rows)[:, 0], estimator.predict_proba(rows)[:, 1]


@FEW
@given(WORLDS, st.integers(1, 20), st.integers(1, 8), st.integers(1, 5))
def test_a_forest_is_scikit_learns_bit_for_bit(world, trees, depth, leaf):
    X, y = world
    fitted = ensembles.forest(X, y, n_estimators=trees, max_depth=depth, min_samples_leaf=leaf)
    ours, theirs = scored("forest", fitted, X)
    assert ours.tobytes() == theirs.tobytes()


@FEW
@given(
    WORLDS, st.integers(1, 20), st.integers(1, 6), st.floats(0.05, 0.95), st.sampled_from(["depthwise", "lossguide"])
)
def test_a_booster_is_xgboosts_within_a_millionth(world, trees, depth, base, grow):
    X, y = world
    params = {"n_estimators": trees, "max_depth": depth, "base_score": base, "grow_policy": grow}
    ours, theirs = scored("boosted", ensembles.boosted(X, y, min_child_weight=0.1, **params), X)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


@FEW
@given(WORLDS, st.sampled_from(["median", "mean", "most_frequent"]), st.booleans(), st.booleans())
@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
def test_a_logistic_pipeline_is_scikit_learns(world, strategy, keep, indicators):
    X, y = world
    if np.isnan(X).all() and not keep:
        keep = True
    fitted = ensembles.logistic(X, y, strategy=strategy, keep_empty_features=keep, add_indicator=indicators)
    ours, theirs = scored("logistic", fitted, X)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "steps",
    [
        (LogisticRegression(),),
        (StandardScaler(with_mean=False), LogisticRegression()),
        (SimpleImputer(), StandardScaler(with_std=False), LogisticRegression()),
        (SimpleImputer(strategy="constant", fill_value=-1.0), LogisticRegression()),
    ],
)
def test_steps_of_a_pipeline_may_be_left_out(steps):
    X, y = ensembles.world(missing=0)
    pipeline = make_pipeline(*steps).fit(X, y)
    ours = Probabilities(ensembles.alone("logistic", pipeline)).batch(X)[:, 0]
    np.testing.assert_allclose(ours, pipeline.predict_proba(X)[:, 1], rtol=0, atol=1e-12)


def test_a_split_of_missing_against_all_others():
    X, y = ensembles.world(missing=0.4)
    y = np.isnan(X[:, 0]).astype(np.int64)
    fitted = ensembles.forest(X, y, max_features=None)
    assert any(np.isposinf(tree.tree_.threshold).any() for tree in fitted.estimators_)
    ours, theirs = scored("forest", fitted, X)
    assert ours.tobytes() == theirs.tobytes()


def test_a_forest_trained_without_missing_values_scores_them():
    X, y = ensembles.world(missing=0)
    ours, theirs = scored("forest", ensembles.forest(X, y), X)
    assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("kind", ["forest", "boosted"])
def test_trees_without_a_split(kind):
    X, y = ensembles.world()
    fitted = getattr(ensembles, kind)(np.zeros_like(X), y)
    ours, theirs = scored(kind, fitted, X)
    assert np.unique(ours).size == 1
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=0 if kind == "forest" else 1e-6)


def test_thresholds_are_the_largest_float32_at_or_below():
    fitted = ensembles.forest(*ensembles.world())
    exported = ensembles.alone("forest", fitted).arrays
    ours = exported["node_threshold"][exported["node_step"] > 0].astype(np.float64)
    theirs = np.concatenate([tree.tree_.threshold[tree.tree_.feature >= 0] for tree in fitted.estimators_])
    assert (ours.astype(np.float32).astype(np.float64) == ours).all()
    gaps = np.sort(theirs) - np.sort(ours)
    assert (gaps >= 0).all()
    assert (gaps <= np.abs(np.sort(theirs)) * 2.0**-23).all()


def test_a_full_tree_of_the_greatest_depth():
    rng = np.random.default_rng(0)
    X = rng.random((20_000, 1))
    fitted = ensembles.forest(X, rng.integers(0, 2, 20_000), n_estimators=1, max_depth=ensemble.DEEPEST)
    assert fitted.estimators_[0].tree_.max_depth == ensemble.DEEPEST
    assert Probabilities(ensembles.alone("forest", fitted)).batch(X)[:, 0].tobytes() == (
        fitted.predict_proba(X)[:, 1].tobytes()
    )


def test_a_booster_stopped_early_predicts_with_its_best_trees():
    X, y = ensembles.world(n=400)
    fitted = XGBClassifier(n_estimators=200, max_depth=5, n_jobs=1, early_stopping_rounds=3)
    fitted.fit(X[:200], y[:200], eval_set=[(X[200:], y[200:])], verbose=False)
    exported = ensembles.alone("boosted", fitted)
    assert exported.members[0].trees == fitted.best_iteration + 1 < fitted.get_booster().num_boosted_rounds()
    ours, theirs = scored("boosted", fitted, X)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


def test_inputs_are_found_by_name():
    X, y = ensembles.world(k=4)
    some = Fitted("forest", ("d", "b"), ensembles.forest(X[:, [3, 1]], y), None)
    all_ = Fitted("logistic", ("c", "a", "b", "d"), ensembles.logistic(X[:, [2, 0, 1, 3]], y), None)
    exported = export([some, all_], Combination("average", (0.4, 0.6)), ("a", "b", "c", "d"))
    found = Probabilities(exported).batch(X)
    assert found[:, 0].tobytes() == some.estimator.predict_proba(X[:, [3, 1]])[:, 1].tobytes()
    np.testing.assert_allclose(found[:, 1], all_.estimator.predict_proba(X[:, [2, 0, 1, 3]])[:, 1], atol=1e-12)
    assert export([some, all_], Combination("average", (0.4, 0.6))).inputs == ("d", "b", "c", "a")


def test_what_does_not_fit_together_is_refused():
    X, y = ensembles.world(k=2)
    member, whole = Fitted("forest", ("a", "b"), ensembles.forest(X, y), None), Combination("average", (1.0,))
    with pytest.raises(DataError, match="reads 'b', which is not among"):
        export([member], whole, ("a", "c"))
    with pytest.raises(DataError, match="fitted on 2 columns and names 3"):
        export([Fitted("forest", ("a", "b", "c"), member.estimator, None)], whole)
    with pytest.raises(DataError, match="1 weights for 2 members"):
        export([member, member], whole)


def text(y):
    return np.where(y > 0, "won", "lost")


@pytest.mark.parametrize(
    ("kind", "train", "says"),
    [
        (
            "forest",
            lambda X, y: ensembles.forest(X, y, max_depth=None),
            "max_depth is None: the kernel carries 1 to 16",
        ),
        ("forest", lambda X, y: ensembles.forest(X, y, max_depth=17), "max_depth is 17"),
        ("forest", lambda X, y: ExtraTreesClassifier(3, max_depth=3).fit(X, y), "is a ExtraTreesClassifier"),
        ("forest", lambda X, y: ensembles.forest(X, np.arange(len(y)) % 3), "knows the classes"),
        ("forest", lambda X, y: ensembles.forest(X, text(y)), "knows the classes"),
        ("boosted", lambda X, y: ensembles.boosted(X, y, max_depth=0), "max_depth is 0"),
        ("boosted", lambda X, y: ensembles.boosted(X, y, max_depth=20), "max_depth is 20"),
        ("boosted", lambda X, y: ensembles.boosted(X, y, booster="dart"), "booster is dart"),
        ("boosted", lambda X, y: XGBClassifier(booster="gblinear").fit(np.nan_to_num(X), y), "booster is gblinear"),
        ("boosted", lambda X, y: ensembles.boosted(X, y, objective="binary:hinge"), "objective is binary:hinge"),
        ("boosted", lambda X, y: ensembles.boosted(X, np.arange(len(y)) % 3, objective=None), "knows the classes"),
        ("boosted", lambda X, y: ensembles.boosted(X, y, missing=-1.0), "missing is -1.0"),
        ("boosted", ensembles.forest, "is a RandomForestClassifier"),
        (
            "boosted",
            lambda X, y: ensembles.boosted(
                np.abs(np.rint(X)), y, feature_types=["c"] * X.shape[1], enable_categorical=True, max_cat_to_onehot=1
            ),
            "splits on categories",
        ),
        (
            "logistic",
            lambda X, y: make_pipeline(SimpleImputer(), MinMaxScaler(), LogisticRegression()).fit(X, y),
            "a pipeline of SimpleImputer, MinMaxScaler, LogisticRegression",
        ),
        (
            "logistic",
            lambda X, y: make_pipeline(SimpleImputer(missing_values=-1), LogisticRegression()).fit(np.nan_to_num(X), y),
            "replaces -1",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_the_kernel_cannot_carry_is_refused(kind, train, says):
    X, y = ensembles.world(k=3)
    with pytest.raises(ConfigError, match=says) as refusal:
        ensembles.alone(kind, train(X, y))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("where", "value", "says"),
    [
        (("gradient_booster", "model", "trees", 0, "tree_param", "size_leaf_vector"), "2", "leaves are vectors"),
        (("learner_model_param", "num_class"), "3", "3 classes"),
        (("learner_model_param", "num_target"), "2", "2 targets"),
        (("learner_model_param", "base_score"), "[1E0]", "base_score is"),
        (("learner_model_param", "base_score"), "[5E-1,5E-1]", "base_score is"),
    ],
)
def test_what_a_booster_says_of_itself_is_read(where, value, says):
    model = json.loads(ensembles.boosted(*ensembles.world(k=3)).get_booster().save_raw("json"))
    at = model["learner"]
    for key in where[:-1]:
        at = at[key]
    at[where[-1]] = value
    with pytest.raises(ConfigError, match=says):
        boosted_export.model_arrays(model, np.arange(3))


def test_a_tree_deeper_than_the_kernel_walks_is_refused():
    def chain(levels):
        inner = np.arange(2 * levels + 1) % 2 == 0
        inner[-1] = False
        at = np.arange(inner.size)
        left, right = np.where(inner, at + 1, -1), np.where(inner, at + 2, -1)
        return trees.flat(left, right, np.zeros(at.size, np.float32), np.zeros(at.size, int), np.zeros(at.size))

    assert chain(ensemble.DEEPEST)["tree_nodes"] == 2 * ensemble.DEEPEST + 1
    with pytest.raises(ConfigError, match="17 levels below its root, the kernel carries at most 16"):
        chain(ensemble.DEEPEST + 1)
