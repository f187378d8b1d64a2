"""One row, a batch, calibration and combination: the same bytes, whatever the road."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from mia_ml.core.errors import DataError
from mia_ml.models import calibrate, combine
from mia_ml.models.agreement import hard_rows
from mia_ml.models.combine import Combination
from mia_ml.models.ensemble import LARGEST
from mia_ml.models.export import export
from mia_ml.models.fitted import Fitted, Isotonic, Sigmoid
from mia_ml.models.kernel import LANES, Probabilities
from tests.models import ensembles

K = len(ensembles.NAMES)


@pytest.fixture(scope="module", params=[ensembles.AVERAGE, ensembles.STACKED], ids=["average", "stacked"])
def exported(request):
    return export(ensembles.members(), request.param)


@pytest.fixture(scope="module")
def rows(exported):
    X, _ = ensembles.world(9, n=50, k=K)
    return np.concatenate([X, hard_rows(exported, X)])


def test_a_row_alone_is_its_row_of_the_batch(exported, rows):
    ours = Probabilities(exported)
    batch = ours.batch(rows)
    assert np.array([ours.row(x) for x in rows]).tobytes() == batch[:, -1].tobytes()


@given(cuts=st.lists(st.integers(0, 50), max_size=4))
@settings(max_examples=20, deadline=None)
def test_a_batch_may_be_cut_anywhere(exported, rows, cuts):
    ours = Probabilities(exported)
    parts = [ours.batch(part) for part in np.split(rows[:50], sorted(cuts))]
    assert np.concatenate(parts).tobytes() == ours.batch(rows[:50]).tobytes()


def test_members_are_calibrated_and_combined(exported, rows):
    found = Probabilities(exported).batch(rows)
    raw, calibrated, combined = found[:, :3], found[:, 3:6], found[:, 6]
    for k, member in enumerate(ensembles.members()):
        np.testing.assert_allclose(calibrated[:, k], calibrate.apply(member.calibrator, raw[:, k]), rtol=0, atol=1e-14)
    weighing = ensembles.AVERAGE if exported.combination == "average" else ensembles.STACKED
    np.testing.assert_allclose(combined, combine.apply(weighing, calibrated), rtol=0, atol=1e-14)


def stump(calibrator):
    """A member whose own probability is input 0's logistic, with this calibrator."""
    X = np.linspace(-4, 4, 200)[:, None]
    estimator = ensembles.logistic(X, (X[:, 0] > 0.1).astype(np.int64))
    return Probabilities(export([Fitted("logistic", ("a",), estimator, calibrator)], Combination("average", (1.0,))))


@given(st.integers(0, 1000), st.integers(2, 60), st.booleans())
@settings(max_examples=40, deadline=None)
def test_isotonic_is_scikit_learns_bit_for_bit(seed, n, ties):
    rng = np.random.default_rng(seed)
    p = rng.random(n)
    p = np.rint(p * 16) / 16 if ties else p
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(p, rng.integers(0, 2, n), rng.random(n) + 0.1)
    ours = stump(Isotonic(isotonic.X_thresholds_, isotonic.y_thresholds_))
    found = ours.batch(np.concatenate([rng.normal(size=100) * 3, [-50.0, 0.0, 50.0]])[:, None])
    assert found[:, 1].tobytes() == isotonic.predict(found[:, 0]).tobytes()


def test_a_knot_is_met_exactly_and_beyond_the_knots_it_is_constant():
    ours = stump(None)
    X = np.array([[-3.0], [-0.5], [0.3], [2.0]])
    at = ours.batch(X)[:, 0]
    knots = Isotonic(at[1:3], np.array([0.25, 0.75]))
    assert stump(knots).batch(X)[:, 1].tolist() == [0.25, 0.25, 0.75, 0.75]
    assert stump(Isotonic(at[1:2], np.array([0.4]))).batch(X)[:, 1].tolist() == [0.4] * 4


@given(st.floats(-100, 100), st.floats(-100, 100))
@settings(max_examples=50, deadline=None)
def test_sigmoid_is_platts(slope, intercept):
    calibrator = Sigmoid(slope, intercept)
    found = stump(calibrator).batch(np.linspace(-9, 9, 40)[:, None])
    np.testing.assert_allclose(found[:, 1], calibrate.apply(calibrator, found[:, 0]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("trees", [1, LANES - 1, LANES, LANES + 1, 3 * LANES])
def test_any_number_of_trees_walks_in_lockstep(trees):
    X, y = ensembles.world()
    forest = ensembles.forest(X, y, n_estimators=trees)
    found = Probabilities(ensembles.alone("forest", forest)).batch(X)
    assert found[:, 0].tobytes() == forest.predict_proba(X)[:, 1].tobytes()


def test_rows_of_another_layout_score_alike(exported, rows):
    ours = Probabilities(exported)
    expected = ours.batch(rows)
    read_only = rows.copy()
    read_only.flags.writeable = False
    for other in (np.asfortranarray(rows), rows[::1], np.repeat(rows, 2, axis=1)[:, ::2], read_only):
        assert ours.batch(other).tobytes() == expected.tobytes()
        assert ours.row(other[7]) == expected[7, -1]


@pytest.mark.parametrize("value", [np.inf, -np.inf, 2 * LARGEST, -2 * LARGEST])
def test_a_value_beyond_float32_is_refused_by_name(exported, rows, value):
    ours = Probabilities(exported)
    X = rows[:5].copy()
    X[3, 4] = value
    with pytest.raises(DataError, match=r"input 'side' is .*: values are finite in float32"):
        ours.batch(X)
    with pytest.raises(DataError, match="input 'side' is"):
        ours.row(X[3])
    assert ours.row(X[2]) == ours.batch(X[:3])[2, -1]


def test_another_shape_or_dtype_is_refused(exported, rows):
    ours = Probabilities(exported)
    for x in (rows[0, :-1], rows[0].astype(np.float32), rows[:1], np.zeros(1)):
        with pytest.raises(DataError, match="a row is"):
            ours.row(x)
    for X in (rows[0], rows[:, :-1], rows.astype(np.float32)):
        with pytest.raises(DataError, match="X is"):
            ours.batch(X)
    assert ours.batch(rows[:0]).shape == (0, 7)
