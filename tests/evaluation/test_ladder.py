"""The ladder: the plan's own steps, and what is said of a step whose worth is known."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dvc.utils.hydra import compose_and_dump

from mia_ml import settings
from mia_ml.backtest import execution
from mia_ml.backtest.records import Exit, Fate
from mia_ml.core.errors import DataError
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.evaluation import ladder
from mia_ml.evaluation.ladder import Step
from mia_ml.metrics.bootstrap import Resampling
from mia_ml.scoring.filter import Filter, Rule
from tests.evaluation import grounds, worlds
from tests.scoring.test_filter import model

CONF = Path(__file__).resolve().parents[2] / "conf"
FAST = Resampling(resamples=200, block_days=2.0, level=0.95, seed=1)
GRID = (0.6, 0.8, 1.0)
FINAL = worlds.SHIPPED.confluence.model_dump()


def composed(choice: str, path: Path) -> dict[str, Any]:
    compose_and_dump(path, str(CONF), None, "config", str(CONF / "plugins"), [f"confluence={choice}"])
    return settings.load(path).confluence.model_dump()


def plan(name: str) -> tuple[Step, ...]:
    chosen = worlds.SHIPPED.ladder[name]
    return ladder.steps_of(chosen.start.model_dump(), {key: step.model_dump() for key, step in chosen.steps.items()})


def step(name: str, **changes: Any) -> Step:
    """A step of bare weights against one threshold."""
    given = {"promise": (2.0, 3.0), "promised_signals": None, "rule": None}
    given |= {key: changes.pop(key) for key in tuple(changes) if key in given}
    plain = dict.fromkeys(("low", "normal", "high"), 1.0)
    section = FINAL | {
        "threshold": {"base": 0.2, "low": 1.0, "high": 1.0, "session": False},
        "session": dict.fromkeys(FINAL["session"], 1.0),
        "gamma_cycle": dict.fromkeys(FINAL["gamma_cycle"], 1.0),
        "volatility_adjustment": plain,
        "max_signals_per_day": 20,
    }
    return Step(name=name, adds="", confluence=section | changes, **given)


def no_filter(*_: Any) -> Filter:
    raise AssertionError("no step asked for a filter")


def climb(ground, *steps: Step, filter_of=no_filter):
    return ladder.climb(ground, steps, filter_of, FAST, GRID)


@pytest.mark.parametrize(("name", "final"), [("plan", "final"), ("literal", "final_literal")])
def test_the_last_step_is_the_final_formula(name, final, tmp_path):
    last = plan(name)[-1].confluence
    assert last | {"name": ""} == composed(final, tmp_path / "params.yaml") | {"name": ""}


@pytest.mark.parametrize(
    ("step_name", "formula", "keys"),
    [
        ("baseline", "baseline", ("terms", "threshold")),
        ("book", "phase1_obi", ("terms",)),
        ("thresholds", "phase1_obi", ("terms", "threshold")),
        ("redundancy", "phase1", ("terms", "threshold")),
        ("volatility", "phase2", ("threshold",)),
        ("session", "final", ("session",)),
        ("smart_money", "final", ("terms", "threshold", "session")),
    ],
)
def test_a_step_that_the_plan_has_a_formula_for_has_its_numbers(step_name, formula, keys, tmp_path):
    own = next(one.confluence for one in plan("plan") if one.name == step_name)
    known = composed(formula, tmp_path / "params.yaml")
    rules = ("min_weight_present", "cooldown_minutes", "max_signals_per_day", "volatility_adjustment")
    for key in (*keys, *rules):
        assert own[key] == known[key], key


def test_between_phase_1_and_final_what_was_added_has_its_final_weight_and_the_rest_keeps_its_proportions():
    by_name = {one.name: one.confluence["terms"] for one in plan("plan")}
    phase1, final = by_name["redundancy"], by_name["smart_money"]
    for name in ("tick_momentum", "delta_divergence", "mtf"):
        terms = by_name[name]
        assert sum(terms.values()) == pytest.approx(1)
        assert {key: weight for key, weight in terms.items() if key not in phase1}.items() <= final.items()
        shares = [terms[key] / weight for key, weight in phase1.items()]
        assert shares == pytest.approx([shares[0]] * len(shares))


@pytest.mark.parametrize("name", ["plan", "literal"])
def test_every_step_of_a_ladder_says_what_spec_8_promises(name):
    promised = {one.name: one.promise for one in plan(name)}
    assert promised == {
        "baseline": None,
        "book": (3, 5),
        "thresholds": (2, 3),
        "redundancy": (1, 2),
        "tick_momentum": (2, 3),
        "delta_divergence": (2, 3),
        "volatility": (1, 2),
        "session": (1, 2),
        "mtf": (2, 3),
        "smart_money": (2, 3),
        "ml": (1, 2),
        "gamma_cycle": (1, 1),
    }
    assert {one.name: one.promised_signals for one in plan(name) if one.promised_signals} == {"thresholds": 1.5}
    assert [one.name for one in plan(name) if one.rule is not None] == ["ml", "gamma_cycle"]


def test_a_step_that_changes_nothing_gains_exactly_nothing():
    ground = grounds.made(1)
    first, second = climb(ground, step("one", terms={"tick_momentum": 1.0}), step("two", terms={"tick_momentum": 1.0}))
    assert first.gain_r is first.gain_points is first.verdict is None
    assert first.n_trades > 100
    for gain in (second.gain_r, second.gain_points, second.gain_candidates_r):
        assert (gain.value, gain.low, gain.high) == (0, 0, 0)
    assert second.signals_change == 0
    assert (second.verdict, second.why) == ("undecided", "it changes no crossing on these days")


def test_the_component_that_moves_the_price_is_the_step_that_gains():
    ground = grounds.made(2, n_days=150, edge={"order_book_imbalance": 0.5})
    names = ("tick_momentum", "aggression_bias", "order_book_imbalance", "delta_divergence")
    steps = [step(name, terms=dict.fromkeys(names[: k + 1], 1 / (k + 1))) for k, name in enumerate(names)]
    told = {one.name: one for one in climb(ground, *steps)}
    planted, idle = told["order_book_imbalance"], told["aggression_bias"]
    assert planted.verdict == "confirmed"
    assert planted.gain_r.low > 0
    assert planted.gain_candidates_r.low > 0
    assert idle.verdict != "confirmed"
    assert idle.gain_r.low < 0 < idle.gain_r.high
    candidates, trades = planted.gain_candidates_r, planted.gain_r
    assert candidates.high - candidates.low < trades.high - trades.low


def test_a_promise_is_held_against_the_interval():
    ground = grounds.made(3)
    one, two = step("one", terms={"tick_momentum": 1.0}), step("two", terms={"aggression_bias": 1.0})
    gain = climb(ground, one, two)[1].gain_points
    assert gain.unit == "points"
    for low, verdict in (
        (gain.low - 0.1, "confirmed"),
        (gain.low + 0.1, "undecided"),
        (gain.high - 0.1, "undecided"),
        (gain.high + 0.1, "refuted"),
    ):
        told = climb(ground, one, dataclasses.replace(two, promise=(low, low + 1)))[1]
        assert told.verdict == verdict
        assert ("to see it takes some" in told.why) == (verdict == "undecided")
        assert bool(told.why) == (verdict != "confirmed")


@pytest.mark.parametrize(("promised", "verdict"), [(0.01, "confirmed"), (9.0, "refuted")])
def test_promised_signals_count_too(promised, verdict):
    ground = grounds.made(3)
    one = step("one", terms={"tick_momentum": 1.0}, threshold=step("").confluence["threshold"] | {"base": 0.5})
    two = step("two", terms={"tick_momentum": 1.0}, promise=(-90.0, -80.0), promised_signals=promised)
    told = climb(ground, one, two)[1]
    assert told.signals_change == pytest.approx(told.n_signals / climb(ground, one)[0].n_signals - 1)
    assert told.verdict == verdict
    assert ("the number of signals" in told.why) == (verdict == "refuted")


def test_a_step_without_what_it_weighs_cannot_be_decided():
    ground = grounds.without(grounds.made(4, n_days=40), "order_book_imbalance", "gamma_levels")
    half = {"order_book_imbalance": 0.5, "tick_momentum": 0.5}
    told = climb(
        ground,
        step("one", terms={"tick_momentum": 1.0}),
        step("mostly", terms={"order_book_imbalance": 0.1, "tick_momentum": 0.9}),
        step("half", terms=half),
        step("filtered", terms=half, rule=Rule("fixed", 0.7)),
        step("back", terms={"tick_momentum": 1.0}),
    )
    unreachable = "no reachable signal: order_book_imbalance absent"
    assert [one.why for one in told[1:]] == [
        "order_book_imbalance absent on these days",
        unreachable,
        unreachable,
        f"the step before: {unreachable}",
    ]
    assert {one.verdict for one in told[1:]} == {"undecided"}
    assert [one.n_trades for one in told[2:4]] == [0, 0]
    assert told[4].n_trades == told[0].n_trades > 0


def test_a_step_with_a_rule_trades_what_its_filters_let_pass():
    ground = grounds.made(5, n_days=150, edge={"vwap_trend_rth": 0.5})
    asked = []

    def filter_of(window, formula, rule):
        asked.append((window.name, formula.name, rule))
        ensemble = dataclasses.replace(
            model((4.0, 0.0, 0.0, 0.0)), inputs=("along_vwap_trend_rth", "vix", "side", "exceedance")
        )
        return Filter(ensemble, rule, execution.params(execution.Execution(), INSTRUMENTS["ES"]))

    rule = Rule("fixed", 0.6)
    terms = {"tick_momentum": 1.0}
    told = climb(ground, step("one", terms=terms), step("two", terms=terms, rule=rule), filter_of=filter_of)
    assert asked == [(window.name, FINAL["name"], rule) for window in ground.windows]
    assert 20 < told[1].n_trades < told[0].n_trades
    assert told[1].verdict == "confirmed"
    assert told[1].gain_candidates_r.low > 0
    assert told[1].signals_change < 0


def test_candidates_whose_tape_ended_are_none():
    ground = grounds.made(6, n_days=60, minutes=120)
    ended = np.arange(ground.rows.size) % 3 == 0
    cut, refused = ground.labels.copy(), ground.labels.copy()
    cut["exit_reason"][ended], cut["net_r"][ended] = Exit.TAPE_END, 50.0
    refused["fate"][ended] = Fate.NO_BARRIER
    steps = step("one", terms={"tick_momentum": 1.0}), step("two", terms={"aggression_bias": 1.0})
    told = [climb(dataclasses.replace(ground, labels=labels), *steps)[1] for labels in (cut, refused, ground.labels)]
    assert told[0].gain_candidates_r == told[1].gain_candidates_r != told[2].gain_candidates_r


def test_a_filter_that_cannot_be_trained_is_said():
    def filter_of(*_):
        raise DataError("training window has no event")

    ground = grounds.made(5, n_days=20)
    terms = {"tick_momentum": 1.0}
    told = climb(
        ground, step("one", terms=terms), step("two", terms=terms, rule=Rule("fixed", 0.6)), filter_of=filter_of
    )
    assert told[1].verdict == "undecided"
    assert told[1].why == "its filter cannot be trained: training window has no event"
