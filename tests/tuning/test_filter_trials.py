"""A trial of the filter: nothing that has read the tested block teaches it, what passes is what the scorer lets by."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.backtest.execution import Execution, params
from mia_ml.confluence import decision
from mia_ml.core.errors import DataError
from mia_ml.core.moments import MINUTE
from mia_ml.evaluation import policy, population
from mia_ml.evaluation.panel import Panel
from mia_ml.labels.weights import Weighting
from mia_ml.models import fit
from mia_ml.models.ensemble import SIGNAL_INPUTS
from mia_ml.models.export import export
from mia_ml.models.training import TrainingConfig
from mia_ml.scoring.filter import ALONG, Filter, Rule
from mia_ml.scoring.scorer import Scorer
from mia_ml.tuning.filter_trials import FilterTrials
from mia_ml.tuning.objective import Objective
from mia_ml.tuning.pruning import NEVER, Cut
from tests.backtest import worlds as tapes
from tests.backtest.market import ES
from tests.evaluation import worlds
from tests.evaluation.test_policy import PLAIN, simulated

N_ROWS = 1800
GRID = (0.5, 0.75, 1.0)
INPUTS = (*(ALONG + name for name in worlds.COMPONENTS[:4]), "minute_of_day", *SIGNAL_INPUTS)
TRIAL = {"filter.margin": 0.0, "model.logistic.c": 0.3, "model.forest.depth": 3}


class World:
    """Random rows and a random tape, and a formula of which each threshold of the grid is often crossed."""

    def __init__(self, seed: int) -> None:
        self.rows = worlds.rows(seed, N_ROWS, 0.01)
        rng = np.random.default_rng(seed)
        self.rows["minute_of_day"] = rng.integers(0, 1440, self.rows.size)
        self.rows["atr_5m"] = rng.choice([1.0, 2.1, 5.0], self.rows.size)
        self.rows["atr_5m_usual"] = rng.choice([np.nan, 3.0], self.rows.size)
        self.barrier = np.fmax(self.rows["atr_5m"], self.rows["atr_5m_usual"])
        self.tape = tapes.trades(seed, 3000)
        self.execution = Execution()
        self.labels = worlds.labels_of("trades", self.tape, self.rows, self.barrier, self.execution)
        self.panel = Panel.build(self.rows, self.labels, worlds.COMPONENTS, worlds.CONTEXT)
        terms = dict.fromkeys(worlds.COMPONENTS[:3], 1 / 3)
        self.formula = worlds.make_formula(terms=terms, min_weight_present=0.0, **PLAIN)
        self.learnt = population.build(self.rows, self.labels, self.panel, self.formula, GRID, INPUTS)


@functools.cache
def world(seed: int = 3) -> World:
    return World(seed)


def config(tuned: Mapping[str, Mapping[str, Any]]) -> TrainingConfig:
    return TrainingConfig(
        forest=fit.Forest(**{"trees": 10, "depth": 4, **tuned.get("forest", {})}),
        boosted=None,
        logistic=fit.Logistic(**{"c": 1.0, **tuned.get("logistic", {})}),
        weights={"forest": 0.5, "logistic": 0.5},
        min_events=20,
        min_calibration_events=5,
    )


def rule(margin: float | None) -> Rule:
    return Rule("break_even", -0.05 if margin is None else margin)


def trials(own: World, **changes: Any) -> FilterTrials:
    third = own.rows.size // 3
    given = {
        "rows": own.rows,
        "labels": own.labels,
        "panel": own.panel,
        "formula": own.formula,
        "population": own.learnt,
        "blocks": ((0, third), (third, 2 * third), (2 * third, own.rows.size)),
        "embargo_ns": 30 * MINUTE,
        "weighting": Weighting(),
        "config": config,
        "rule": rule,
        "execution": own.execution,
        "instrument": ES,
        "objective": Objective(("expectancy_r",), least_trades=5),
        "seed": 5,
        **changes,
    }
    return FilterTrials(**given)


def may_teach(run: FilterTrials, first: int, last: int) -> list[int]:
    """Events of other blocks that share no moment with a tested life and do not start within the embargo behind one."""
    own = run.population
    lives = list(zip(own.row.tolist(), own.t0_ns.tolist(), own.t1_ns.tolist(), strict=True))
    tested = [(t0, t1) for row, t0, t1 in lives if first <= row < last]
    return [
        at
        for at, (row, t0, t1) in enumerate(lives)
        if not first <= row < last
        and all(t1 < from_ns or t0 > to_ns for from_ns, to_ns in tested)
        and not any(from_ns <= t0 <= to_ns + run.embargo_ns for from_ns, to_ns in tested)
    ]


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from([3, 4, 5]),
    st.tuples(st.integers(300, 800), st.integers(1100, N_ROWS - 300)),
    st.sampled_from([0, 1, 30 * MINUTE, 240 * MINUTE]),
)
def test_what_teaches_has_read_nothing_of_the_tested_block(seed, edges, embargo_ns):
    own = world(seed)
    blocks = ((0, edges[0]), edges, (edges[1], own.rows.size))
    run = trials(own, blocks=blocks, embargo_ns=embargo_ns)
    folds = run.folds()
    assert len(folds) == 3
    for fold, (first, last) in zip(folds, blocks, strict=True):
        assert fold.train.tolist() == may_teach(run, first, last)
        assert fold.test.tolist() == np.flatnonzero((own.learnt.row >= first) & (own.learnt.row < last)).tolist()


def test_lives_across_a_blocks_edge_are_left_out():
    run = trials(world())
    assert all(fold.purged + fold.embargoed > 0 for fold in run.folds())
    unpurged = run.population.y.size - run.folds()[1].test.size
    assert run.folds()[1].train.size < unpurged


def with_noise(run: FilterTrials, events: np.ndarray) -> FilterTrials:
    """The trials with another outcome and other inputs of some events."""
    rng = np.random.default_rng(0)
    own = run.population
    X, y, net_r = own.X.copy(), own.y.copy(), own.net_r.copy()
    X[events] = rng.normal(size=(events.size, X.shape[1]))
    y[events], net_r[events] = 1 - y[events], -net_r[events]
    return dataclasses.replace(run, population=dataclasses.replace(own, X=X, y=y, net_r=net_r))


def test_a_tested_block_says_the_same_whatever_its_own_events_are():
    run = trials(world())
    plain = run.evaluate(TRIAL, NEVER)
    for number, fold in enumerate(run.folds()):
        unseen = np.setdiff1d(np.arange(run.population.y.size), fold.train)
        noisy = with_noise(run, unseen).evaluate(TRIAL, NEVER)
        assert repr(noisy.statistics[number]) == repr(plain.statistics[number])
    noisy = with_noise(run, run.folds()[0].train).evaluate(TRIAL, NEVER)
    assert repr(noisy.statistics[0]) != repr(plain.statistics[0])


def judge(run: FilterTrials, first: int, last: int) -> Filter:
    """The filter of one block, trained by hand on what may teach it."""
    own = run.population.at(np.array(may_teach(run, first, last)))
    trained = own.train(run.weighting, config({"logistic": {"c": 0.3}, "forest": {"depth": 3}}), run.seed)
    ensemble = export(trained.members, trained.combination, INPUTS)
    return Filter(ensemble, Rule("break_even", TRIAL["filter.margin"]), params(run.execution, ES))


def test_trades_are_those_of_scorer_filter_and_simulator():
    own = world()
    run = trials(own)
    found = run.evaluate(TRIAL, NEVER)
    actions, traded = set(), 0
    for statistics, (first, last) in zip(found.statistics, run.blocks, strict=True):
        decided = Scorer(own.formula, judge(run, first, last)).decide(own.rows[first:last])
        fired = np.flatnonzero(decided["action"] == decision.SIGNAL)
        side = decided["crossing"][fired]
        expected = simulated(own.rows, fired + first, side, own.tape, own.barrier, own.execution)
        net_r = [net_r for *_, net_r, _ in expected]
        assert statistics["n_trades"] == len(net_r)
        assert statistics["mean_r"] == pytest.approx(np.mean(net_r), rel=1e-12)
        actions |= set(decided["action"].tolist())
        traded += len(net_r)
    assert {decision.SIGNAL, decision.FILTERED} <= actions
    assert traded >= 10


def test_a_filter_passes_a_side_where_its_probability_is_above_break_even():
    own = world()
    run = trials(own)
    first, last = run.blocks[1]
    own_judge = judge(run, first, last)
    passes = run._passes(own_judge.ensemble, rule(0.0), first, last)
    assert passes.shape == own.labels.shape
    assert not passes[:first].any()
    assert not passes[last:].any()
    decided = Scorer(own.formula).decide(own.rows[first:last])
    crossed = np.flatnonzero(decided["crossing"])
    for at in crossed.tolist():
        row, side = own.rows[first + at], decided["crossing"][at]
        seen = [row[name.removeprefix(ALONG)] * (side if name.startswith(ALONG) else 1) for name in INPUTS[:-2]]
        by_name = dict(zip(INPUTS, [*seen, side, decided["exceedance"][at]], strict=True))
        inputs = own_judge.ensemble.inputs
        p = own_judge.probabilities_of(inputs, np.array([[by_name[name] for name in inputs]], np.float64))[0, -1]
        label = own.labels[first + at, 0 if side > 0 else 1]
        costs = run.execution.cost_ticks
        worth = p > (label["risk_ticks"] + costs) / (label["target_ticks"] + label["risk_ticks"])
        if np.isfinite(label["risk_ticks"]):
            assert passes[first + at].tolist() == [bool(worth and side > 0), bool(worth and side < 0)]
    assert passes.any()
    assert passes.sum() < crossed.size
    assert not passes[first:last][decided["crossing"] == 0].any()


def test_a_margin_that_nothing_reaches_trades_nothing():
    found = trials(world()).evaluate(TRIAL | {"filter.margin": 1.0}, NEVER)
    assert [statistics["n_trades"] for statistics in found.statistics] == [0, 0, 0]
    assert found.values == (-1.0,)


def test_a_margin_that_all_reach_trades_as_the_formula_alone():
    own = world()
    run = trials(own)
    found = run.evaluate(TRIAL | {"filter.margin": -1.0}, NEVER)
    alone = [policy.run(own.panel, own.formula, *block).size for block in run.blocks]
    assert [statistics["n_trades"] for statistics in found.statistics] == alone


def test_what_is_tuned_reaches_the_models_and_the_rule():
    asked: list[Any] = []

    def told(tuned: Mapping[str, Mapping[str, Any]]) -> TrainingConfig:
        asked.append(tuned)
        return config(tuned)

    def margin(given: float | None) -> Rule:
        asked.append(given)
        return rule(given)

    run = trials(world(), config=told, rule=margin)
    run.evaluate(TRIAL, NEVER)
    run.evaluate({}, NEVER)
    assert asked == [{"logistic": {"c": 0.3}, "forest": {"depth": 3}}, 0.0, {}, None]


def test_a_trial_says_the_same_twice_and_ends_below_the_cut():
    run = trials(world())
    plain = run.evaluate(TRIAL, NEVER)
    assert repr(run.evaluate(TRIAL, NEVER)) == repr(plain)
    cut = run.evaluate(TRIAL, Cut(np.array([-9.0, 9.0, -9.0])))
    assert cut.pruned
    assert cut.per_fold == plain.per_fold[:2]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"config": lambda tuned: dataclasses.replace(config(tuned), min_events=100_000)},
            "needs 100000 with both",
        ),
        ({"embargo_ns": 10_000 * MINUTE}, "no training row is left"),
        ({"blocks": ((0, 0), (0, N_ROWS))}, "fold 1: no test row"),
    ],
)
def test_a_block_that_cannot_be_judged_is_refused_in_one_line(changes, text):
    with pytest.raises(DataError, match=text) as refused:
        trials(world(), **changes).evaluate(TRIAL, NEVER)
    assert "\n" not in str(refused.value)
