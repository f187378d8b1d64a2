"""Intervals: that they cover, that they follow the data's scale and pairs, and when they are not given."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.metrics import bootstrap, day_sums, proportions
from mia_ml.metrics.bootstrap import Resampling
from tests.metrics.resampled import CAPITAL_USD, LOSS_R, RESAMPLING, RICH, WIN_R, between, by_name, of, settled, world


def test_every_figure_once_with_its_unit_and_the_point_of_its_days():
    found = bootstrap.estimates(RICH, CAPITAL_USD, RESAMPLING)
    assert len({estimate.name for estimate in found}) == len(found) == 17
    assert all(estimate.unit for estimate in found)
    estimates = by_name(found)
    points = day_sums.figures(RICH, np.arange(RICH.size), CAPITAL_USD)._asdict()
    assert {name: estimates[name].value for name in points} == points
    counts = {name: estimates[name].value for name in estimates.keys() - points.keys()}
    constant = estimates["break_even_win_rate"]  # but for the last bits of sums in another order
    assert constant.low == constant.high == constant.value
    assert counts == {
        "n_trades": RICH["n_trades"].sum(),
        "n_signals": RICH["n_signals"].sum(),
        "n_days": 300,
        "days_traded": (RICH["n_trades"] > 0).sum(),
    }


def test_intervals_cover_the_truth_on_short_spans_with_alike_days():
    """300 worlds of 40 days. If each interval covers with 95 %, their number lies in the bounds but once in 1,000."""
    n_worlds, truth = 300, 0.42 * WIN_R - 0.58 * LOSS_R
    least, most = stats.binom.interval(0.999, n_worlds, 0.95)
    rng = np.random.default_rng(20)
    covered = {"expectancy_r": 0, "sharpe": 0}
    # the sum of a day: n Poisson(2), its mean square E[n] var + E[n^2] of the day's own expectancy
    of_one = (WIN_R + LOSS_R) ** 2 * 0.42 * 0.58
    variance = 2 * of_one * (1 - 0.1) + (2 + 4) * of_one * 0.1 + 2 * truth**2
    truths = {"expectancy_r": truth, "sharpe": 2 * truth / math.sqrt(variance) * math.sqrt(252)}
    for seed in range(n_worlds):
        found = of(world(rng, 40), Resampling(200, 5.0, 0.95, seed))
        for name in covered:
            covered[name] += found[name].low <= truths[name] <= found[name].high
    for name, count in covered.items():
        assert least <= count <= most, name


def test_paired_intervals_cover_the_true_difference():
    """The second policy takes each trade of the first with probability 1/2, whatever comes of it: no difference."""
    n_worlds = 150
    least, most = stats.binom.interval(0.999, n_worlds, 0.95)
    rng = np.random.default_rng(21)
    covered = 0
    for seed in range(n_worlds):
        sums = world(rng, 60, trades_a_day=3)
        other = sums.copy()
        other["n_wins"] = rng.binomial(sums["n_wins"], 0.5)
        other["n_trades"] = other["n_wins"] + rng.binomial(sums["n_trades"] - sums["n_wins"], 0.5)
        found = between(sums, settled(other), Resampling(200, 5.0, 0.95, seed))["expectancy_r"]
        covered += found.low <= 0 <= found.high
    assert least <= covered <= most


@pytest.mark.parametrize("seed", [1, 2])
def test_bca_is_that_of_arch_for_one_figure(seed):
    """Without the expansion, to the last digits: a mean, which is skewed here, and a Sharpe ratio."""
    pnl = np.random.default_rng(seed).exponential(300, 200) - 250
    for statistic in (np.mean, lambda x: np.mean(x) / np.std(x, ddof=1)):
        blocks = StationaryBootstrap(5, pnl, seed=seed)
        theirs = blocks.conf_int(statistic, 500, method="bca", size=0.9)[:, 0]
        resampled = StationaryBootstrap(5, pnl, seed=seed).apply(statistic, 500)[:, 0]
        without = np.array([statistic(np.delete(pnl, day)) for day in range(pnl.size)])
        ours = bootstrap.bca(bootstrap.Draws(statistic(pnl), resampled, without, 200), stats.norm.ppf([0.05, 0.95]))
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_the_expansion_is_students_for_independent_days_and_vanishes_on_long_spans():
    """t(n - 1) sqrt(n / (n - 1)): what an interval of a mean needs that divides by n (Hesterberg 2015)."""
    alone = replace(RESAMPLING, block_days=1.0)
    assert alone.expanded(20) == pytest.approx(stats.t.ppf([0.025, 0.975], 19) * math.sqrt(20 / 19))
    assert RESAMPLING.expanded(10**6) == pytest.approx([-1.959964, 1.959964], rel=1e-4)
    wider = [RESAMPLING.expanded(n)[1] for n in (20, 60, 250, 1000)]
    assert wider == sorted(wider, reverse=True)


def test_draws_around_their_own_mean_lack_what_the_expansion_says():
    """Independent days: the variance of the drawn means is short by (2b - 1) / n, here 9/40, in the mean of 600."""
    rng = np.random.default_rng(4)
    spread = [StationaryBootstrap(5, rng.normal(size=40), seed=k).apply(np.mean, 60).var() * 40 for k in range(600)]
    assert np.mean(spread) * 60 / 59 == pytest.approx(1 - 9 / 40, abs=0.06)


@given(st.floats(0.001, 0.999), st.floats(0.5, 0.99), st.integers(0, 2**32 - 1))
def test_a_figure_outside_the_level_of_its_draws_has_no_interval(rank, level, seed):
    """Inside, the interval holds it: with |z0| < z, the quantiles lie on both sides of its own."""
    rng = np.random.default_rng(seed)
    resampled = np.sort(rng.exponential(size=1000))
    draws = bootstrap.Draws(float(np.quantile(resampled, rank)), resampled, rng.exponential(size=50), 50)
    below = np.count_nonzero(resampled < draws.value) / 1000
    low, high = bootstrap.bca(draws, stats.norm.ppf([(1 - level) / 2, (1 + level) / 2]))
    if abs(below - 0.5) > level / 2 + 0.001:
        assert math.isnan(low)
        assert math.isnan(high)
    elif abs(below - 0.5) < level / 2 - 0.002:
        between_two = np.diff(resampled).max()
        assert low - between_two <= draws.value <= high + between_two


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(20, 120),
    st.sampled_from([0.3, 1.0, 3.0]),
    st.sampled_from([0.1, 0.42, 0.9]),
    st.sampled_from([0.5, 0.8, 0.95, 0.99]),
)
def test_an_interval_holds_its_figure_or_is_not_given(seed, n_days, trades_a_day, win_rate, level):
    """Where the figure lies among its draws between the level's quantiles, BCa holds it; elsewhere there is none."""
    sums = world(np.random.default_rng(seed), n_days, trades_a_day, win_rate)
    for estimate in of(sums, Resampling(200, 5.0, level, seed)).values():
        if estimate.name == "max_drawdown" or math.isnan(estimate.low):
            assert math.isnan(estimate.low) == math.isnan(estimate.high)
            continue
        spacing = 0.05 * (estimate.high - estimate.low) + 1e-9  # quantiles of 200 draws are interpolated
        assert estimate.low - spacing <= estimate.value <= estimate.high + spacing, estimate


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.25, 4.0, 64.0]))
def test_dollars_scale_with_dollars_and_nothing_else_does(seed, factor):
    sums = world(np.random.default_rng(seed), 60)
    scaled = sums.copy()
    for name in ("won_usd", "lost_usd", "pnl_usd"):
        scaled[name] *= factor
    here = bootstrap.estimates(sums, CAPITAL_USD, RESAMPLING)
    there = bootstrap.estimates(scaled, CAPITAL_USD * factor, RESAMPLING)
    for one, two in zip(here, there, strict=True):
        by = factor if one.unit == "USD" else 1.0
        ours, theirs = (one.value * by, one.low * by, one.high * by), (two.value, two.low, two.high)
        np.testing.assert_array_equal(ours, theirs, one.name)


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 2**32 - 1), st.integers(1, 59))
def test_where_the_span_begins_does_not_matter(seed, shift):
    """Blocks wrap around, so rotated days give the same draws in another order: intervals agree within luck."""
    sums = world(np.random.default_rng(seed), 60)
    many = replace(RESAMPLING, resamples=2000)
    here, there = of(sums, many)["expectancy_r"], of(np.roll(sums, shift), many)["expectancy_r"]
    assert there.value == pytest.approx(here.value, abs=1e-12)
    width = here.high - here.low
    assert there.low == pytest.approx(here.low, abs=0.12 * width)
    assert there.high == pytest.approx(here.high, abs=0.12 * width)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.2, 2.0]))
def test_a_policy_against_itself_is_exactly_nothing(seed, trades_a_day):
    sums = world(np.random.default_rng(seed), 60, trades_a_day)
    for estimate in bootstrap.differences(sums, sums, CAPITAL_USD, RESAMPLING):
        assert estimate.value == 0 or estimate.undecidable
        if estimate.decided:
            assert estimate.low == estimate.high == 0


def test_a_pair_shares_its_days():
    """Each trade earns 0.1 R more: the gain is known exactly, though either expectancy is not."""
    better = RICH.copy()
    better["net_r"] += 0.1 * RICH["n_trades"]
    gain = between(better, RICH)["expectancy_r"]
    assert (gain.value, gain.low, gain.high) == pytest.approx((0.1, 0.1, 0.1), abs=1e-9)
    alone = of(RICH)["expectancy_r"]
    assert alone.high - alone.low > 0.2


def test_differences_turn_their_sign_and_count_signals():
    other = world(np.random.default_rng(2), 300, trades_a_day=1.0)
    one, two = between(RICH, other), between(other, RICH)
    for name in bootstrap.DIFFERENCES:
        assert two[name].value == -one[name].value
        assert two[name].low == pytest.approx(-one[name].high, rel=0.2, abs=0.01)
    change = one["signals_change"]
    assert change.value == pytest.approx(RICH["n_signals"].sum() / other["n_signals"].sum() - 1)
    assert 0 < change.low < change.value < change.high
    assert change.unit == "share"


def test_other_days_are_no_pair():
    with pytest.raises(DataError, match="needs the same days in both"):
        between(RICH, RICH[:-1])
    moved = RICH.copy()
    moved["day"] += 1
    with pytest.raises(DataError, match="needs the same days in both"):
        between(RICH, moved)


def test_below_100_trades_the_win_rate_is_wilsons():
    few = world(np.random.default_rng(3), 100, trades_a_day=0.5)
    found, n_trades, n_wins = of(few), few["n_trades"].sum(), few["n_wins"].sum()
    assert n_trades < 100
    effect = proportions.day_design_effect(few["n_wins"], few["n_trades"])
    low, high = proportions.wilson(n_wins / effect, n_trades / effect)
    rate, gap, wrong = found["win_rate"], found["win_rate_minus_break_even"], found["false_signals"]
    assert (rate.value, rate.low, rate.high) == (n_wins / n_trades, low, high)
    assert (gap.value, gap.low, gap.high) == pytest.approx((rate.value - 0.37, low - 0.37, high - 0.37))
    assert (wrong.value, wrong.low, wrong.high) == pytest.approx((1 - rate.value, 1 - high, 1 - low))
    assert all(estimate.method.startswith("Wilson") for estimate in (rate, gap, wrong))
    assert found["expectancy_r"].method.startswith("BCa")
    assert of(RICH)["win_rate"].method.startswith("BCa")


def test_always_winning_is_not_certain():
    """No loss was seen in 600 trades: draws would all say 100 %, Wilson does not; ratios cannot be decided."""
    sums = RICH.copy()
    sums["n_wins"] = sums["n_trades"]
    found = of(settled(sums))
    assert found["win_rate"].high == 1
    assert 0.99 < found["win_rate"].low < 1
    for name in ("profit_factor", "average_win_over_loss"):
        assert (found[name].undecidable, math.isnan(found[name].value)) == ("no losing trade", True)
    assert found["sharpe"].decided


def test_a_single_losing_day_cannot_carry_a_ratio():
    """A third of the draws miss it: the profit factor keeps its value and says why it is worth nothing."""
    sums = RICH.copy()
    sums["n_wins"] = sums["n_trades"]
    sums["n_wins"][np.argmax(sums["n_trades"])] = 0
    factor = of(settled(sums))["profit_factor"]
    assert factor.value > 1
    assert not factor.decided
    share = float(factor.undecidable.split("%")[0].split()[-1])
    assert share == pytest.approx(100 * math.exp(-1), abs=10)  # more than 1/e: a block holds the day or not
    assert math.isnan(factor.low)


def test_few_undecidable_draws_are_left_out_and_told():
    """Losses on about 20 of 300 days: a draw misses them all now and then."""
    sums = world(np.random.default_rng(5), 300, trades_a_day=0.4, win_rate=0.95)
    found = of(sums, replace(RESAMPLING, resamples=2000, block_days=20.0))["profit_factor"]
    assert found.decided
    assert "undecidable and left out" in found.method
    assert found.low < found.value < found.high


def test_no_trades_on_any_day():
    sums = np.zeros(60, day_sums.DAY_SUMS)
    found = of(sums)
    assert {name: estimate.undecidable for name, estimate in found.items() if estimate.undecidable} == {
        **dict.fromkeys(
            (
                "win_rate",
                "break_even_win_rate",
                "win_rate_minus_break_even",
                "false_signals",
                "expectancy_r",
                "profit_factor",
                "average_win_over_loss",
            ),
            "no trades",
        ),
        "sharpe": "daily P&L never varies",
    }
    against = between(RICH[:60], np.array([*zip(RICH["day"][:60], *[[0] * 60] * 9, strict=True)], day_sums.DAY_SUMS))
    assert against["expectancy_r"].undecidable == "other: no trades"
    assert against["signals_change"].undecidable == "other: no signals"
    assert against["net_usd"].decided


def test_no_days_at_all():
    found = of(np.zeros(0, day_sums.DAY_SUMS))
    assert found["n_days"].value == 0
    assert found["trades_per_month"].undecidable == "no days"
    assert math.isnan(found["net_usd"].low)


def test_short_spans_have_figures_but_no_intervals():
    short = RICH[:19]
    found = of(short)
    assert found["expectancy_r"].decided
    assert math.isnan(found["expectancy_r"].low)
    assert found["expectancy_r"].method == "no interval: 19 days are less than 4 mean blocks"
    assert found["win_rate"].method.startswith("Wilson")
    assert not math.isnan(of(RICH[:20])["expectancy_r"].low)


def test_the_drawdown_of_lucky_days_is_not_believed():
    """Gains and losses in turn fall by one loss at most; the same days in another order fall further."""
    sums = np.zeros(200, day_sums.DAY_SUMS)
    sums["pnl_usd"] = np.tile([1000.0, -1000.0], 100)
    drawdown = of(sums, replace(RESAMPLING, block_days=1.0))["max_drawdown"]
    assert drawdown.value == pytest.approx(1000 / 101_000)
    assert drawdown.low > drawdown.value
    assert drawdown.method.startswith("percentile")


def test_the_same_seed_gives_the_same_bits_whatever_else_runs():
    first = bootstrap.estimates(RICH, CAPITAL_USD, RESAMPLING)
    np.random.seed(1)  # noqa: NPY002
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda _: bootstrap.estimates(RICH, CAPITAL_USD, RESAMPLING), range(4)))
    assert all(repr(found) == repr(first) for found in again)
    assert bootstrap.estimates(RICH, CAPITAL_USD, replace(RESAMPLING, seed=14)) != first


@pytest.mark.parametrize("wrong", [{"resamples": 99}, {"block_days": 0.5}, {"level": 1.0}, {"level": 0.3}])
def test_nonsense_is_refused(wrong):
    with pytest.raises(ConfigError, match="resampling: "):
        replace(RESAMPLING, **wrong)
