"""What no market could have passed, by the formula, and only that."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mia_ml.judge.feasible import Facts, obstacle
from mia_ml.judge.rules import Rule

PAYOFF = Rule("average_win_over_loss", "bound", above=1.5)


def blocked(rule: Rule, facts: Facts) -> bool:
    return obstacle(rule, rule.limits, facts) is not None


def test_the_plans_own_barriers_rule_out_its_payoff() -> None:
    """(1.5 - c) / (1 + c) < 1.5 for every cost, and 1.5 is not above 1.5 without one."""
    for cost in (0.0, 0.05, 0.2, math.nan):
        assert blocked(PAYOFF, Facts(take_profit=1.5, stop=1.0, mean_cost_r=cost))
    assert not blocked(PAYOFF, Facts(take_profit=2.0, stop=1.0, mean_cost_r=0.1))  # 1.9 / 1.1 = 1.73
    assert blocked(PAYOFF, Facts(take_profit=2.0, stop=1.0, mean_cost_r=0.25))  # 1.75 / 1.25 = 1.4
    assert not blocked(PAYOFF, Facts())


@given(st.floats(0.5, 5), st.floats(0.5, 3), st.floats(0, 0.9), st.floats(0.1, 4))
def test_the_payoff_within_reach(take_profit: float, stop: float, cost_r: float, asked: float) -> None:
    """A stop costs 1 R, a take-profit pays TP / SL R; both pay the costs. What is said to lift the obstacle does."""
    rule = Rule("average_win_over_loss", "bound", least=asked)
    facts = Facts(take_profit=take_profit, stop=stop, mean_cost_r=cost_r)
    best = (take_profit / stop - cost_r) / (1 + cost_r)
    found = obstacle(rule, rule.limits, facts)
    assert (found is not None) == (best < asked)
    if found:
        ratio = float(found.would_change.split("at least ")[1].split(" x ")[0])
        lifted = Facts(take_profit=ratio * 1.001 * stop, stop=stop, mean_cost_r=cost_r)
        assert not blocked(rule, lifted)


@pytest.mark.parametrize(
    ("rule", "facts", "why", "would_change"),
    [
        (
            Rule("signals_per_month", "value", least=25, most=35),
            Facts(max_signals_per_day=1),
            "at best 21 x 1 = 21 with max_signals_per_day 1",
            "max_signals_per_day of 2 or more",
        ),
        (
            Rule("trades_per_month", "value", above=63),
            Facts(max_signals_per_day=3),
            "at best 21 x 3 = 63 with max_signals_per_day 3",
            "max_signals_per_day of 4 or more",
        ),
        (
            Rule("n_trades", "value", least=200),
            Facts(max_signals_per_day=3, n_days=60),
            "at best 60 x 3 = 180 on 60 days with max_signals_per_day 3",
            "a history of 67 days or more",
        ),
        (
            Rule("days_traded", "value", least=100),
            Facts(n_days=60),
            "at best 60, all days there are",
            "a history of 100 days or more",
        ),
        (
            Rule("twins_p", "value", below=0.001),
            Facts(n_twins=999),
            "at best 1 / (999 + 1) = 0.001 with 999 twins",
            "1,000 twins or more",
        ),
    ],
)
def test_what_the_settings_and_the_history_rule_out(rule: Rule, facts: Facts, why: str, would_change: str) -> None:
    found = obstacle(rule, rule.limits, facts)
    assert found
    assert (found.why, found.would_change) == (why, would_change)


@pytest.mark.parametrize(
    ("rule", "facts"),
    [
        (Rule("signals_per_month", "value", least=25, most=35), Facts(max_signals_per_day=2)),
        (Rule("signals_per_month", "value", most=10), Facts(max_signals_per_day=1)),
        (Rule("trades_per_month", "value", least=63), Facts(max_signals_per_day=3)),
        (Rule("n_trades", "value", least=180), Facts(max_signals_per_day=3, n_days=60)),
        (Rule("n_trades", "value", least=200), Facts(n_days=60)),
        (Rule("days_traded", "value", least=60), Facts(n_days=60)),
        (Rule("twins_p", "value", below=0.05), Facts(n_twins=20)),
        (Rule("win_rate", "bound", above=0.75), Facts(1.5, 1.0, 0.1, 1, 10, 100)),
    ],
)
def test_what_they_do_not(rule: Rule, facts: Facts) -> None:
    assert not blocked(rule, facts)


def test_a_late_look_may_ask_for_more_than_the_twins_can_show() -> None:
    """The 7th look may spend 0.00089, and 1,000 twins show no less than 0.000999."""
    rule = Rule("twins_p", "value", below=0.05)
    facts = Facts(n_twins=1000, alpha=0.05 / 56)
    assert obstacle(rule, rule.limits_at(facts.alpha), facts)
