"""Figures of the papers to the digits they print, another implementation on anything, and what cannot be decided."""

import math

import numpy as np
import purgedcv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mia_ml.core.errors import DataError
from mia_ml.metrics import sharpe
from mia_ml.metrics.sharpe import Track


def returns(seed, n=250, skew=False):
    rng = np.random.default_rng(seed)
    return rng.exponential(1.0, n) - 0.9 if skew else rng.standard_t(4, n) + 0.05


# Bailey & Lopez de Prado (2012)


def test_psr_of_the_hedge_fund():
    """Two years of months, a Sharpe ratio of 1.59 a year: 0.982 if normal, 0.913 with its skewness and kurtosis."""
    assert sharpe.probabilistic(Track(24, 0.458, 0, 3)).value == pytest.approx(0.982, abs=5e-4)
    assert sharpe.probabilistic(Track(24, 0.458, -2.448, 10.164)).value == pytest.approx(0.913, abs=5e-4)


@pytest.mark.parametrize(
    ("monthly", "skewness", "kurtosis", "error", "years"),
    [(0.7079, -0.2250, 2.9570, 0.1028, 0.7152), (0.8183, -1.4455, 7.0497, 0.1550, 1.1593)],
)
def test_error_and_track_record_of_hedge_fund_indices(monthly, skewness, kurtosis, error, years):
    """134 months of two HFR indices."""
    record = Track(134, monthly, skewness, kurtosis)
    assert math.sqrt(record.variance) == pytest.approx(error, abs=5e-5)
    assert sharpe.minimum_track_record(record).value / 12 == pytest.approx(years, abs=5e-5)


@pytest.mark.parametrize(
    ("observed", "true", "skewness", "kurtosis", "a_year", "years"),
    [(2, 1, 0, 3, 250, 2.73), (2, 1, 0, 3, 52, 2.83), (3, 2.5, -0.72, 5.78, 12, 27.35)],
)
def test_minimum_track_record_table(observed, true, skewness, kurtosis, a_year, years):
    """Annual Sharpe ratios at 95 %: daily and weekly normal returns, monthly ones of the hedge fund shape."""
    record = Track(1, observed / math.sqrt(a_year), skewness, kurtosis)
    days = sharpe.minimum_track_record(record, true / math.sqrt(a_year)).value
    assert days / a_year == pytest.approx(years, abs=5e-3)


# Bailey & Lopez de Prado (2014), the strategist with an annual 2.5 in five years of 250 days


def test_dsr_of_the_strategist():
    variance = 0.5 / 250
    record = Track(1250, 2.5 / math.sqrt(250), -3, 10)
    normal = Track(1250, 2.5 / math.sqrt(250), 0, 3)
    assert sharpe.expected_maximum(100, variance) == pytest.approx(0.1132, abs=5e-5)
    assert sharpe.deflated(record, 100, variance).value == pytest.approx(0.9004, abs=5e-5)
    assert sharpe.deflated(record, 46, variance).value == pytest.approx(0.9505, abs=5e-5)
    assert sharpe.deflated(normal, 88, variance).value == pytest.approx(0.9505, abs=5e-5)


# Bailey, Borwein, Lopez de Prado & Zhu (2014)


def test_ten_trials_and_forty_five():
    """Of 10 the best is 1.57 deviations up; on 5 years an annual ratio of 1 is expected of 45 without skill."""
    assert sharpe.expected_maximum(10, 1.0) == pytest.approx(1.57, abs=5e-3)
    years = [sharpe.minimum_backtest(n, 1.0).value for n in (45, 46)]
    assert years[0] <= 5 < years[1]
    assert sharpe.minimum_backtest(45, 2.0).value == pytest.approx(years[0] / 4)


# Another implementation


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 300), st.booleans(), st.floats(-0.1, 0.1), st.integers(2, 5000))
def test_purgedcv_agrees(seed, n, skew, against, n_trials):
    """It takes the population's deviation, corrects skewness and kurtosis for bias, and rounds a record's days up."""
    days = returns(seed, n, skew)
    record = Track(
        n, days.mean() / days.std(), stats.skew(days, bias=False), stats.kurtosis(days, bias=False, fisher=False)
    )
    psr = purgedcv.probabilistic_sharpe_ratio(days, against)
    dsr = purgedcv.deflated_sharpe_ratio(days, n_trials, 0.002)
    assert sharpe.probabilistic(record, against).value == pytest.approx(psr, abs=1e-12)
    assert sharpe.deflated(record, n_trials, 0.002).value == pytest.approx(dsr, abs=1e-12)
    years = purgedcv.minimum_backtest_length(n_trials, 1.3)
    assert sharpe.minimum_backtest(n_trials, 1.3).value == pytest.approx(years)
    theirs = purgedcv.min_track_record_length(record.sharpe, against, 0.05, record.skewness, record.kurtosis)
    ours = sharpe.minimum_track_record(record, against)
    assert math.isinf(theirs) if ours.undecidable else math.ceil(ours.value) == theirs


def test_moments_are_those_of_the_sample():
    days = returns(1, skew=True)
    record = sharpe.track(days)
    assert record.n == 250
    assert record.sharpe == pytest.approx(days.mean() / days.std(ddof=1))
    assert record.skewness == pytest.approx(stats.skew(days))
    assert record.kurtosis == pytest.approx(stats.kurtosis(days, fisher=False))


# What they mean


def test_psr_is_the_rate_at_which_nothing_looks_like_something():
    """2,000 records without skill: 5 % of them reach a PSR of 0.95, give or take 4 standard errors of 0.5 %."""
    rng = np.random.default_rng(1)
    reached = sum(sharpe.probabilistic(sharpe.track(rng.standard_normal(250))).value >= 0.95 for _ in range(2000))
    assert 60 <= reached <= 140


def test_the_best_of_many_is_what_is_expected():
    """Means of 2,000 maxima of N normal draws, whose deviation is under 0.6, so 4 standard errors are 0.054."""
    rng = np.random.default_rng(2)
    for n in (10, 100, 500):
        best = 0.2 * rng.standard_normal((2000, n)).max(axis=1).mean()
        assert sharpe.expected_maximum(n, 0.04) == pytest.approx(best, abs=0.2 * 0.07)


def test_the_minimum_track_record_is_just_long_enough():
    """Moments whose record needs 288 days: with as many PSR is 0.95."""
    few = Track(100, 0.1, -0.5, 6.0)
    needed = sharpe.minimum_track_record(few, level=0.95).value
    assert sharpe.probabilistic(Track(round(needed), 0.1, -0.5, 6.0)).value == pytest.approx(0.95, abs=1e-3)
    assert sharpe.minimum_track_record(few, against=0.05).value > needed


@settings(deadline=None)
@given(st.floats(1, 1e6), st.floats(1, 1e6))
def test_more_trials_deflate_more(n, m):
    record = sharpe.track(returns(3))
    few, many = min(n, m), max(n, m)
    assert sharpe.deflated(record, few, 0.004).value >= sharpe.deflated(record, many, 0.004).value


def test_one_trial_is_not_deflated():
    record = sharpe.track(returns(3))
    assert sharpe.deflated(record, 1, math.nan).value == sharpe.probabilistic(record).value
    assert sharpe.expected_maximum(1.2, 1.0) == 0


def test_the_unit_of_returns_does_not_matter():
    days = returns(7, skew=True)
    one, other = sharpe.track(days), sharpe.track(days * 100_000)
    assert (one.sharpe, one.skewness, one.kurtosis) == pytest.approx((other.sharpe, other.skewness, other.kurtosis))


# What cannot be decided


@pytest.mark.parametrize(
    ("days", "why"),
    [([1.0, 2.0], "fewer than 3 days"), ([0.1] * 50, "daily P&L never varies"), ([], "fewer than 3 days")],
)
def test_no_track_record(days, why):
    record = sharpe.track(np.array(days))
    for figure in (
        sharpe.probabilistic(record),
        sharpe.deflated(record, 10, 0.01),
        sharpe.minimum_track_record(record),
    ):
        assert figure.undecidable == why
        assert math.isnan(figure.value)


def test_figures_without_an_answer_say_why():
    record = sharpe.track(-np.abs(returns(1)))
    assert "not above 0" in sharpe.minimum_track_record(record).undecidable
    assert "not above 0" in sharpe.minimum_backtest(10, -0.5).undecidable
    assert "not above 0" in sharpe.minimum_backtest(10, math.nan).undecidable
    assert "fewer than 2 trials" in sharpe.deflated(record, 10, math.nan).undecidable
    assert math.isnan(sharpe.probabilistic(record).low)


def test_a_record_whose_error_vanishes_is_undecided():
    """Days of two values only have g4 = g3^2 + 1, and at S = 2 / g3 no error is left."""
    record = sharpe.track(np.array([0.0] * 9 + [1.0]))
    assert record.kurtosis == pytest.approx(record.skewness**2 + 1)
    assert not sharpe.probabilistic(record).undecidable
    assert "too alike" in sharpe.probabilistic(Track(10, 1.0, 2.0, 5.0)).undecidable


def test_what_is_refused():
    with pytest.raises(DataError, match="day 1 is nan"):
        sharpe.track(np.array([1.0, math.nan, 2.0]))
    with pytest.raises(DataError, match=r"n_trials is 0.5"):
        sharpe.expected_maximum(0.5, 1.0)
    with pytest.raises(DataError, match=r"is -0.1: it is at least 0"):
        sharpe.expected_maximum(5, -0.1)


# Trials


def test_sharpe_ratios_of_trials_and_their_variance():
    pnl = np.column_stack([returns(1), returns(2), np.zeros(250), np.full(250, np.nan)])
    pnl[:100, 1] = np.nan
    found = sharpe.of_trials(pnl)
    assert found[0] == sharpe.track(pnl[:, 0]).sharpe
    assert found[1] == sharpe.track(pnl[100:, 1]).sharpe
    assert np.isnan(found[2:]).all()
    assert sharpe.variance_of(found) == pytest.approx((found[0] - found[1]) ** 2 / 2)
    assert math.isnan(sharpe.variance_of(found[1:]))


def test_correlations_without_gaps_are_the_ordinary_ones():
    pnl = np.random.default_rng(1).standard_normal((60, 5)) * [1, 10, 1e4, 1e-3, 1] + [0, 5, -1e6, 0, 1]
    assert sharpe.correlations(pnl) == pytest.approx(np.corrcoef(pnl.T), abs=1e-9)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.9), st.integers(2, 30))
def test_correlations_of_common_days(seed, gaps, least):
    rng = np.random.default_rng(seed)
    pnl = rng.standard_normal((40, 4)) + rng.standard_normal((40, 1))
    pnl[rng.random(pnl.shape) < gaps] = np.nan
    pnl[:, 3] = np.where(np.isnan(pnl[:, 3]), np.nan, 0.5)
    found = sharpe.correlations(pnl, least)
    for i in range(4):
        for j in range(i):
            both = ~np.isnan(pnl[:, i] + pnl[:, j])
            enough = both.sum() >= least and i != 3
            expected = np.corrcoef(pnl[both, i], pnl[both, j])[0, 1] if enough else 0.0
            assert found[i, j] == found[j, i] == pytest.approx(expected, abs=1e-9)
    assert (np.diag(found) == 1).all()


def test_days_apart_and_silence_count_in_full():
    """Two copies on different days, and two that never trade: four trials, nothing shared."""
    days = returns(1, 100)
    pnl = np.full((100, 4), np.nan)
    pnl[:60, 0], pnl[41:, 1] = days[:60], days[41:]  # 19 days in common
    pnl[:, 2:] = 0.0
    assert sharpe.effective_by_mean(sharpe.correlations(pnl)) == 4
    pnl[40, 1] = days[40]
    assert sharpe.correlations(pnl)[0, 1] == pytest.approx(1)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_the_effective_number_lies_between_one_and_all(seed, m):
    rng = np.random.default_rng(seed)
    found = sharpe.correlations(rng.standard_normal((50, m)) + rng.uniform(0, 3) * rng.standard_normal((50, 1)))
    assert 1 - 1e-12 <= sharpe.effective_by_mean(found) <= m + 1e-12


def test_effective_number_of_known_worlds():
    same, apart = np.ones((8, 8)), np.eye(8)
    groups = np.kron(np.eye(4), np.ones((2, 2)))  # four pairs of copies: mean correlation 1/7
    assert [sharpe.effective_by_mean(c) for c in (same, apart, groups)] == pytest.approx([1, 8, 7])
    opposed = np.array([[1.0, -0.9], [-0.9, 1.0]])
    assert sharpe.effective_by_mean(opposed) == 2
    assert sharpe.effective_by_mean(np.ones((1, 1))) == 1
