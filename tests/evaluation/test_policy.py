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
from mia_ml.confluence.formula import CYCLE
from mia_ml.core.errors import ConfigError, DataError
from mia_ml.evaluation import candidates, columns, policy
from mia_ml.evaluation.panel import BLOCK, Panel
from mia_ml.features import engine
from mia_ml.features.clock import SESSIONS
from mia_ml.scoring.scorer import Scorer
from tests.backtest import worlds as tapes
from tests.backtest.market import DAYS, ES
from tests.evaluation import worlds

SETTINGS = tapes.SETTINGS.map(lambda chosen: chosen | {"reverse": False})
WIDE_WEIGHTS = st.floats(-1e6, 1e6).filter(lambda weight: abs(weight) > 1e-6)
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


PLAIN = {
    "threshold": {"base": 0.2, "low": 1.0, "high": 1.0, "session": False},
    "session": dict.fromkeys(SESSIONS, 1.0),
    "gamma_cycle": dict.fromkeys(CYCLE, 1.0),
    "volatility_adjustment": dict.fromkeys(("low", "normal", "high"), 1.0),
    "cooldown_minutes": 0,
    "max_signals_per_day": 1000,
}


@settings(max_examples=25, deadline=None)
@given(tapes.SEEDS, st.lists(worlds.WEIGHTS, min_size=1, max_size=9), st.sampled_from([0.0, 0.005]))
def test_a_score_on_the_threshold_and_one_bit_beside_it(seed, weights, missing):
    """Where a row weighed on 16 bits cannot tell, it is weighed again."""
    rows, tape, barrier, execution, panel = world("bars", seed, 2 * BLOCK, missing, {"timeout_bars": 1})
    terms = dict(zip(worlds.COMPONENTS, weights, strict=False))
    scores = np.abs(Scorer(worlds.make_formula(terms=terms, **PLAIN)).decide(rows)["score"])
    rng = np.random.default_rng(seed)
    for on in rng.choice(scores[scores > 0], 4):
        for base in (on, np.nextafter(on, 0), np.nextafter(on, 9)):
            formula = worlds.make_formula(terms=terms, **PLAIN | {"threshold": PLAIN["threshold"] | {"base": base}})
            decisions = Scorer(formula).decide(rows)
            fired = np.flatnonzero(decisions["action"] == decision.SIGNAL)
            expected = simulated(rows, fired, decisions["crossing"][fired], tape, barrier, execution)
            assert as_tuples(policy.run(panel, formula, 0, rows.size)) == expected


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.01, 0.8),
    st.sampled_from([5, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK]),
    st.sampled_from([0, 1, 3]),
    st.integers(-1, 1),
)
def test_what_is_crossed_from_is_held_against_the_threshold_of_now(before, row, n_missing, bit):
    """A score far inside in its own session, on the next one's threshold or a bit beside it, also across blocks."""
    name = worlds.COMPONENTS[0]
    rows = worlds.rows(0, 2 * BLOCK + 5, 0.0)
    rows["day"], rows["volatility_regime"], rows["session"] = rows["day"][0], 0, SESSIONS.index("premarket")
    rows[name] = before
    rows[name][row - n_missing : row] = np.nan
    rows[name][row], rows["session"][row:] = 0.99, SESSIONS.index("morning")
    labels = worlds.no_labels(rows)
    labels["free_ns"] = labels["signal_ns"]
    panel = Panel.build(rows, labels, (name,), worlds.CONTEXT)
    on = np.nextafter(before * 1.2, bit * 9) if bit else before * 1.2
    plain = PLAIN | {"threshold": PLAIN["threshold"] | {"base": on}, "session": PLAIN["session"] | {"morning": 1.2}}
    formula = worlds.make_formula(terms={name: 1.0}, **plain)
    fired = np.flatnonzero(Scorer(formula).decide(rows)["action"] == decision.SIGNAL)
    assert fired.tolist() == ([row] if bit >= 0 else [])
    assert policy.run(panel, formula, 0, rows.size)["row"].tolist() == fired.tolist()
    assert candidates.of(panel, formula, 0, rows.size)["row"].tolist() == fired.tolist()


@pytest.mark.parametrize("row", [5, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 9])
@pytest.mark.parametrize("n_missing", [0, 1, 3])
def test_a_day_starts_unarmed_although_yesterday_ended_inside(row, n_missing):
    name = worlds.COMPONENTS[0]
    rows = worlds.rows(0, 2 * BLOCK, 0.0)
    rows["day"] = np.where(np.arange(rows.size) < row, rows["day"][0], rows["day"][0] + 1)
    rows[name] = 0.1
    rows[name][row : row + n_missing] = np.nan
    rows[name][row + n_missing] = 0.9  # outside; from the next row on inside, until it crosses
    rows[name][row + n_missing + 2] = 0.9
    panel = Panel.build(rows, worlds.no_labels(rows), (name,), worlds.CONTEXT)
    formula = worlds.make_formula(terms={name: 1.0}, **PLAIN)
    assert policy.run(panel, formula, 0, rows.size)["row"].tolist() == [row + n_missing + 2]


@settings(max_examples=50, deadline=None)
@given(tapes.SEEDS, st.lists(WIDE_WEIGHTS, min_size=1, max_size=9))
def test_a_raw_score_on_16_bits_is_off_by_less_than_its_blur(seed, weights):
    components = worlds.COMPONENTS[: len(weights)]
    rows = worlds.rows(seed, BLOCK, 0.0)
    for name in components:
        rows[name] = np.random.default_rng(seed).uniform(-1, 1, rows.size)
    panel = Panel.build(rows, worlds.no_labels(rows), components, worlds.CONTEXT)
    formula = worlds.make_formula(terms=dict(zip(components, weights, strict=True)))
    terms, record = panel.terms(formula), formula.record[0]
    _, raw, present, sums, outside, _ = (part[:BLOCK] for part in columns.room())
    data = (panel.matrix, panel.steps, panel.step, panel.gaps)
    blurred = columns.blur(record, terms, panel.step)
    assert columns.score(record, terms, data, blurred, 0, BLOCK, raw, present, sums, outside) == blurred
    coarse = raw.copy()
    assert columns.score(record, terms, data, 0.0, 0, BLOCK, raw, present, sums, outside) == 0
    assert blurred == 0 or (0 < np.abs(coarse - raw).max() < blurred)
    assert [columns.row_score(record, terms, panel.matrix, i) for i in range(BLOCK)] == raw.tolist()


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
