"""Trials are the one scorer and the one simulator, faster: trade for trade."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.backtest.execution import Execution
from mia_ml.backtest.records import signals
from mia_ml.backtest.simulator import simulate
from mia_ml.confluence import decision
from mia_ml.core.errors import ConfigError, DataError
from mia_ml.evaluation import columns, policy
from mia_ml.evaluation.panel import BLOCK, Panel
from mia_ml.features import engine
from mia_ml.scoring.scorer import Scorer
from tests.backtest import worlds as tapes
from tests.backtest.market import DAYS, ES
from tests.evaluation import worlds

SETTINGS = tapes.SETTINGS.map(lambda chosen: chosen | {"reverse": False})
SIZES = st.one_of(st.integers(1, 60), st.integers(BLOCK - 2, BLOCK + 2), st.integers(2 * BLOCK, 3 * BLOCK))


def world(kind, seed, size, missing, chosen):
    rows = worlds.rows(seed, size, missing)
    tape = {"trades": tapes.trades, "bars": tapes.bars}[kind](seed, 600)
    barrier = np.random.default_rng(seed).choice(worlds.BARRIERS, rows.size)
    execution = Execution(**chosen)
    labels = worlds.labels_of(kind, tape, rows, barrier, execution)
    panel = Panel.build(rows, labels, worlds.COMPONENTS, worlds.CONTEXT)
    return rows, tape, barrier, execution, panel


def simulated(rows, decided, side, tape, barrier, execution):
    """(row, side, net R, net USD) of each trade, by the simulator itself."""
    asked = signals(rows["ts"][decided], rows["day"][decided], side, barrier[decided])
    trades = simulate(execution, ES, DAYS, tape, asked).trades
    trades = trades[np.argsort(trades["signal"])]
    return [(decided[t["signal"]], t["side"], t["net_r"], t["net_usd"]) for t in trades]


def as_tuples(trades):
    return [(t["row"], t["side"], t["net_r"], t["net_usd"]) for t in trades]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["trades", "bars"]), tapes.SEEDS, SIZES, st.sampled_from([0, 0.002, 0.1]), SETTINGS, st.data())
def test_trades_are_those_of_scorer_and_simulator(kind, seed, size, missing, chosen, data):
    rows, tape, barrier, execution, panel = world(kind, seed, size, missing, chosen)
    for _ in range(4):
        formula = data.draw(worlds.formulas())
        first = data.draw(st.integers(0, rows.size))
        last = data.draw(st.integers(first, rows.size))
        decisions = Scorer(formula).decide(rows[first:last])
        fired = np.flatnonzero(decisions["action"] == decision.SIGNAL)
        side = decisions["crossing"][fired]
        expected = simulated(rows, fired + first, side, tape, barrier, execution)
        assert as_tuples(policy.run(panel, formula, first, last)) == expected


def filtered_signals(formula, rows, passes):
    """Row by row through the decision's own steps, a crossing that does not pass left without an action."""
    state, out = np.zeros(1, decision.STATE), np.zeros(rows.size, decision.DECISION)
    values = rows.view(np.float64).reshape(rows.size, engine.ROW.itemsize // 8)
    record = formula.record[0]
    for i in range(rows.size):
        multiplier = decision.weigh(record, rows["ts"][i], rows["day"][i], values[i], out[i])
        decision.cross(state[0], multiplier, out[i])
        if out["crossing"][i] != 0 and passes[i, 0 if out["crossing"][i] > 0 else 1]:
            decision.act(record, state[0], out[i])
    fired = np.flatnonzero(out["action"] == decision.SIGNAL)
    return fired, out["crossing"][fired]


@settings(max_examples=30, deadline=None)
@given(tapes.SEEDS, SIZES, worlds.formulas(), st.sampled_from([0.3, 0.8, 1.0]))
def test_a_filtered_crossing_consumes_the_arm_and_nothing_else(seed, size, formula, share):
    rows, tape, barrier, execution, panel = world("bars", seed, size, 0.02, {})
    passes = np.random.default_rng(seed).random((rows.size, 2)) < share
    expected = simulated(rows, *filtered_signals(formula, rows, passes), tape, barrier, execution)
    found = policy.run(panel, formula, 0, rows.size, passes)
    assert as_tuples(found) == expected
    if share == 1.0:
        assert found.tobytes() == policy.run(panel, formula, 0, rows.size).tobytes()


@settings(deadline=None)
@given(st.floats(-2, 2), st.one_of(st.just(0.0), st.floats(1e-6, 2)))
def test_the_largest_raw_score_inside_a_threshold_is_exact(multiplier, threshold):
    largest = columns.largest_inside(multiplier, threshold)
    assert abs(largest * multiplier) <= threshold
    if largest < np.finfo(np.float64).max:
        assert abs(np.nextafter(largest, np.inf) * multiplier) > threshold


def test_nothing_is_inside_a_negative_threshold():
    assert columns.largest_inside(1.0, -0.1) == -1


def test_two_threads_give_the_bytes_of_one():
    rows, *_, panel = world("bars", 3, 3 * BLOCK, 0.02, {})
    formulas = [worlds.make_formula(terms={worlds.COMPONENTS[k]: 1.0, worlds.COMPONENTS[0]: 0.4}) for k in range(1, 9)]
    run = lambda formula: policy.run(panel, formula, 0, rows.size).tobytes()  # noqa: E731
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, formulas)) == [run(formula) for formula in formulas]


def test_a_component_the_panel_has_not_is_refused():
    *_, panel = world("bars", 1, 50, 0.0, {})
    with pytest.raises(ConfigError, match=f"{engine.COMPONENTS[-1]} is not in the panel"):
        policy.run(panel, worlds.make_formula(terms={engine.COMPONENTS[-1]: 1.0}), 0, 50)


@pytest.mark.parametrize(
    "change", [{"gamma_cycle_days": {"expiry": 1, "peak": 5, "approach": 10}}, {"volatility": {"ratio": "trailing"}}]
)
def test_a_formula_of_another_context_is_refused(change):
    *_, panel = world("bars", 1, 50, 0.0, {})
    other = worlds.make_formula(worlds.CONTEXT | change, terms={worlds.COMPONENTS[0]: 1.0})
    with pytest.raises(ConfigError, match="build both on one context section"):
        policy.run(panel, other, 0, 50)


@pytest.mark.parametrize(("first", "last"), [(-1, 5), (5, 4), (0, 51)])
def test_rows_outside_the_panel_are_refused(first, last):
    *_, panel = world("bars", 1, 50, 0.0, {})
    with pytest.raises(DataError, match=rf"rows {first}..{last} of a panel of 50"):
        policy.run(panel, worlds.make_formula(terms={worlds.COMPONENTS[0]: 1.0}), first, last)


def test_verdicts_of_another_shape_are_refused():
    *_, panel = world("bars", 1, 50, 0.0, {})
    with pytest.raises(DataError, match=r"passes: bool \(50,\) for a panel of 50 rows"):
        policy.run(panel, worlds.make_formula(terms={worlds.COMPONENTS[0]: 1.0}), 0, 50, np.ones(50, np.bool_))
