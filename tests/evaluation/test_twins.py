"""Random-entry twins: their labels are looked up by hand, luck has no small p-value, skill has."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from mia_ml.backtest.records import Exit, Fate
from mia_ml.evaluation import twins
from mia_ml.labels.records import usable
from tests.evaluation import grounds, worlds


def judged(ground, component="tick_momentum", most=3):
    threshold = {"base": 0.3, "low": 1.0, "high": 1.0, "session": False}
    formula = worlds.make_formula(terms={component: 1.0}, threshold=threshold, max_signals_per_day=most)
    return ground.run(lambda _: formula).trades


def lucky(seed):
    """A world without edge, whose days have a drift of their own; a little noise lets no two outcomes be the same."""
    ground = grounds.made(seed, 30, 60, day_luck=0.15, components=("tick_momentum",))
    labels = ground.labels.copy()
    labels["net_r"] += np.random.default_rng(seed).normal(0, 0.1, labels.shape)
    return dataclasses.replace(ground, labels=labels)


def test_without_an_edge_every_p_value_is_as_likely():
    values = [twins.of(ground, judged(ground), 99, seed).p.value for seed in range(100) if (ground := lucky(seed))]
    assert kstest(values, "uniform").pvalue > 0.05
    assert np.mean(np.array(values) < 0.05) < 0.1


def test_an_edge_has_a_small_p_value():
    ground = grounds.made(1, edge={"tick_momentum": 0.4})
    found = twins.of(ground, judged(ground), 500, 0)
    assert found.p.value == 1 / 501
    assert len(found.values) == 500
    assert found.mean == pytest.approx(np.mean(found.values))
    costs = -grounds.COST / grounds.RISK
    assert found.mean == pytest.approx(costs, abs=0.05)


def by_hand(ground, trades, n_twins, seed):
    """The same draws, looked up trade by trade and day by day."""
    rows, labels = ground.rows, ground.labels
    column = np.where(trades["side"] > 0, 0, 1)
    good = usable(labels)
    trades = trades[good[trades["row"], column]]
    tested = np.arange(ground.windows[0].test[0], ground.windows[-1].test[1])
    of_day = {
        day: {side: [r for r in tested.tolist() if rows["day"][r] == day and good[r, side]] for side in (0, 1)}
        for day in ground.days.tolist()
    }
    sides = {0 if trade["side"] > 0 else 1 for trade in trades}
    to = [day for day in of_day if all(of_day[day][side] for side in sides)]
    own_days = sorted(set(trades["day"].tolist()))
    drawn = np.random.default_rng(seed).integers(0, len(to), (n_twins, len(own_days)))
    values = []
    for twin in drawn:
        total = 0.0
        for own, position in zip(own_days, twin.tolist(), strict=True):
            for trade in trades[trades["day"] == own]:
                side, minute = (0 if trade["side"] > 0 else 1), rows["minute_of_day"][trade["row"]]
                there = of_day[to[position]][side]
                total += labels["net_r"][min(there, key=lambda r: abs(rows["minute_of_day"][r] - minute)), side]
        values.append(total / trades.size)
    return values


def test_twins_earn_what_the_labels_of_another_day_say_at_that_minute_and_side():
    ground = grounds.made(3, n_days=25, minutes=40, components=("tick_momentum",))
    labels = ground.labels.copy()
    rng = np.random.default_rng(0)
    labels["net_r"] = rng.normal(0, 1, labels.shape)
    labels["fate"][rng.random(labels.shape) < 0.5] = Fate.IN_POSITION
    labels["exit_reason"][rng.random(labels.shape) < 0.3] = Exit.TAPE_END
    labels["fate"][(ground.rows["day"] == ground.days[4]), 0] = Fate.NO_BARRIER
    ground = dataclasses.replace(ground, labels=labels)
    trades = judged(grounds.made(3, n_days=25, minutes=40, components=("tick_momentum",)))
    assert trades.size > 20
    assert twins.of(ground, trades, 20, 7).values == pytest.approx(by_hand(ground, trades, 20, 7))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=9).map(sorted), st.lists(st.integers(-3, 33), max_size=9))
def test_the_nearest_is_the_nearest(rising, values):
    found = twins._nearest(np.array(rising), np.array(values, np.int64))
    for value, at in zip(values, found.tolist(), strict=True):
        assert abs(rising[at] - value) == min(abs(one - value) for one in rising)


def test_what_no_label_can_say_is_left_out_on_both_sides():
    ground = grounds.made(4, n_days=40, minutes=60)
    trades = judged(ground)
    labels = ground.labels.copy()
    labels["net_r"] = 1.0
    labels["net_r"][::2] = 99.0  # every other row: refused, or closed by the end of the tape
    labels["fate"][::4] = Fate.NO_BARRIER
    labels["exit_reason"][2::4] = Exit.TAPE_END
    found = twins.of(dataclasses.replace(ground, labels=labels), trades, 50, 0)
    assert (trades["row"] % 2 == 0).any()
    assert set(found.values) == {1.0}
    assert found.p.value == 1.0


def test_trades_of_a_day_stay_together():
    """With one drift a day, twins spread as days do and not as single trades."""
    ground = grounds.made(5, n_days=60, minutes=200, day_luck=0.0)
    labels = ground.labels.copy()
    luck = np.random.default_rng(1).normal(0, 1, ground.rows.size)
    day = np.searchsorted(np.unique(ground.rows["day"]), ground.rows["day"])
    labels["net_r"] = luck[day][:, None]
    shared = dataclasses.replace(ground, labels=labels)
    trades = judged(shared, most=5)
    n_days = np.unique(trades["day"]).size
    assert trades.size > 3 * n_days
    spread = np.std(twins.of(shared, trades, 1000, 0).values)
    assert spread == pytest.approx(luck[day].std() / np.sqrt(n_days), rel=0.2)


def test_no_trades_decide_nothing():
    ground = grounds.made(1, n_days=10, minutes=30)
    found = twins.of(ground, judged(ground)[:0], 100, 0)
    assert not found.p.decided
    assert found.values == ()
