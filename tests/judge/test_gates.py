"""Gates held against estimates: the status, and what is said about it."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mia_ml.judge import gates
from mia_ml.judge.feasible import Facts
from mia_ml.judge.judgement import GateResult, GateTable, Integrity
from mia_ml.judge.rules import Rule
from mia_ml.metrics import estimate
from mia_ml.metrics.estimate import Estimate
from mia_ml.settings import base
from mia_ml.settings.gates import GateFile
from tests.judge.sample import by_name, measured, passing

CONF = Path(__file__).resolve().parents[2] / "conf" / "gates"
CHECKS = ("parity", "canaries", "audit", "agreement", "latency")
FACTS = Facts(take_profit=2.0, stop=1.0, mean_cost_r=0.1, max_signals_per_day=3, n_days=1000, n_twins=1000)
POSITIVE = Rule("expectancy_r", "bound", above=0)


def shipped(name: str) -> dict[str, Any]:
    """A gate file as a stage has it."""
    values = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    return base.read(GateFile, values[name], name).model_dump()


def desk(found: dict[str, Estimate], facts: Facts = FACTS, checks: tuple[str, ...] = CHECKS) -> GateTable:
    made = [Integrity(name=name, ok=True, detail="as it should be") for name in checks]
    return gates.table("desk", shipped("desk"), found, made, facts)


def of(table: GateTable, name: str) -> GateResult:
    return next(result for result in table.results if result.name == name)


def hold(rule: Rule, *found: Estimate, facts: Facts = FACTS) -> GateResult:
    return gates.hold("gate", rule, by_name(*found), facts)


def test_a_result_that_passes_the_desk() -> None:
    table = desk(passing())
    assert table.passed
    assert table.blocking
    assert [result.name for result in table.results] == [*shipped("desk")["gates"], *CHECKS]
    assert {result.would_change for result in table.results} == {""}


@pytest.mark.parametrize(
    ("changed", "gate", "status"),
    [
        (measured("n_trades", 199), "trades", "fail"),
        (measured("days_traded", 99), "days_traded", "fail"),
        (measured("n_days", 249), "days", "fail"),
        (measured("expectancy_r", 0.15, 0.0, 0.3), "expectancy", "undecidable"),
        (measured("expectancy_r", -0.15, -0.3, 0.0), "expectancy", "fail"),
        (measured("dsr", 0.9499), "deflated_sharpe", "fail"),
        (measured("pbo", 0.2001), "overfitting", "fail"),
        (measured("twins_p", 0.05), "twins", "fail"),
        (measured("profit_factor", 1.3, 1.1, 1.5), "profit_factor", "undecidable"),
        (measured("profit_factor", 1.0, 0.9, 1.1), "profit_factor", "fail"),
        (measured("max_drawdown", 0.15), "drawdown", "fail"),
        (measured("expectancy_r_plus_tick", 0.05, -0.01, 0.1), "one_more_tick", "undecidable"),
        (measured("trades_per_month", 7.9), "frequency", "fail"),
    ],
)
def test_each_gate_of_the_desk_alone_stops_it(changed: Estimate, gate: str, status: str) -> None:
    table = desk(passing() | by_name(changed))
    stopped = [result.name for result in table.results if result.status != "pass"]
    assert stopped == [gate]
    assert of(table, gate).status == status
    assert of(table, gate).would_change


@pytest.mark.parametrize("name", passing())
def test_a_figure_that_is_absent_is_undecidable(name: str) -> None:
    found = passing()
    del found[name]
    (stopped,) = (result for result in desk(found).results if result.status != "pass")
    assert (stopped.figure, stopped.status, stopped.why) == (name, "undecidable", "it was not measured")
    assert math.isnan(stopped.value)


@pytest.mark.parametrize("rule", [POSITIVE, Rule("expectancy_r", "value", above=0)])
def test_an_undecidable_estimate_keeps_its_reason(rule: Rule) -> None:
    for found in (estimate.undecided("expectancy_r", "R", "no trades"), measured("expectancy_r", math.nan, 0.1, 0.2)):
        held = hold(rule, found)
        assert held.status == "undecidable"
        assert held.why == (found.undecidable or "its value is not known")


def test_without_an_interval_only_the_value_decides() -> None:
    found = measured("expectancy_r", 0.5)
    held = hold(POSITIVE, found)
    assert (held.status, held.why) == ("undecidable", "+0.500 R has no interval")
    assert hold(Rule("expectancy_r", "value", above=0), found).status == "pass"


def test_what_is_said_of_a_gate() -> None:
    held = hold(POSITIVE, measured("expectancy_r", 0.03, -0.03, 0.09), measured("n_trades", 640))
    assert held.model_dump() | {"bounds": None} == {
        "name": "gate",
        "figure": "expectancy_r",
        "rule": "lower 95 % bound of net expectancy above 0 R",
        "status": "undecidable",
        "value": 0.03,
        "low": -0.03,
        "high": 0.09,
        "unit": "R",
        "why": "the interval -0.030 to +0.090 R holds 0 R",
        "would_change": "about 2,000 more trades at this mean and spread would decide it",
        "bounds": None,
    }
    assert held.bounds[0] == 0
    assert math.isnan(held.bounds[1])
    assert hold(POSITIVE, measured("expectancy_r", 0.2, 0.1, 0.3)).why == (
        "the whole interval +0.100 to +0.300 R clears it"
    )
    assert hold(POSITIVE, measured("expectancy_r", -0.2, -0.3, -0.1)).why == (
        "the whole interval -0.300 to -0.100 R misses it"
    )
    both = Rule("win_rate", "bound", least=0.5, most=0.6)
    assert hold(both, measured("win_rate", 0.55, 0.45, 0.65)).why == "the interval 45.0 to 65.0 % holds 50 % and 60 %"
    assert hold(both, measured("win_rate", 0.55, 0.52, 0.65)).why == "the interval 52.0 to 65.0 % holds 60 %"
    assert hold(both, measured("win_rate", 0.55)).bounds == (0.5, 0.6)


def test_a_level_is_that_of_the_interval() -> None:
    held = hold(POSITIVE, measured("expectancy_r", 0.2, 0.1, 0.3, level=0.99))
    assert held.rule == "lower 99 % bound of net expectancy above 0 R"


LITERAL = Facts(take_profit=1.5, stop=1.0, mean_cost_r=0.1)
PAYOFF = Rule("average_win_over_loss", "bound", above=1.5)


@pytest.mark.parametrize(
    "found",
    [
        [measured("average_win_over_loss", 1.2, 1.1, 1.3)],
        [measured("average_win_over_loss", 1.4, 1.2, 1.6)],
        [estimate.undecided("average_win_over_loss", "ratio", "no losing trade")],
        [],
    ],
)
def test_the_plans_payoff_with_the_plans_barriers(found: list[Estimate]) -> None:
    held = hold(PAYOFF, *found, facts=LITERAL)
    assert held.status == "infeasible"
    assert "(1.5 / 1 - 0.100) / (1 + 0.100) = 1.27" in held.why
    assert held.would_change == "a take-profit above 1.75 x the stop at this cost"
    assert hold(PAYOFF, *found).status != "infeasible"


def test_a_measured_pass_stands_against_the_formula() -> None:
    """Time-outs can cut losses below the stop; what was measured is not argued away."""
    assert hold(PAYOFF, measured("average_win_over_loss", 1.9, 1.6, 2.2), facts=LITERAL).status == "pass"


def test_a_look_asks_for_its_own_level() -> None:
    """Alpha of the first look is 0.025: an interval at 95 % is not enough, one at 97.5 % is."""
    look = Facts(alpha=0.025)
    held = hold(POSITIVE, measured("expectancy_r", 0.2, 0.1, 0.3), facts=look)
    assert held.status == "undecidable"
    assert held.why == "its interval is at 95 %, this look asks for 97.5 %"
    assert hold(POSITIVE, measured("expectancy_r", 0.2, 0.1, 0.3, level=1 - 0.025), facts=look).status == "pass"
    assert hold(Rule("dsr", "value", least=0.95), measured("dsr", 0.96), facts=look).status == "fail"
    assert hold(Rule("twins_p", "value", below=0.05), measured("twins_p", 0.03), facts=look).status == "fail"
    assert hold(POSITIVE, facts=look).rule == "lower 97.5 % bound of net expectancy above 0 R"


def test_checks_of_the_machinery() -> None:
    checks = [Integrity(name="parity", ok=True, detail="same bytes"), Integrity(name="audit", ok=False, detail="gaps")]
    table = gates.table("desk", shipped("desk"), passing(), checks, FACTS)
    found = {result.name: (result.status, result.value, result.why) for result in table.results[-5:]}
    assert found["parity"] == ("pass", 1.0, "same bytes")
    assert found["audit"] == ("fail", 0.0, "gaps")
    for absent in ("canaries", "agreement", "latency"):
        assert found[absent][0] == "undecidable"
        assert found[absent][2] == "the check was not made"


any_estimate = st.tuples(st.floats(-3, 3), st.floats(0, 2), st.floats(0, 2)).map(
    lambda drawn: measured("average_win_over_loss", drawn[0], drawn[0] - drawn[1], drawn[0] + drawn[2])
)
any_rule = st.tuples(st.sampled_from(["least", "above"]), st.sampled_from(["bound", "value"]), st.floats(0, 3)).map(
    lambda drawn: Rule("average_win_over_loss", drawn[1], **{drawn[0]: drawn[2]})
)


@given(any_rule, any_estimate, st.floats(0, 3), st.sampled_from([FACTS, LITERAL, Facts()]))
def test_a_better_figure_never_loses_a_pass(rule: Rule, found: Estimate, up: float, facts: Facts) -> None:
    better = measured(found.name, found.value + up, found.low + up, found.high + up)
    if hold(rule, found, facts=facts).status == "pass":
        assert hold(rule, better, facts=facts).status == "pass"


def number(result: dict[str, Any]) -> tuple[Any, ...]:
    ends = tuple((end, result[end]) for end in ("least", "above", "most", "below") if result[end] is not None)
    return result["figure"], result["by"], *ends


SPEC_8 = {
    "desk": {
        "trades": ("n_trades", "value", ("least", 200)),
        "days_traded": ("days_traded", "value", ("least", 100)),
        "days": ("n_days", "value", ("least", 250)),
        "expectancy": ("expectancy_r", "bound", ("above", 0)),
        "deflated_sharpe": ("dsr", "value", ("least", 0.95)),
        "overfitting": ("pbo", "value", ("most", 0.20)),
        "twins": ("twins_p", "value", ("below", 0.05)),
        "profit_factor": ("profit_factor", "bound", ("least", 1.15)),
        "drawdown": ("max_drawdown", "value", ("below", 0.15)),
        "one_more_tick": ("expectancy_r_plus_tick", "bound", ("above", 0)),
        "frequency": ("trades_per_month", "value", ("least", 8)),
    },
    "plan_start": {
        "win_rate": ("win_rate", "bound", ("least", 0.57)),
        "signals": ("signals_per_month", "value", ("least", 8), ("most", 12)),
        "sharpe": ("sharpe", "bound", ("least", 1.1)),
        "annual_return": ("annual_return", "bound", ("least", 0.12)),
    },
    "plan_phase1": {
        "win_rate": ("win_rate", "bound", ("least", 0.63)),
        "signals": ("signals_change_vs_baseline", "value", ("least", 1.0)),
    },
    "plan_phase2": {
        "win_rate": ("win_rate", "bound", ("least", 0.70)),
        "profit_factor": ("profit_factor", "bound", ("above", 1.8)),
        "sharpe": ("sharpe", "bound", ("above", 1.6)),
        "drawdown": ("max_drawdown", "value", ("below", 0.18)),
    },
    "plan_phase3": {"win_rate": ("win_rate", "bound", ("least", 0.75))},
    "plan": {
        "win_rate": ("win_rate", "bound", ("above", 0.75)),
        "profit_factor": ("profit_factor", "bound", ("above", 2.0)),
        "sharpe": ("sharpe", "bound", ("above", 1.8)),
        "drawdown": ("max_drawdown", "value", ("below", 0.15)),
        "payoff": ("average_win_over_loss", "bound", ("above", 1.5)),
        "signals": ("signals_per_month", "value", ("least", 25), ("most", 35)),
        "annual_return": ("annual_return", "bound", ("above", 0.25)),
    },
}


def test_the_shipped_files_hold_the_numbers_of_the_spec() -> None:
    files = {path.stem: shipped(path.stem) for path in CONF.glob("*.yaml")}
    assert {
        name: {gate: number(rule) for gate, rule in file["gates"].items()} for name, file in files.items()
    } == SPEC_8
    assert [name for name, file in files.items() if file["blocking"]] == ["desk"]
    assert {name: tuple(file["integrity"]) for name, file in files.items() if file["integrity"]} == {"desk": CHECKS}
    assert {name for name, file in files.items() if file["money"]} == {"plan"}


def test_the_plans_money_beside_what_was_measured() -> None:
    """6 % of 100,000 a year in 12 x 17.6 trades are 28 USD a trade, where the plan goes from 117 to 72."""
    found = passing() | by_name(measured("annual_return", 0.06, -0.01, 0.13), measured("win_rate", 0.41, 0.38, 0.44))
    notes = gates.table("plan", shipped("plan"), found).notes
    assert [tuple(note.model_dump().values()) for note in notes] == [
        ("USD a year on 100,000", "+14,000 USD -> +26,000 USD", "+6,000 USD (95 % -1,000 to +13,000 USD)"),
        ("win rate", "57.0 % -> 78.0 %", "41.0 % (95 % 38.0 to 44.0 %)"),
        ("trades a month", "10.0 -> 30.0", "17.6"),
        ("USD a trade", "+117 USD -> +72 USD", "+28 USD (95 % -5 to +62 USD)"),
    ]


def test_money_that_was_not_measured() -> None:
    notes = gates.table("plan", shipped("plan"), by_name(measured("trades_per_month", 0.0))).notes
    assert [note.measured for note in notes] == ["not measured", "not measured", "0.0", "no trades"]
    assert gates.table("desk", shipped("desk"), passing()).notes == ()
