"""Intervals of a share against published ones, and what clustered trades are worth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mia_ml.core.errors import DataError
from mia_ml.metrics import proportions


@pytest.mark.parametrize(
    ("wins", "n", "wilson", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0000, 0.1611), (0.0000, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_published_intervals(wins, n, wilson, exact):
    """Newcombe 1998, Two-sided confidence intervals for the single proportion, Stat. Med. 17:857, table I."""
    assert proportions.wilson(wins, n) == pytest.approx(wilson, abs=5e-5)
    assert proportions.exact(wins, n) == pytest.approx(exact, abs=5e-5)


def test_thirty_trades_at_78_percent_give_19_to_28_wins():
    """SPEC 8, the paper gate: those are the counts whose exact interval holds 78 %, and 60 % reaches 19 in 43 %."""
    held = [n for n in range(31) if proportions.exact(n, 30)[0] <= 0.78 <= proportions.exact(n, 30)[1]]
    assert held == list(range(19, 29))
    assert stats.binom.sf(18, 30, 0.60) == pytest.approx(0.43, abs=0.005)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.9, 0.95]))
def test_both_hold_the_share_and_mirror(wins_of_n, level):
    wins, n = wins_of_n
    for interval in (proportions.wilson, proportions.exact):
        low, high = interval(wins, n, level)
        assert 0 <= low <= wins / n + 1e-12
        assert wins / n - 1e-12 <= high <= 1
        assert interval(n - wins, n, level) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@pytest.mark.parametrize(("wins", "n"), [(0, 0), (3, 2), (-1, 2), (1, float("nan"))])
def test_what_is_no_share_is_refused(wins, n):
    with pytest.raises(DataError, match="have no interval"):
        proportions.wilson(wins, n)


def test_days_that_stand_or_fall_together_are_worth_a_trade_each():
    """100 days of 4 trades with one result: 400 trades are 100, times (D - 1) / D."""
    counts = np.full(100, 4)
    assert proportions.day_design_effect(np.repeat([4, 0], 50), counts) == pytest.approx(4 * 100 / 99)
    assert proportions.day_design_effect(np.full(100, 2), counts) == 1  # alike days: never below 1


def test_independent_trades_are_worth_themselves():
    rng = np.random.default_rng(7)
    counts = rng.poisson(3, 20_000)
    assert proportions.day_design_effect(rng.binomial(counts, 0.4), counts) == pytest.approx(1, abs=0.05)


def test_the_design_effect_is_one_plus_the_intraclass_correlation_of_the_others():
    """Kish: 1 + (m - 1) rho for m trades a day, here win rates of days from a beta with rho = 1 / (a + b + 1)."""
    rng = np.random.default_rng(8)
    counts = np.full(40_000, 5)
    wins = rng.binomial(counts, rng.beta(4, 5, counts.size))
    assert proportions.day_design_effect(wins, counts) == pytest.approx(1 + 4 * 0.1, rel=0.03)


@pytest.mark.parametrize("wins", [[], [0, 0], [2, 0], [2, 3]])
def test_nothing_to_say_is_one(wins):
    """No trades, none won, a single day with trades, all won."""
    counts = {0: [], 1: [2, 3]}[bool(wins)]
    if wins == [2, 0]:
        counts = [3, 0]
    assert proportions.day_design_effect(np.array(wins), np.array(counts)) == 1


@given(st.floats(0.01, 100), st.integers(0, 2**32 - 1))
def test_the_effect_of_a_mean_has_no_unit(factor, seed):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(2, 40)
    totals = rng.normal(size=40) * counts
    effect = proportions.design_effect(totals, counts, 0.1)
    assert proportions.design_effect(totals * factor, counts, 0.1 * factor**2) == pytest.approx(effect)
