"""One decision for each row of the table, and the sentence that says it."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mia_ml.judge import gates, verdict
from mia_ml.judge.judgement import GateTable, Integrity, LadderStep, Verdict
from mia_ml.metrics import estimate
from mia_ml.metrics.estimate import Estimate
from tests.judge.sample import about, by_name, measured, passing, power, selection, table
from tests.judge.test_gates import CHECKS, FACTS, desk, shipped

NO_GAIN = measured("expectancy_r", -0.021, -0.1, 0.06)


def reached(*changed: Estimate, tables: list[GateTable] | None = None, **given: Any) -> Verdict:
    found = passing() | by_name(*changed)
    known = {"about": about(), "power": power()} | given
    return verdict.reach(
        estimates=found, tables=[desk(found)] if tables is None else tables, selection=selection(), **known
    )


@pytest.mark.parametrize(
    ("changed", "decision", "opening"),
    [
        ([], "edge", "Edge found: +0.150 R a trade (95 % +0.060 to +0.240) over 840 trades on 1,000 days, costs in; "),
        ([NO_GAIN], "no edge found", "No edge found: -0.021 R a trade (95 % -0.100 to +0.060) over 840 trades"),
        ([measured("expectancy_r", -0.2, -0.3, -0.1)], "no edge found", "No edge found: -0.200 R a trade"),
        (
            [measured("dsr", 0.71), measured("profit_factor", 1.05, 0.98, 1.12)],
            "no edge found",
            "No edge found, with deflated Sharpe ratio 0.710 and profit factor 1.05 (0.98 to 1.12): +0.150 R a trade",
        ),
        ([measured("twins_p", 0.3)], "no edge found", "No edge found, with p-value against the random-entry twins 0.3"),
        ([measured("pbo", 0.6)], "no edge found", "No edge found, with probability of backtest overfitting 0.600: "),
        (
            [measured("expectancy_r_plus_tick", -0.1, -0.2, -0.01)],
            "no edge found",
            "No edge found, with net expectancy with one more tick of cost -0.100 R (-0.200 to -0.010 R): ",
        ),
        (
            [measured("n_trades", 57), measured("days_traded", 40), NO_GAIN, measured("dsr", 0.1)],
            "undecided",
            "Not decided, too little data (57 of 200 out-of-sample trades, 40 of 100 days with a trade): -0.021 R",
        ),
        ([measured("n_days", 249)], "undecided", "Not decided, too little data (249 of 250 out-of-sample days): "),
        (
            [measured("profit_factor", 1.3, 1.1, 1.5), measured("max_drawdown", 0.2)],
            "undecided",
            "Not decided, open: profit factor (undecidable) and maximum drawdown (fail): +0.150 R a trade",
        ),
        ([measured("trades_per_month", 5)], "undecided", "Not decided, open: trades a month (fail): "),
        (
            [estimate.undecided("dsr", "probability", "no trial was counted")],
            "undecided",
            "Not decided, open: deflated Sharpe ratio (undecidable): ",
        ),
        (
            [estimate.undecided("expectancy_r", "R", "no trades"), measured("n_trades", 0)],
            "undecided",
            "Not decided, too little data (0 of 200 out-of-sample trades): expectancy not known (no trades) ",
        ),
        (
            [measured("expectancy_r", 0.1)],
            "undecided",
            "Not decided, open: net expectancy (undecidable): +0.100 R a trade (no interval) over",
        ),
    ],
)
def test_one_decision(changed: list[Estimate], decision: str, opening: str) -> None:
    found = reached(*changed)
    assert found.decision == decision
    assert found.sentence.startswith(opening)
    assert found.sentence.endswith("; 14,208 inner and 97 outer configurations were tried.")
    assert "\n" not in found.sentence


def test_a_broken_machine_decides_nothing() -> None:
    found = passing() | by_name(NO_GAIN)
    checks = [Integrity(name=name, ok=name not in ("parity", "audit"), detail="-") for name in CHECKS]
    broken = gates.table("desk", shipped("desk"), found, checks, FACTS)
    judged = reached(NO_GAIN, tables=[broken])
    assert judged.decision == "undecided"
    assert judged.sentence.startswith("Not decided, a check of the machinery fails (parity and audit): -0.021 R")


def test_a_check_that_was_not_made_withholds_the_edge_and_nothing_else() -> None:
    found = passing()
    assert reached(tables=[desk(found, checks=CHECKS[:4])]).sentence.startswith(
        "Not decided, open: latency (undecidable): "
    )
    found |= by_name(NO_GAIN)
    assert reached(NO_GAIN, tables=[desk(found, checks=())]).decision == "no edge found"


def test_nothing_is_an_edge_without_a_gate() -> None:
    plan = gates.table("plan_phase3", shipped("plan_phase3"), by_name(measured("win_rate", 0.8, 0.78, 0.82)))
    for tables in ([], [plan]):
        assert reached(tables=tables).sentence.startswith("Not decided, there are no blocking gates: ")
        assert verdict.allowed(tables) == "nothing"


def test_only_where_no_gain_was_seen_it_says_what_would_have_been() -> None:
    assert "costs in, where +0.120 R would have been seen; " in reached(NO_GAIN).sentence
    assert reached(NO_GAIN).reasons[1] == (
        "an expectancy of +0.120 R or more would have shown in four of five such samples; a smaller one may hide"
    )
    for other in (reached(), reached(measured("dsr", 0.5)), reached(NO_GAIN, power=power(math.nan))):
        assert "would have" not in " ".join([other.sentence, *other.reasons])


def test_synthetic_data_says_so() -> None:
    assert reached(about=about(synthetic=True)).sentence.startswith("Edge found in SYNTHETIC data: ")
    assert reached(NO_GAIN, about=about(synthetic=True)).sentence.startswith("No edge found in SYNTHETIC data: ")
    assert "SYNTHETIC" in reached(about=about(synthetic=True)).reasons[-1]
    assert "SYNTHETIC" not in str(reached())


def test_a_look_at_the_holdout_says_which() -> None:
    judged = reached(about=about(look=2, alpha=0.05 / 6))
    assert judged.sentence.endswith(" were tried, on the 2nd look at the sealed days.")
    assert "2nd look at the sealed days: it may spend alpha 0.0083, so its intervals are at 99.17 %" in judged.reasons


@pytest.mark.parametrize(
    ("holdout", "said"),
    [
        ("5 days", "the sealed hold-out is a declared 5 days, where the plan asks for its last two years"),
        ("none", "no hold-out is sealed, where the plan asks for its last two years"),
        ("24 months", None),
        ("", None),
    ],
)
def test_a_declared_holdout_says_so(holdout: str, said: str | None) -> None:
    spoken = [reason for reason in reached(holdout=holdout).reasons if "two years" in reason]
    assert spoken == ([said] if said else [])


def test_reasons_begin_with_what_decided() -> None:
    judged = reached(NO_GAIN, measured("max_drawdown", 0.2))
    assert judged.reasons[0] == (
        "lower 95 % bound of net expectancy above 0 R: undecidable: the interval -0.100 to +0.060 R holds 0 R"
    )
    assert judged.reasons[2:] == ("maximum drawdown below 15 %: fail: measured 20.0 %", "14 of 16 blocking gates pass")
    assert len(reached().reasons) == len(verdict.EDGE) - 2 + 1  # no PSR and SPA among the gates; and the count


def step(name: str, said: Any) -> LadderStep:
    nothing = measured("expectancy_r", 0.0)
    return LadderStep(
        name=name,
        adds="",
        promise=None,
        promised_signals=None,
        n_trades=0,
        n_signals=0,
        expectancy_r=nothing,
        win_rate_minus_break_even=nothing,
        gain_r=None,
        gain_points=None,
        gain_candidates_r=None,
        signals_change=None,
        verdict=said,
        why="12 trades in all",
    )


def test_what_could_not_be_decided_is_listed() -> None:
    tables = [desk(passing(), checks=CHECKS[:4]), gates.table("plan_phase3", shipped("plan_phase3"), {})]
    ladders = {"plan": [step("baseline", None), step("book", "undecided"), step("tick", "refuted")]}
    assert reached(tables=tables, ladders=ladders).undecided == (
        "Desk, latency: undecidable: the check was not made",
        "The plan, phase 3, win_rate: undecidable: it was not measured",
        "ladder plan, book: 12 trades in all",
    )


statuses = st.lists(st.sampled_from(["pass", "fail", "undecidable", "infeasible"]), min_size=1, max_size=6)


@given(statuses, statuses)
def test_how_far_a_version_may_go(blocking: list[Any], reported: list[Any]) -> None:
    tables = [table(*reported, blocking=False), table(*blocking)]
    stage = verdict.allowed(tables)
    assert (stage == "champion") == (set(blocking) == {"pass"})
    assert (stage == "nothing") == bool({"fail", "infeasible"} & set(blocking))
    assert (verdict.rule(tables).decision == "edge") == (stage == "champion")
