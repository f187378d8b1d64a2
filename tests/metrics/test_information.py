"""Moves against a search by hand, rank correlations against scipy's, worlds where the truth was planted, and walks."""

import math
from dataclasses import replace

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
FEW = replace(RESAMPLING, resamples=100)
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


def of(x, y, day, resampling=FEW):
    """One component, one horizon."""
    (found,) = information.coefficients(["x"], np.reshape(x, (-1, 1)), [60], np.reshape(y, (-1, 1)), day, resampling)
    return found


def gappy(seed):
    """Three days of 60, 3 and 45 rows, four components, three moves, with ties and gaps of their own in each."""
    rng = np.random.default_rng(seed)
    day = np.repeat([20240102, 20240103, 20240105], [60, 3, 45])
    components = np.round(rng.standard_normal((108, 4)), 1)
    moves = np.round(rng.standard_normal((108, 3)) * 4 + components[:, :3]) / 4
    components[rng.random(components.shape) < 0.1] = np.nan
    moves[rng.random(moves.shape) < 0.3] = np.nan
    return components, moves, day


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_scipy_agrees_on_the_rows_that_know_both(seed):
    components, moves, day = gappy(seed)
    found = information.coefficients("abcd", components, (1, 2, 3), moves, day, FEW)
    for c in found:
        x, y = components[:, "abcd".index(c.component)], moves[:, c.horizon_s - 1]
        both = ~np.isnan(x + y)
        assert c.n_rows == both.sum()
        assert c.ic.value == pytest.approx(stats.spearmanr(x[both], y[both])[0], abs=1e-12)


def test_scipy_agrees_on_all_rows():
    components, moves, day = world(1, strength=0.3, days=30, rows=50)
    found = of(np.round(components[:, 0], 2), moves[:, 0], day)
    assert found.ic.value == pytest.approx(stats.spearmanr(np.round(components[:, 0], 2), moves[:, 0])[0], abs=1e-12)
    assert found.n_rows == 1500


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_only_the_order_of_values_matters(seed):
    components, moves, day = gappy(seed)
    here = information.coefficients("abcd", components, (1, 2, 3), moves, day, FEW)
    assert here == information.coefficients("abcd", np.exp(components), (1, 2, 3), 3 * moves - 8, day, FEW)
    turned = information.coefficients("abcd", -components, (1, 2, 3), moves, day, FEW)
    for one, other in zip(here, turned, strict=True):
        assert other.ic.value == pytest.approx(-one.ic.value, abs=1e-12)
        assert abs(one.ic.value) <= 1


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_an_unknown_row_is_as_good_as_none(seed):
    rng = np.random.default_rng(seed)
    (x, y), day = rng.standard_normal((2, 300)), np.repeat(np.arange(15), 20)
    gone, of_move = (rng.random(300) < 0.3) & (np.arange(300) % 20 > 0), rng.random(300) < 0.5
    holed = of(np.where(gone & ~of_move, np.nan, x), np.where(gone & of_move, np.nan, y), day)
    assert holed == of(x[~gone], y[~gone], day[~gone])


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000))
def test_the_order_of_rows_does_not_matter_and_that_of_days_only_to_the_draws(seed):
    """Drawn one by one, days in another order give the same interval within luck."""
    rng, alone = np.random.default_rng(seed), replace(RESAMPLING, block_days=1)
    components, moves, day = world(seed, strength=0.2, days=20, rows=15)
    x, y, shuffled = components[:, 0], moves[:, 0], rng.permutation(day.size)
    here, mixed = of(x, y, day, alone).ic, of(x[shuffled], y[shuffled], day[shuffled], alone).ic
    assert (mixed.value, mixed.low, mixed.high) == pytest.approx((here.value, here.low, here.high), abs=1e-9)
    moved = of(x, y, rng.permutation(20)[day], alone).ic
    assert moved.value == pytest.approx(here.value, abs=1e-12)
    assert moved.high - moved.low == pytest.approx(here.high - here.low, rel=0.35)


def walk(seed, days=60, rows=100, horizon=25):
    """Prices that know nothing of themselves: their deviation from the day's running mean, as vwap_trend looks at it,
    and the move over a quarter of the day."""
    price = np.random.default_rng(seed).standard_normal((days, rows)).cumsum(axis=1)
    deviation = price - price.cumsum(axis=1) / np.arange(1, rows + 1)
    move = np.full(price.shape, np.nan)
    move[:, :-horizon] = price[:, horizon:] - price[:, :-horizon]
    return deviation.ravel(), move.ravel(), np.repeat(np.arange(days), rows)


def test_a_random_walk_knows_nothing_of_its_next_quarter():
    """60 worlds of 60 days, whose IC has an error of 0.06. Correlations by day average -0.5 in every one of them."""
    found = [of(*walk(seed), Resampling(200, 3, 0.95, seed)).ic for seed in range(60)]
    assert abs(np.mean([ic.value for ic in found])) < 0.03
    assert max(abs(ic.value) for ic in found) < 0.2
    assert sum(ic.low < 0 < ic.high for ic in found) >= 50  # fewer once in 1,000 where 95 % cover


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


def test_what_days_differ_by_counts():
    """A component that is the same all day and knows whether the day rises."""
    rng = np.random.default_rng(3)
    rises = np.repeat(rng.standard_normal(60), 50)
    found = of(np.sign(rises), rises + rng.standard_normal(3000), np.repeat(np.arange(60), 50), RESAMPLING).ic
    assert found.low > 0.4


def test_a_day_counts_by_its_rows():
    """Thirty days of 10 rows that know the move, thirty of 30 that have it reversed: (300 - 900) / 1200."""
    rng = np.random.default_rng(4)
    day = np.repeat(np.arange(60), np.tile([10, 30], 30))
    y = rng.standard_normal(day.size)
    found = of(np.where(day % 2, -y, y), y, day, RESAMPLING)
    assert found.ic.value == pytest.approx(-0.5, abs=0.05)
    assert found.n_rows == 1200


RARE, FIVES = "leaves its commonest value on fewer than 20 rows", np.arange(50) // 5


@pytest.mark.parametrize(
    ("x", "y", "day", "why"),
    [
        (np.arange(19.0), np.arange(19.0), np.arange(19) // 5, "fewer than 20 rows are known"),
        (np.arange(50.0), np.where(np.arange(50) < 30, np.arange(50.0), np.nan), np.arange(50) // 30, "one day"),
        (np.full(50, 0.25), np.arange(50.0), FIVES, f"the component {RARE}"),
        (np.arange(50.0), np.zeros(50), FIVES, f"the move {RARE}"),
        (np.where(np.arange(50) < 40, 0, np.nan), np.arange(50.0), FIVES, f"the component {RARE}"),
        (np.arange(50.0), np.maximum(np.arange(50.0), 31), FIVES, f"the move {RARE}"),
    ],
)
def test_what_cannot_be_ranked_is_undecided(x, y, day, why):
    found = of(x, y, day)
    assert found.ic.undecidable.endswith(why)
    assert math.isnan(found.ic.value)
    assert (found.ic.name, found.ic.unit) == ("ic", "rank correlation")
    assert found.n_rows == np.count_nonzero(~np.isnan(x + y))


def test_twenty_rows_apart_on_two_days_have_a_value_and_no_interval():
    found = of(np.arange(21.0), np.arange(21.0), np.arange(21) // 11)
    assert (found.ic.value, found.ic.decided) == (pytest.approx(1), True)
    assert found.ic.method.startswith("no interval: 2 days")


def test_a_component_that_is_never_there_is_undecided():
    components, moves, day = world(1, 0.2, days=12)
    components[:, 2] = math.nan
    found = information.coefficients(["a", "b", "gone"], components, [60, 300], moves, day, RESAMPLING)
    assert [c.ic.undecidable for c in found] == [""] * 4 + ["fewer than 20 rows are known"] * 2
    assert found[-1].n_rows == 0


def test_shapes_that_do_not_fit_are_refused():
    components, moves, day = world(1, 0.2, days=2)
    with pytest.raises(DataError, match="give \\[rows, names\\]"):
        information.coefficients(["a", "b"], components, [60, 300], moves, day, RESAMPLING)
