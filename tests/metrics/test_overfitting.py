"""CSCV against a slow one that follows the paper word by word, another implementation, and worlds of known truth."""

import itertools
import math

import numpy as np
import purgedcv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.metrics import overfitting


def sharpe(days):
    return 0.0 if np.ptp(days) == 0 else round(days.mean() / days.std(ddof=1), 9)


def word_by_word(pnl, blocks):
    """Logits, and the chosen Sharpe ratios inside and outside."""
    pieces = np.array_split(pnl, blocks)
    found = []
    for chosen in itertools.combinations(range(blocks), blocks // 2):
        inside = np.concatenate([pieces[b] for b in chosen])
        outside = np.concatenate([pieces[b] for b in range(blocks) if b not in chosen])
        here, there = [[sharpe(column) for column in half.T] for half in (inside, outside)]
        best = here.index(max(here))
        below = sum(value < there[best] for value in there)
        same = sum(value == there[best] for value in there)
        relative = (below + (same + 1) / 2) / (len(there) + 1)
        found.append((math.log(relative / (1 - relative)), here[best], there[best]))
    return np.array(found)


@st.composite
def matrices(draw):
    """Daily P&L with days without a trade, silent and doubled configurations."""
    seed, days, configurations = draw(st.integers(0, 10_000)), draw(st.integers(12, 40)), draw(st.integers(2, 7))
    rng = np.random.default_rng(seed)
    pnl = rng.standard_normal((days, configurations)) * 10.0 ** rng.integers(-3, 6, configurations)
    pnl[rng.random(pnl.shape) < draw(st.sampled_from([0.0, 0.3, 0.9]))] = 0.0
    if draw(st.booleans()):
        pnl[:, -1] = pnl[:, 0]
    if draw(st.booleans()):
        pnl[:, 0] = draw(st.sampled_from([0.0, 0.1, -7.3]))
    return pnl


@settings(deadline=None)
@given(matrices(), st.sampled_from([2, 4, 6]))
def test_word_by_word(pnl, blocks):
    found = overfitting.cscv(pnl, blocks)
    if not np.ptp(pnl, axis=0).any():
        assert found.pbo.undecidable
        return
    logits, inside, outside = word_by_word(pnl, blocks).T
    assert found.logits == pytest.approx(logits)
    assert found.pbo.value == pytest.approx(np.mean(logits <= 1e-12))
    assert found.loss.value == pytest.approx(np.mean(outside < 0))
    if np.ptp(inside) > 1e-6:
        assert found.slope.value == pytest.approx(np.polyfit(inside, outside, 1)[0], rel=1e-6, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([4, 6, 8]))
def test_purgedcv_agrees(seed, blocks):
    """It names each half by what is outside, and its PBO leaves out the middle, which six configurations have not."""
    rng = np.random.default_rng(seed)
    pnl = rng.standard_normal((rng.integers(40, 90), 6)) + rng.uniform(-0.2, 0.2, 6)
    ours, theirs = overfitting.cscv(pnl, blocks), purgedcv.probability_of_backtest_overfitting(pnl.T, blocks)
    assert ours.logits[::-1] == pytest.approx(theirs.logits)
    assert (ours.pbo.value, ours.slope.value) == pytest.approx((theirs.pbo, theirs.slope))


def test_sixteen_blocks_make_12870_halves():
    rng = np.random.default_rng(1)
    found = overfitting.cscv(rng.standard_normal((500, 100)))
    assert found.logits.shape == (12_870,)
    assert 0 < found.pbo.value < 1
    assert math.isnan(found.pbo.low)
    assert math.isnan(found.pbo.high)
    assert "12870 halves of 16 blocks" in found.pbo.method


def test_choosing_among_noise_is_a_coin():
    """Halves of noise are independent, so the chosen of an even number is below the middle in half of the cases.

    The mean of 300 values in [0, 1] leaves 0.5 by more than 0.11 once in a thousand (Hoeffding)."""
    rng = np.random.default_rng(2)
    pbo = [overfitting.cscv(rng.standard_normal((64, 10)), blocks=8).pbo.value for _ in range(300)]
    assert np.mean(pbo) == pytest.approx(0.5, abs=0.11)


def test_a_dominant_configuration_is_not_overfit():
    rng = np.random.default_rng(3)
    pnl = rng.standard_normal((320, 20))
    pnl[:, 13] += 1.0
    found = overfitting.cscv(pnl)
    assert (found.pbo.value, found.loss.value) == (0, 0)
    assert found.logits.min() == pytest.approx(math.log(20))


def test_what_works_in_one_half_only_is_overfit():
    """Each of two configurations earns in its own half of the blocks and loses in the other."""
    rng = np.random.default_rng(4)
    first = np.repeat([1.0, -1.0], 100)
    pnl = np.column_stack([first, -first]) + 0.1 * rng.standard_normal((200, 2))
    found = overfitting.cscv(pnl, blocks=2)
    assert (found.pbo.value, found.loss.value) == (1, 1)


def test_the_order_of_days_within_a_block_and_of_columns_does_not_matter():
    rng = np.random.default_rng(5)
    pnl = rng.standard_normal((64, 6))
    shuffled = np.concatenate([rng.permutation(block) for block in np.split(pnl, 8)])[:, rng.permutation(6)]
    assert overfitting.cscv(shuffled, 8).logits == pytest.approx(overfitting.cscv(pnl, 8).logits)


def test_the_unit_of_a_configuration_does_not_matter():
    rng = np.random.default_rng(6)
    pnl = rng.standard_normal((64, 6)) + 0.1
    other = overfitting.cscv(pnl * [1, 50, 1e6, 1e-6, 3, 7], 8)
    assert other.logits == pytest.approx(overfitting.cscv(pnl, 8).logits)


def test_a_configuration_that_never_trades_ties_at_nothing():
    """It beats losers and is no winner: of two losers and one that stands still, standing still is chosen."""
    rng = np.random.default_rng(7)
    pnl = np.column_stack([rng.standard_normal((80, 2)) - 3.0, np.zeros(80)])
    found = overfitting.cscv(pnl, 8)
    assert found.pbo.value == 0
    assert found.loss.value == 0
    assert "same in every half" in found.slope.undecidable


def test_one_great_day_does_not_leave_dust_where_nothing_happens():
    """Without its one trade a configuration has a Sharpe ratio of 0, not of a rounding error over another."""
    pnl = np.zeros((32, 2))
    pnl[3, 0] = 1e7
    pnl[:, 1] = np.tile([1.0, -1.1], 16)
    logits, inside, outside = word_by_word(pnl, 4).T
    found = overfitting.cscv(pnl, 4)
    assert found.logits == pytest.approx(logits)
    assert found.slope.value == pytest.approx(np.polyfit(inside, outside, 1)[0])


@pytest.mark.parametrize(
    ("pnl", "why"),
    [
        (np.ones((100, 1)), "fewer than 2 configurations"),
        (np.random.default_rng(1).standard_normal((31, 3)), "31 days are fewer than 2 for each of 16 blocks"),
        (np.zeros((100, 3)), "ever varies"),
    ],
)
def test_what_cannot_be_decided(pnl, why):
    found = overfitting.cscv(pnl)
    for figure in (found.pbo, found.slope, found.loss):
        assert why in figure.undecidable
    assert found.logits.size == 0


def test_what_is_refused():
    pnl = np.zeros((40, 2))
    pnl[7, 1] = math.nan
    with pytest.raises(DataError, match="configuration 1, day 7 is nan"):
        overfitting.cscv(pnl)
    for blocks in (0, 7):
        with pytest.raises(ConfigError, match=f"blocks is {blocks}"):
            overfitting.cscv(np.zeros((40, 2)), blocks)
