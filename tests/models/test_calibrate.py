"""Calibration maps, and the events they may learn from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.models import calibrate
from mia_ml.models.fitted import Isotonic, Sigmoid

LIVES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 500)), min_size=2, max_size=60).filter(
    lambda lives: len({start for start, _ in lives}) > 1
)


def overconfident(n: int = 5000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Said p; true share .4 + .2 p. As p, y, weights, t0_ns."""
    rng = np.random.default_rng(seed)
    p = rng.random(n)
    return p, (rng.random(n) < 0.4 + 0.2 * p).astype(np.int8), rng.uniform(0.5, 1.0, n), np.arange(n)


@given(LIVES, st.floats(0.05, 0.95))
def test_parts_hold_every_row_once_and_no_life_reaches_over(lives: list[tuple[int, int]], share: float) -> None:
    t0 = np.array([start for start, _ in lives])
    t1 = np.array([start + length for start, length in lives])
    parts = calibrate.hold_back(t0, t1, share)
    assert sorted(np.concatenate([parts.fitting, parts.held_back, parts.purged])) == list(range(t0.size))
    assert parts.held_back.size
    assert (t0[parts.held_back] >= parts.cut_ns).all()
    assert (t0[parts.purged] < parts.cut_ns).all()
    for row in parts.fitting:
        assert not ((t0[parts.held_back] <= t1[row]) & (t1[parts.held_back] >= t0[row])).any()
    for row in parts.purged:
        assert ((t0[parts.held_back] <= t1[row]) & (t1[parts.held_back] >= t0[row])).any()
    assert (np.diff(t0[parts.fitting]) >= 0).all()


def test_one_huge_life_costs_one_row() -> None:
    t0 = np.arange(100)
    t1 = t0.copy()
    t1[3] = 10**15
    parts = calibrate.hold_back(t0, t1, 0.2)
    assert parts.purged.tolist() == [3]
    assert (parts.fitting.size, parts.held_back.size) == (79, 20)


def test_what_cannot_be_held_back_is_refused() -> None:
    with pytest.raises(DataError, match="share one decision time"):
        calibrate.hold_back(np.zeros(5, int), np.ones(5, int), 0.2)
    with pytest.raises(DataError, match="end when or after they start"):
        calibrate.hold_back(np.array([1, 2]), np.array([1, 1]), 0.2)
    with pytest.raises(ConfigError, match="above 0 and below 1"):
        calibrate.hold_back(np.array([1, 2]), np.array([1, 2]), 1.0)


@pytest.mark.parametrize("kind", ["isotonic", "sigmoid"])
def test_calibrated_probabilities_are_the_share_won(kind: calibrate.Kind) -> None:
    fitted = calibrate.fit(kind, *overconfident(), 10)
    p = np.linspace(0.05, 0.95, 10)
    assert calibrate.apply(fitted, p) == pytest.approx(0.4 + 0.2 * p, abs=0.08)
    assert (np.diff(calibrate.apply(fitted, np.linspace(-1, 2, 300))) >= 0).all()


@given(st.integers(0, 2**32 - 1), st.integers(3, 200))
@settings(max_examples=25)
def test_isotonic_is_scikit_learns_to_the_bit_on_its_grid(seed: int, n: int) -> None:
    p, y, weights, t0 = overconfident(n, seed)
    y[:2] = (0, 1)
    fitted = calibrate.fit("isotonic", p, y, weights, t0, 2)
    assert isinstance(fitted, Isotonic)
    least = 1 / (weights.sum() + 2)
    oracle = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip")
    oracle.fit(np.rint(p * 1024) / 1024, y, sample_weight=weights)
    asked = np.concatenate([np.linspace(-0.5, 1.5, 501), p])
    assert calibrate.apply(fitted, asked).tolist() == oracle.predict(asked).tolist()
    assert (np.diff(fitted.x) > 0).all()
    assert (np.diff(fitted.y) >= 0).all()
    assert fitted.y.min() >= least
    assert fitted.y.max() <= 1 - least
    assert (np.diff(fitted.y) <= 1024 * np.diff(fitted.x)).all()


def test_sigmoid_has_the_lowest_loss_towards_platts_targets() -> None:
    p, y, weights, t0 = overconfident(400)
    won, lost = weights[y == 1].sum(), weights[y == 0].sum()
    target = np.where(y == 1, (won + 1) / (won + 2), 1 / (lost + 2))

    def loss(line: np.ndarray) -> float:
        z = line[0] * p + line[1]
        return float((weights * (target * np.logaddexp(0, z) + (1 - target) * np.logaddexp(0, -z))).sum())

    fitted = calibrate.fit("sigmoid", p, y, weights, t0, 10)
    assert isinstance(fitted, Sigmoid)
    lowest = minimize(loss, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    assert [fitted.slope, fitted.intercept] == pytest.approx(lowest.x, abs=1e-4)
    assert fitted.slope < 0


def test_sigmoid_of_probabilities_that_differ_by_hundredths_or_not_at_all() -> None:
    p, y, weights, t0 = overconfident(2000)
    narrow = calibrate.fit("sigmoid", 0.41 + 1e-3 * p, y, weights, t0, 10)
    assert calibrate.apply(narrow, 0.41 + 1e-3 * p) == pytest.approx(
        calibrate.apply(calibrate.fit("sigmoid", p, y, weights, t0, 10), p), abs=1e-6
    )
    flat = calibrate.fit("sigmoid", np.full(p.size, 0.3), y, weights, t0, 10)
    assert isinstance(flat, Sigmoid)
    assert flat.slope == 0
    assert calibrate.apply(flat, p[:1])[0] == pytest.approx(np.average(y, weights=weights), abs=1e-3)
    one_knot = calibrate.fit("isotonic", np.full(p.size, 0.3), y, weights, t0, 10)
    assert calibrate.apply(one_knot, p[:1])[0] == pytest.approx(np.average(y, weights=weights))


def test_events_told_apart_perfectly_are_still_not_certain() -> None:
    y = np.repeat([0, 1], 20)
    for kind in ("isotonic", "sigmoid"):
        p = calibrate.apply(calibrate.fit(kind, y.astype(float), y, np.ones(40), np.arange(40), 10), np.array([0.0, 1]))
        assert 0.01 < p[0] < 0.1
        assert 0.9 < p[1] < 0.99
        assert np.isfinite(calibrate.apply(Sigmoid(-1e6, 0.0), np.array([0.0, 1.0]))).all()


def test_none_is_p_itself() -> None:
    p, y, weights, t0 = overconfident(20)
    assert calibrate.fit("none", p, y, weights, t0, 1000) is None
    assert calibrate.apply(None, p) is p


def test_too_few_events_or_one_class_are_refused_with_their_counts() -> None:
    p, y, weights, t0 = overconfident(12)
    y[:] = [0, 1] * 6
    with pytest.raises(
        DataError, match=r"sigmoid calibration has 12 events held back \(6 rows won, 6 lost\).*needs 20"
    ):
        calibrate.fit("sigmoid", p, y, weights, t0, 20)
    with pytest.raises(DataError, match="has 3 events held back"):
        calibrate.fit("isotonic", p, y, weights, t0 // 4, 10)
    with pytest.raises(DataError, match=r"12 rows won, 0 lost.*set calibration to none"):
        calibrate.fit("isotonic", p, np.ones_like(y), weights, t0, 10)
    with pytest.raises(ConfigError, match="must be isotonic, sigmoid or none"):
        calibrate.fit("spline", p, y, weights, t0, 10)  # type: ignore[arg-type]
    assert isinstance(calibrate.fit("sigmoid", p, y, weights, t0, 12), Sigmoid)
