"""Moves against a search by hand, rank correlations against scipy's, and worlds where the truth was planted."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mia_ml.core.errors import DataError
from mia_ml.core.moments import MINUTE
from mia_ml.metrics import information
from mia_ml.metrics.bootstrap import Resampling

RESAMPLING = Resampling(resamples=500, block_days=3, level=0.95, seed=11)
SECOND = 1_000_000_000

moments = st.lists(st.integers(0, 60), max_size=25).map(sorted)


def by_hand(ts, price_ts, price, horizon, stale):
    before = [k for k, at in enumerate(price_ts) if at < ts]
    then = [k for k, at in enumerate(price_ts) if at <= ts + horizon]
    if not before or not then or max(price_ts) < ts + horizon:
        return math.nan
    if ts - price_ts[before[-1]] > stale or ts + horizon - price_ts[then[-1]] > stale:
        return math.nan
    return price[then[-1]] - price[before[-1]]


@settings(deadline=None)
@given(moments, moments, st.lists(st.integers(0, 40), min_size=1, max_size=4), st.integers(0, 30), st.integers(0, 99))
def test_moves_by_hand(decisions, traded, horizons, stale, seed):
    price = np.random.default_rng(seed).integers(-50, 50, len(traded)) / 4
    found = information.forward_moves(
        np.array(decisions, np.int64), np.array(traded, np.int64), price, np.array(horizons, np.int64), stale
    )
    expected = [[by_hand(ts, traded, price, horizon, stale) for horizon in horizons] for ts in decisions]
    assert found.shape == (len(decisions), len(horizons))
    assert np.array_equal(found, np.reshape(expected, found.shape), equal_nan=True)


def test_a_move_starts_before_the_decision_and_ends_at_its_horizon():
    """Trades at 58, 60, 61, 65 s; decided at 60 s, when the trade of that moment is not known."""
    traded, price = np.array([58, 60, 61, 65]) * SECOND, np.array([100.0, 101.0, 103.0, 99.5])
    found = information.forward_moves(
        np.array([60]) * SECOND, traded, price, np.array([0, 1, 4, 5, 6]) * SECOND, MINUTE
    )
    assert found[0, :4].tolist() == [1.0, 3.0, 3.0, -0.5]
    assert math.isnan(found[0, 4])


def test_nothing_after_the_horizon_matters_and_nothing_but_the_last_before():
    rng = np.random.default_rng(1)
    traded = np.sort(rng.integers(0, 1000, 300))
    price, other = rng.standard_normal((2, 300))
    ts, horizons = np.array([400, 500, 600]), np.array([1, 50])
    last = np.searchsorted(traded, ts.min()) - 1
    changed = np.where((traded > ts.max() + 50) | (np.arange(300) < last), other, price)
    found = information.forward_moves(ts, traded, price, horizons, 50)
    assert not np.isnan(found).any()
    assert np.array_equal(found, information.forward_moves(ts, traded, changed, horizons, 50))


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 30))
def test_scipy_agrees(seed, least_rows):
    """Three days with ties, gaps of their own in every column, and a constant one."""
    rng = np.random.default_rng(seed)
    day = np.repeat([20240102, 20240103, 20240105], [40, 3, 25])
    components, moves = np.round(rng.standard_normal((68, 4)), 1), np.round(rng.standard_normal((68, 3)) * 4) / 4
    components[rng.random(components.shape) < 0.2] = np.nan
    moves[rng.random(moves.shape) < 0.3] = np.nan
    components[:, 3] = 0.25
    ic, n_rows = information.by_day(components, moves, day, least_rows)
    for d, one in enumerate(np.unique(day)):
        for k in range(4):
            for h in range(3):
                x, y = components[day == one, k], moves[day == one, h]
                both = ~np.isnan(x + y)
                enough = both.sum() >= least_rows and np.ptp(x[both]) > 0 and np.ptp(y[both]) > 0
                expected = stats.spearmanr(x[both], y[both])[0] if enough else math.nan
                assert ic[d, k, h] == pytest.approx(expected, nan_ok=True)
                assert n_rows[d, k, h] == (both.sum() if enough else 0)


def world(seed, strength, days=40, rows=120):
    """A component that knows the next move by `strength`, its opposite, and one that knows nothing."""
    rng = np.random.default_rng(seed)
    move = rng.standard_normal((days * rows, 1))
    knows = np.tanh(strength * move + rng.standard_normal(move.shape))
    day = np.repeat(np.arange(days), rows)
    components = np.hstack([knows, -knows, rng.standard_normal(move.shape)])
    return components, np.hstack([move, rng.standard_normal(move.shape)]), day


def test_what_was_planted_is_found_with_its_sign():
    """Pearson's r of strength 0.2 is 0.2 / sqrt(1.04) = 0.196; Spearman's, of a normal pair, 6/pi asin(r/2) = 0.188."""
    components, moves, day = world(1, strength=0.2)
    found = information.coefficients(["knows", "opposite", "none"], components, [60, 300], moves, day, RESAMPLING)
    assert [(c.component, c.horizon_s) for c in found] == [
        (name, horizon) for name in ("knows", "opposite", "none") for horizon in (60, 300)
    ]
    knows, opposite = found[0], found[2]
    assert knows.ic.low < 0.188 < knows.ic.high
    assert knows.ic.low > 0.1
    assert opposite.ic.value == pytest.approx(-knows.ic.value)
    assert knows.n_rows == 40 * 120
    assert (knows.ic.name, knows.ic.unit, knows.ic.level) == ("ic", "rank correlation", 0.95)


def test_what_knows_nothing_covers_nothing():
    """Of 4 x 10 intervals of 95 % at least 33 hold the 0 (fewer once in 1,000), where shuffling broke the link."""
    covered = 0
    for seed in range(10):
        components, moves, day = world(seed, strength=0.5)
        shuffled = np.random.default_rng(seed).permutation(moves)
        found = information.coefficients(["a", "b", "c"], components, [60, 300], shuffled, day, RESAMPLING)
        covered += sum(c.ic.low < 0 < c.ic.high for c in found if c.component != "b")
    assert covered >= 33


def test_days_count_alike_and_short_ones_not_at_all():
    """A perfect day, a reversed one twice as long, and one of 19 rows."""
    x = np.concatenate([np.arange(30.0), np.arange(60.0), np.arange(19.0)])
    y = np.concatenate([np.arange(30.0), -np.arange(60.0), np.arange(19.0)])
    day = np.repeat([1, 2, 3], [30, 60, 19])
    ic, _ = information.by_day(x[:, None], y[:, None], day)
    assert ic[:2, 0, 0] == pytest.approx([1, -1])
    found = information.coefficients(["x"], x[:, None], [1], y[:, None], day, RESAMPLING)[0]
    assert found.ic.value == pytest.approx(0)
    assert found.n_rows == 90


def test_a_component_that_is_never_there_is_undecided():
    components, moves, day = world(1, 0.2, days=12)
    components[:, 2] = math.nan
    found = information.coefficients(["a", "b", "gone"], components, [60, 300], moves, day, RESAMPLING)
    assert [bool(c.ic.undecidable) for c in found] == [False] * 4 + [True] * 2
    assert found[-1].n_rows == 0


def test_shapes_that_do_not_fit_are_refused():
    components, moves, day = world(1, 0.2, days=2)
    with pytest.raises(DataError, match="give \\[rows, names\\]"):
        information.coefficients(["a", "b"], components, [60, 300], moves, day, RESAMPLING)
