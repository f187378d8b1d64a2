"""Stress: subsets by hand, costs that only ever take, entries a row late, parameters that move."""

import dataclasses
import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.evaluation import stress
from mia_ml.evaluation.stress import Conditions
from mia_ml.features.clock import SESSIONS
from mia_ml.features.volatility import REGIMES
from mia_ml.metrics.bootstrap import Resampling
from tests.evaluation import grounds, worlds
from tests.evaluation.test_ladder import FINAL

FAST = Resampling(resamples=200, block_days=1.0, level=0.95, seed=1)
SHIPPED = Conditions.from_dict(worlds.SHIPPED.stress.model_dump())
PERIODS = {"spring": (20190301, 20190331), "long ago": (20100101, 20101231)}
COMPONENTS = ("tick_momentum", "aggression_bias")


def world(seed=1, edge=0.3, n_days=100):
    made = grounds.made(seed, n_days, 390, components=COMPONENTS, edge={"tick_momentum": edge})
    threshold = {"base": 0.25, "low": 1.0, "high": 1.0, "session": False}
    section = FINAL | {
        "terms": {"tick_momentum": 0.7, "aggression_bias": 0.3},
        "threshold": threshold,
        "max_signals_per_day": 20,
    }
    return grounds.chosen(made, section)


def told(ground, **changes):
    conditions = dataclasses.replace(SHIPPED, periods=PERIODS, jitter_draws=10, **changes)
    judged = ground.run(ground.chosen)
    rows = stress.rows_of(ground, judged, conditions, FAST, None)
    return judged.trades, {(row.group, row.name): row for row in rows}


def net_r(trades, chosen):
    return trades["net_r"][chosen].mean()


def test_the_shipped_conditions_are_those_of_the_specification():
    assert SHIPPED.periods["covid"] == (20200220, 20200430)
    votes = (20161108, 20201103, 20241105)
    assert all(any(first < vote < last for first, last in SHIPPED.periods.values()) for vote in votes)
    assert (SHIPPED.worst_share, SHIPPED.cost_factor, SHIPPED.slippage_ticks) == (0.1, 2, 1)
    assert (SHIPPED.late_rows, SHIPPED.jitter_share) == (1, 0.1)


def test_each_part_is_the_mean_of_its_own_trades():
    ground = world()
    trades, rows = told(ground)
    base = trades["net_r"].mean()
    days = {int(day): date(day // 10_000, day // 100 % 100, day % 100) for day in ground.days.tolist()}
    own = ground.rows[trades["row"]]
    close = {day: ground.rows["close"][ground.rows["day"] == day] for day in days}
    width = {day: (c.max() - c.min()) / c.mean() for day, c in close.items()}
    widest = sorted(width, key=width.__getitem__)[-round(0.1 * len(days)) :]
    expected = {
        ("period", "spring"): (trades["day"] >= 20190301) & (trades["day"] <= 20190331),
        ("volatility", "widest 10% of days"): np.isin(trades["day"], widest),
    }
    for k, name in enumerate(stress.WEEKDAYS[:5]):
        expected["weekday", name] = np.array([days[day].weekday() == k for day in trades["day"].tolist()])
    for name in ("morning", "midday", "afternoon"):
        expected["session", name] = own["session"] == SESSIONS.index(name)
    for k in (0, 1, 2):
        expected["regime", REGIMES[k]] = own["volatility_regime"] == k
    for key, chosen in expected.items():
        row = rows[key]
        assert row.n_trades == chosen.sum() > 5, key
        assert row.expectancy_r.value == pytest.approx(net_r(trades, chosen)), key
        assert row.survives == pytest.approx(net_r(trades, chosen) / base), key
        assert row.expectancy_r.low < row.expectancy_r.value < row.expectancy_r.high, key
    assert set(rows) - set(expected) == {
        ("period", "long ago"),
        ("costs", "costs times 2"),
        ("costs", "one more tick a round trip"),
        ("costs", "slippage plus 1 tick a side"),
        ("entry", "1 bar late"),
        ("parameters", "jittered by 10%"),
    }
    absent = rows["period", "long ago"]
    assert (absent.n_trades, absent.expectancy_r.undecidable) == (0, "no such day is tested")
    assert math.isnan(absent.survives)


def test_what_is_lost_has_no_share_that_survives():
    trades, rows = told(world(edge=0.0, seed=3))
    assert trades["net_r"].mean() < 0
    assert all(math.isnan(row.survives) for row in rows.values())


def test_costs_are_taken_from_every_trade_and_move_no_fill():
    ground = world()
    trades, rows = told(ground)
    base, cost = trades["net_r"].mean(), trades["cost_ticks"] / trades["risk_ticks"]
    assert rows["costs", "costs times 2"].expectancy_r.value == pytest.approx(base - cost.mean())
    assert rows["costs", "slippage plus 1 tick a side"].expectancy_r.value == pytest.approx(base - 2 / grounds.RISK)
    one = stress.one_more_tick(ground, ground.run(ground.chosen), FAST)
    assert one.name == "expectancy_r_plus_tick"
    assert one.value == pytest.approx(base - 1 / grounds.RISK)
    assert one.value == rows["costs", "one more tick a round trip"].expectancy_r.value
    assert one.low < one.value < one.high


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 5), st.floats(1, 5), st.floats(0, 5))
def test_costs_never_raise_a_result(seed, factor, slippage):
    ground = world(seed, n_days=15)
    trades, rows = told(ground, cost_factor=factor, slippage_ticks=slippage)
    own = [row for (group, _), row in rows.items() if group == "costs"]
    assert all(row.expectancy_r.value <= trades["net_r"].mean() + 1e-9 for row in own)
    assert {row.n_trades for row in own} == {trades.size}


def test_a_late_entry_earns_what_the_next_row_of_its_day_says():
    ground = world()
    judged = ground.run(ground.chosen)
    moved = stress.late(ground, judged.signals, 1)
    last = ground.rows["day"] != np.append(ground.rows["day"][1:], 0)
    assert moved["row"].tolist() == [row + 1 for row in judged.signals["row"].tolist() if not last[row]]
    assert (ground.rows["day"][moved["row"]] == moved["day"]).all()
    row = told(ground)[1]["entry", "1 bar late"]
    outcome = ground.traded(moved)
    labels = ground.labels[outcome.trades["row"], np.where(outcome.trades["side"] > 0, 0, 1)]
    assert row.expectancy_r.value == pytest.approx(labels["net_r"].mean())
    assert row.expectancy_r.value != judged.trades["net_r"].mean()


def test_a_signal_whose_day_ends_is_left_out_and_counted():
    ground = world(n_days=40)
    judged = ground.run(ground.chosen)
    ends = np.flatnonzero(ground.rows["day"] != np.append(ground.rows["day"][1:], 0))
    signals = judged.signals
    lost = int(np.isin(signals["row"], ends).sum())
    assert lost > 0
    assert stress.late(ground, signals, 1).size == signals.size - lost
    assert stress.late(ground, signals, 0).tobytes() == signals.tobytes()
    row = stress.rows_of(ground, judged, dataclasses.replace(SHIPPED, jitter_draws=0), FAST, None)[-1]
    assert row.group == "entry"
    assert row.note == f"{lost} of {signals.size} signals came too late in their day"


def test_parameters_that_do_not_move_give_the_result_itself():
    ground = world(n_days=40)
    judged = ground.run(ground.chosen)
    drawn = stress.jitter(ground, 0.0, 3, None, seed=1, threads=2)
    assert drawn.tolist() == [[judged.trades.size, judged.trades["net_r"].mean()]] * 3


def test_moved_parameters_are_one_draw_for_all_windows_and_repeat():
    ground = world(n_days=40)
    drawn = stress.jitter(ground, 0.1, 20, None, seed=1, threads=2)
    assert np.unique(drawn[:, 1]).size > 10
    assert drawn.tolist() == stress.jitter(ground, 0.1, 20, None, seed=1, threads=1).tolist()
    factors = np.random.default_rng(1).uniform(0.9, 1.1, (20, 3))
    for k in (0, 19):
        base, tick, aggression = factors[k].tolist()
        section = ground.windows[0].confluence
        moved = section | {
            "terms": {"tick_momentum": 0.7 * tick, "aggression_bias": 0.3 * aggression},
            "threshold": section["threshold"] | {"base": 0.25 * base},
        }
        alone = ground.run(lambda _, moved=moved: ground.formula(moved))
        assert drawn[k].tolist() == [alone.trades.size, alone.trades["net_r"].mean()]


def test_jittered_formulas_meet_the_windows_filters():
    ground = world(n_days=40)

    def passes_of(window, formula):
        return np.zeros((ground.rows.size, 2), bool)

    drawn = stress.jitter(ground, 0.1, 4, passes_of, seed=1, threads=2)
    assert drawn[:, 0].tolist() == [0, 0, 0, 0]
    assert np.isnan(drawn[:, 1]).all()
    conditions = dataclasses.replace(SHIPPED, jitter_draws=4)
    row = stress.rows_of(ground, ground.run(ground.chosen), conditions, FAST, passes_of)[-1]
    assert row.expectancy_r.undecidable == "no draw trades"
    assert row.note == "0% of 4 draws above 0"


def test_the_range_of_the_draws_is_told():
    ground = world(n_days=40)
    _, rows = told(ground)
    row, drawn = rows["parameters", "jittered by 10%"], stress.jitter(ground, 0.1, 10, None, FAST.seed, 1)[:, 1]
    assert (row.expectancy_r.low, row.expectancy_r.high) == (drawn.min(), drawn.max())
    assert row.expectancy_r.value == pytest.approx(np.median(drawn))
    assert row.note == f"{(drawn > 0).mean():.0%} of 10 draws above 0"
