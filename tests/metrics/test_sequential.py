"""Bounds that hold at all times: how often they are ever wrong, what they can see, and what must not move them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.metrics import sequential

RUNS, DAYS = 4000, 250
VALUES = st.lists(st.floats(-1e4, 1e4).map(lambda x: round(x, 2)), min_size=1, max_size=80)


def trades(rng, a_day, size=(RUNS, DAYS), edge=0.0):
    """Totals in R and numbers of trades of days whose trades make 2 R or lose 1, fair without an edge."""
    n = rng.poisson(a_day, size)
    won = rng.binomial(n, 1 / 3 + edge / 3)
    return won * 2.0 - (n - won), n


WORLDS = {  # daily P&L without a difference, and how often a difference may ever be found in it
    "normal": (lambda rng: rng.standard_normal((RUNS, DAYS)), 0.05),
    "t5": (lambda rng: rng.standard_t(5, (RUNS, DAYS)), 0.05),
    "one trade a day": (lambda rng: trades(rng, 1.0)[0], 0.05),
    "a trade in ten days": (lambda rng: trades(rng, 0.1)[0], 0.05),
    "nine days of ten without a difference": (
        lambda rng: rng.standard_normal((RUNS, DAYS)) * (rng.random((RUNS, DAYS)) < 0.1),
        0.05,
    ),
    "skewed to gains": (lambda rng: rng.exponential(1.0, (RUNS, DAYS)) - 1, 0.075),
    "skewed to losses": (lambda rng: 1 - rng.exponential(1.0, (RUNS, DAYS)), 0.075),
}


def ever_off_0(found):
    return float(((found.low > 0) | (found.high < 0)).any(axis=-1).mean())


@pytest.mark.parametrize("world", WORLDS)
def test_a_difference_that_is_not_there_is_seldom_ever_found(world, record_property):
    make, most = WORLDS[world]
    rate = ever_off_0(sequential.confidence_sequence(make(np.random.default_rng(7)), 0.95))
    record_property("ever wrong", rate)
    assert 0 < rate <= most


def test_a_fixed_day_interval_would_be_wrong_far_more_often():
    """What the price in width is paid for."""
    values = np.random.default_rng(7).standard_normal((RUNS, DAYS))
    n = np.arange(1, DAYS + 1)
    error = np.cumsum(values, axis=-1) / np.sqrt(n)
    assert (np.abs(error[:, 29:]) > 1.96).any(axis=-1).mean() > 0.25


@pytest.mark.parametrize("a_day", [0.3, 3.0])
def test_an_edge_a_trade_that_is_not_there_is_seldom_ever_found(a_day):
    assert 0.001 < ever_off_0(sequential.per_trade(*trades(np.random.default_rng(3), a_day))) <= 0.05


def test_every_trade_of_a_day_may_be_one_and_the_same():
    """Days are what is drawn: ten copies of each trade say no more than one."""
    totals, n = trades(np.random.default_rng(5), 1.0)
    once, tenfold = sequential.per_trade(totals, n), sequential.per_trade(10 * totals, 10 * n)
    np.testing.assert_allclose(tenfold.low, once.low, rtol=1e-9)
    assert (tenfold.n == 10 * once.n).all()


def test_what_is_there_is_found_in_time():
    """A mean of half a standard deviation a day, an edge of 0.3 R on three trades a day."""
    rng = np.random.default_rng(11)
    found = sequential.confidence_sequence(rng.standard_normal((RUNS, DAYS)) + 0.5).low > 0
    assert found[:, :45].any(axis=-1).mean() > 0.6
    assert found[:, :120].any(axis=-1).mean() > 0.98
    assert (sequential.per_trade(*trades(rng, 3.0, edge=0.3)).low > 0)[:, :120].any(axis=-1).mean() > 0.8


def test_the_bounds_are_those_of_the_mixture():
    """Worked from the definition: at the bounds the mixture of likelihood ratios is 1 / alpha."""
    values = np.random.default_rng(2).standard_normal(60) * 3 + 1
    found = sequential.confidence_sequence(values, 0.9).last
    prior = sequential.TUNED_FOR / (-2 * math.log(0.1) + math.log(-2 * math.log(0.1)) + 1)
    k = prior / (60 + prior)
    for bound in (found.low, found.high):
        u = 60 * (values.mean() - bound) ** 2 / (59 * values.var(ddof=1))
        assert math.sqrt(k) * ((1 + u) / (1 + k * u)) ** 30 == pytest.approx(10)
    assert found.mean == pytest.approx(values.mean())
    assert found.low + found.high == pytest.approx(2 * values.mean())


def test_fieller_leaves_days_without_a_trade_out():
    totals, n = trades(np.random.default_rng(9), 0.5, 200)
    every, traded = sequential.per_trade(totals, n).last, sequential.per_trade(totals[n > 0], n[n > 0]).last
    assert (every.low, every.high, every.n) == pytest.approx((traded.low, traded.high, traded.n))
    residual = totals - every.low * n
    mean = sequential.confidence_sequence(residual[n > 0]).last
    assert mean.low == pytest.approx(0, abs=1e-9), "at its bound, the mean of what remains is just not refuted"


@given(VALUES, VALUES)
def test_later_days_change_no_earlier_bound(values, later):
    whole = sequential.confidence_sequence(np.array(values + later))
    part = sequential.confidence_sequence(np.array(values))
    for name in ("mean", "low", "high", "n"):
        assert getattr(whole, name)[: len(values)].tobytes() == getattr(part, name).tobytes()


@given(VALUES, st.sampled_from([-4.0, -1.0, 0.25, 1024.0]))
def test_other_units_give_the_same_bounds_in_them(values, unit):
    found = sequential.confidence_sequence(np.array(values))
    scaled = sequential.confidence_sequence(unit * np.array(values))
    low, high = sorted((unit * found.low[-1], unit * found.high[-1]))
    assert scaled.mean.tolist() == (unit * found.mean).tolist()
    np.testing.assert_array_equal([scaled.last.low, scaled.last.high], [low, high])


@given(VALUES)
def test_many_sequences_at_once_are_each_its_own(values):
    one = np.array(values)
    both = sequential.confidence_sequence(np.stack([one, one[::-1]]))
    assert both.low[1].tobytes() == sequential.confidence_sequence(one[::-1]).low.tobytes()


def test_undecided_before_there_is_enough():
    rng = np.random.default_rng(1)
    values = rng.standard_normal(60)
    low = sequential.confidence_sequence(values).low
    assert np.isnan(low[: sequential.LEAST_DAYS - 1]).all()
    assert not np.isnan(low[sequential.LEAST_DAYS - 1 :]).any()
    idle = np.where(np.arange(60) % 10 == 0, values, 0.0)  # 6 days that moved
    assert np.isnan(sequential.confidence_sequence(idle).low).all()
    assert math.isnan(sequential.confidence_sequence(np.full(60, 5.0)).last.low), "no spread, so none is known"
    assert sequential.confidence_sequence(np.zeros(0)).last.n == 0
    assert sequential.per_trade(np.zeros(40), np.zeros(40)).last.n == 0


def test_a_verdict_follows_the_side_of_0():
    rng = np.random.default_rng(4)
    values = rng.standard_normal(100)
    assert sequential.verdict(values + 2) == "promote"
    assert sequential.verdict(values - 2) == "keep"
    assert sequential.verdict(values) == "inconclusive"
    assert sequential.verdict(values[:10] + 9) == "inconclusive", "too few days"
    assert sequential.verdict(values + 0.4, 0.6) == "promote"
    assert sequential.verdict(values + 0.4, 0.9999) == "inconclusive"


def test_what_cannot_be_is_refused():
    with pytest.raises(DataError, match="value of day 1 is nan: a running mean needs finite numbers"):
        sequential.confidence_sequence(np.array([1.0, math.nan]))
    with pytest.raises(ConfigError, match=r"level 1.0 of a confidence sequence must be in \[0.5, 1\)"):
        sequential.confidence_sequence(np.ones(3), 1.0)
