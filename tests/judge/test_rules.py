"""Limits against intervals: what clears, what misses, what is left open."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mia_ml.core import figures
from mia_ml.judge.rules import Rule, Status, status

NAN = math.nan
R: dict[str, Any] = {"figure": "expectancy_r", "by": "bound"}


@pytest.mark.parametrize(
    ("limits", "low", "high", "wanted"),
    [
        ({"above": 0.0}, 0.01, 0.20, "pass"),
        ({"above": 0.0}, 0.0, 0.20, "undecidable"),
        ({"least": 0.0}, 0.0, 0.20, "pass"),
        ({"above": 0.0}, -0.1, 0.0, "fail"),
        ({"least": 0.0}, -0.1, 0.0, "undecidable"),
        ({"least": 0.0}, -0.2, -0.1, "fail"),
        ({"above": 0.0}, -0.1, 0.1, "undecidable"),
        ({"below": 1.0}, 0.2, 0.9, "pass"),
        ({"below": 1.0}, 0.2, 1.0, "undecidable"),
        ({"most": 1.0}, 0.2, 1.0, "pass"),
        ({"below": 1.0}, 1.0, 1.5, "fail"),
        ({"most": 1.0}, 1.0, 1.5, "undecidable"),
        ({"most": 1.0}, 1.1, 1.5, "fail"),
        ({"least": 0.0, "most": 1.0}, 0.0, 1.0, "pass"),
        ({"least": 0.0, "most": 1.0}, 0.5, 1.5, "undecidable"),
        ({"least": 0.0, "most": 1.0}, -0.5, 1.5, "undecidable"),
        ({"least": 0.0, "most": 1.0}, 1.2, 1.5, "fail"),
        ({"least": 0.0, "most": 1.0}, -1.5, -1.2, "fail"),
        ({"above": 0.0, "below": 1.0}, 0.0, 0.5, "undecidable"),
        ({"above": 0.0}, NAN, NAN, "undecidable"),
        ({"above": 0.0}, 0.1, math.inf, "pass"),
    ],
)
def test_an_interval_against_limits(limits: dict[str, float], low: float, high: float, wanted: Status) -> None:
    assert status(Rule(**R, **limits).limits, low, high) == wanted


@pytest.mark.parametrize(
    ("limits", "value", "wanted"),
    [
        ({"least": 200.0}, 200.0, "pass"),
        ({"least": 200.0}, 199.0, "fail"),
        ({"above": 200.0}, 200.0, "fail"),
        ({"most": 0.2}, 0.2, "pass"),
        ({"below": 0.15}, 0.15, "fail"),
        ({"least": 25.0, "most": 35.0}, 35.0, "pass"),
        ({"least": 25.0, "most": 35.0}, 36.0, "fail"),
    ],
)
def test_a_value_is_never_undecidable(limits: dict[str, float], value: float, wanted: Status) -> None:
    assert status(Rule("trades_per_month", "value", **limits).limits, value, value) == wanted


finite = st.floats(-10, 10)
pairs = st.tuples(finite, finite).map(sorted)
rules = st.sampled_from(["least", "above"]).flatmap(
    lambda floor: finite.map(lambda limit: Rule("expectancy_r", "bound", **{floor: limit}))
)


@given(st.sampled_from(["least", "above", "most", "below"]), finite, pairs)
def test_a_pass_and_a_fail_exclude_each_other(side: str, limit: float, ends: list[float]) -> None:
    """The opposite limit passes exactly where this one fails: a status and its mirror are never the same."""
    opposite = {"least": "below", "above": "most", "most": "above", "below": "least"}[side]
    here = status(Rule("expectancy_r", "bound", **{side: limit}).limits, *ends)
    there = status(Rule("expectancy_r", "bound", **{opposite: limit}).limits, *ends)
    assert {(here == "pass"), (there == "fail")} in ({True}, {False})
    assert {(here == "fail"), (there == "pass")} in ({True}, {False})
    assert (here == "undecidable") == (there == "undecidable")


@given(rules, pairs, st.floats(0, 5), st.floats(0, 5))
def test_more_never_loses_a_floor(rule: Rule, ends: list[float], up_low: float, up_high: float) -> None:
    order = ["fail", "undecidable", "pass"]
    low, high = ends
    raised = low + up_low
    before = status(rule.limits, low, high)
    after = status(rule.limits, raised, max(raised, high + up_high))
    assert order.index(after) >= order.index(before)


@pytest.mark.parametrize(
    ("rule", "level", "sentence"),
    [
        (Rule("profit_factor", "bound", least=1.15), 0.95, "lower 95 % bound of profit factor at least 1.15"),
        (Rule("max_drawdown", "bound", below=0.15), 0.975, "upper 97.5 % bound of maximum drawdown below 15 %"),
        (Rule("max_drawdown", "value", below=0.15), 0.95, "maximum drawdown below 15 %"),
        (Rule("n_trades", "value", least=1200), 0.95, "out-of-sample trades at least 1,200"),
        (
            Rule("win_rate", "bound", least=0.63, says="63-67 %"),
            0.95,
            "lower 95 % bound of win rate at least 63 % (the plan says 63-67 %)",
        ),
        (
            Rule("sharpe", "bound", above=1, most=2),
            0.95,
            "95 % interval of annual Sharpe ratio above 1 and at most 2",
        ),
    ],
)
def test_a_rule_as_a_sentence(rule: Rule, level: float, sentence: str) -> None:
    assert rule.sentence(rule.limits, level) == sentence


def test_a_look_at_the_holdout_asks_for_more() -> None:
    """The second look may spend 0.05 / 6: a confidence is held to 0.9917, a p-value to 0.0083; nothing else moves."""
    alpha = 0.05 / 6
    assert Rule("dsr", "value", least=0.95).limits_at(alpha)[0].value == 1 - alpha
    assert Rule("twins_p", "value", below=0.05).limits_at(alpha)[0].value == alpha
    assert Rule("dsr", "value", least=0.999).limits_at(alpha)[0].value == 0.999
    assert Rule("twins_p", "value", below=0.001).limits_at(alpha)[0].value == 0.001
    for unmoved in (Rule("pbo", "value", most=0.2), Rule("expectancy_r", "bound", above=0.0)):
        assert unmoved.limits_at(alpha) == unmoved.limits
    assert Rule("dsr", "value", least=0.90).limits_at(NAN)[0].value == 0.90


def test_every_figure_of_the_days_has_its_unit() -> None:
    from mia_ml.metrics import day_sums

    for name, unit in day_sums.UNITS.items():
        if name in figures.FIGURES:
            assert figures.FIGURES[name].unit == unit
    assert set(day_sums.UNITS) - set(figures.FIGURES) == {"break_even_win_rate"}
