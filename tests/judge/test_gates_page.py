"""Gate tables as a terminal and a pipe get them."""

import math

from mia_ml.judge import gates, gates_page
from tests.judge.sample import by_name, measured, passing
from tests.judge.test_gates import CHECKS, desk, shipped


def tables() -> list:
    plan = gates.table("plan", shipped("plan"), by_name(measured("win_rate", 0.41, 0.38, 0.44)))
    return [plan, desk(passing() | by_name(measured("max_drawdown", 0.2)), checks=CHECKS[:4])]


def test_a_pipe_gets_one_line_a_gate() -> None:
    lines = gates_page.text("mia/3", "Not decided.", tables()).splitlines()
    assert lines[:2] == ["mia/3", "Not decided."]
    headings = [line for line in lines if " pass" in line and "(" in line and line.endswith("pass")]
    assert headings == ["Desk (desk, blocking): 14 of 16 pass", "The plan, final (plan, reported): 0 of 7 pass"]
    drawdown = next(line for line in lines if line.startswith("drawdown"))
    assert drawdown.split("  ")[0] == "drawdown"
    for text in (" fail ", "20.0 %", "maximum drawdown below 15 %", "needs maximum drawdown below 15 %"):
        assert text in drawdown
    assert "95.0" not in drawdown
    assert any(line.startswith("win rate: the plan says 57.0 % -> 78.0 %; here 41.0 % (95 %") for line in lines)
    assert lines[-1] == "allowed: nothing"
    assert "\x1b" not in "".join(lines)


def test_a_figure_without_a_value_is_a_dash() -> None:
    lines = gates_page.text("mia/3", "", tables()).splitlines()
    latency = next(line for line in lines if line.startswith("latency"))
    assert " - " in latency
    assert str(math.nan) not in "".join(lines)


def test_a_terminal_gets_a_box_of_its_width() -> None:
    text = gates_page.text("mia/3", "Not decided.", tables(), terminal_width=120)
    assert "│" in text
    assert "\x1b[31m" in text  # red, for the gate that fails
