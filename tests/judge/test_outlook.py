"""What it would take: sizes by the square root law, held against the bounds they promise."""

import math
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mia_ml.judge import outlook
from mia_ml.judge.rules import Rule, status
from tests.judge.sample import by_name, measured


def asked(rule: Rule, *found, **others: float) -> str:
    estimates = by_name(*found, *(measured(name, value) for name, value in others.items()))
    held = estimates[rule.figure]
    low, high = (held.value, held.value) if rule.by == "value" else (held.low, held.high)
    return outlook.would_change(rule, rule.limits, status(rule.limits, low, high), held, estimates)


@pytest.mark.parametrize(
    ("rule", "found", "others", "text"),
    [
        (Rule("n_trades", "value", least=200), ("n_trades", 57), {}, "143 more trades"),
        (
            Rule("n_trades", "value", least=200),
            ("n_trades", 57),
            {"n_days": 114},
            "143 more trades, about 286 more days at this rate",
        ),
        (Rule("n_trades", "value", above=200), ("n_trades", 200), {}, "1 more trades"),
        (Rule("n_days", "value", least=250), ("n_days", 114), {}, "136 more trading days"),
        (Rule("n_trades", "value", least=200), ("n_trades", 0), {"n_days": 10}, "200 more trades"),
        (Rule("max_drawdown", "value", below=0.15), ("max_drawdown", 0.2), {}, "needs maximum drawdown below 15 %"),
        (
            Rule("signals_per_month", "value", least=25, most=35),
            ("signals_per_month", 40),
            {},
            "needs signals a month at most 35",
        ),
        (Rule("n_trades", "value", least=200), ("n_trades", 200), {}, ""),
        (
            Rule("expectancy_r", "bound", above=0),
            ("expectancy_r", -0.2, -0.3, -0.1),
            {"n_trades": 100},
            "needs net expectancy above 0 R; more of the same would not change it",
        ),
        (
            Rule("expectancy_r", "bound", above=0),
            ("expectancy_r", 0.05, -0.05, 0.15),
            {"n_trades": 100},
            "about 300 more trades at this mean and spread would decide it",
        ),
        (
            Rule("expectancy_r", "bound", above=0),
            ("expectancy_r", -0.05, -0.15, 0.05),
            {"n_trades": 100},
            "needs net expectancy above 0 R; at this mean and spread about 300 more trades would fail it",
        ),
        (
            Rule("sharpe", "bound", above=1.8),
            ("sharpe", 2.3, 1.3, 3.3),
            {"n_days": 250, "n_trades": 9},
            "about 750 more trading days at this mean and spread would decide it",
        ),
        (
            Rule("expectancy_r", "bound", above=0),
            ("expectancy_r", 0.05, -0.05, 0.15),
            {},
            "more trades at this mean and spread would decide it",
        ),
        (
            Rule("expectancy_r", "bound", above=0),
            ("expectancy_r", 0.0, -0.1, 0.1),
            {"n_trades": 100},
            "needs net expectancy above 0 R; at this mean and spread more than 1,000,000 trades would fail it",
        ),
        (
            Rule("expectancy_r", "bound", above=0),
            ("expectancy_r", 0.05),
            {"n_trades": 3},
            "a sample that allows an interval",
        ),
    ],
)
def test_what_it_takes(rule: Rule, found: tuple, others: dict[str, float], text: str) -> None:
    assert asked(rule, measured(*found), **others) == text


@given(st.floats(0.01, 1), st.floats(0.01, 1), st.integers(10, 5000))
def test_so_many_more_do_decide_it(value: float, half: float, n: int) -> None:
    """With the interval narrowed by the square root of the sample, the bound clears; with a tenth less it does not."""
    assume(1.05 * value < half and n * (half / value) ** 2 < outlook.LONGEST)
    rule = Rule("expectancy_r", "bound", above=0)
    text = asked(rule, measured("expectancy_r", value, value - half, value + half), n_trades=n)
    found = re.match(r"about ([\d,]+) more trades", text)
    assert found
    more = int(found[1].replace(",", ""))

    def bound(size: float) -> float:
        return value - half * math.sqrt(n / size)

    assert bound(n + more) >= -1e-9
    assert bound(n + 0.9 * more - 2) < 0
