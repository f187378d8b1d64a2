"""Gate files: what a typo or an impossible rule is answered with."""

import math
from typing import Any

import pytest

from mia_ml.core.errors import ConfigError
from mia_ml.settings import base
from mia_ml.settings.gates import Gate, GateFile

RULE: dict[str, Any] = {"figure": "expectancy_r", "by": "bound", "above": 0.0}


class Files(base.Section):
    gates: dict[str, GateFile]


def refusal(rule: dict[str, Any] | None = None, **changes: Any) -> str:
    file = {"title": "Desk", "blocking": True, "gates": {"edge": RULE | rule if rule else RULE}} | changes
    with pytest.raises(ConfigError) as refused:
        base.read(Files, {"gates": {"desk": file}}, "params.yaml")
    return str(refused.value).removeprefix("params.yaml: ")


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        ({"abov": 0.0}, "unknown setting 'abov': did you mean 'above'? in gates.desk.gates.edge"),
        ({"by": "mean"}, "gates.desk.gates.edge.by is 'mean': it must be 'bound' or 'value'"),
        ({"above": "0"}, "gates.desk.gates.edge.above is '0': it must be a valid number"),
        (
            {"figure": "expectancy"},
            "gates.desk.gates.edge.figure: unknown figure 'expectancy': did you mean 'expectancy_r'?",
        ),
    ],
)
def test_refuses_a_rule_in_one_line(rule: dict[str, Any], answer: str) -> None:
    assert refusal(rule) == answer


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        ({"above": None}, "no limit is given: give least, above, most or below"),
        ({"least": 0.0}, "least and above are both given: give one"),
        ({"above": None, "most": 0.0, "below": 0.0}, "most and below are both given: give one"),
        ({"above": math.nan}, "above nan is no limit: give a finite number"),
        ({"below": math.inf}, "below inf is no limit: give a finite number"),
        ({"below": -1.0}, "expectancy_r above 0 and below -1 is impossible"),
        ({"most": 0.0}, "expectancy_r above 0 and most 0 is impossible"),
        ({"figure": "win_rate", "above": 1.0}, "win_rate above 1 is impossible: it is never above 1"),
        ({"figure": "win_rate", "above": 75.0}, "win_rate above 75 is impossible: it is never above 1"),
        ({"figure": "max_drawdown", "below": 0.0}, "max_drawdown below 0 is impossible: it is never below 0"),
        ({"figure": "n_trades"}, "n_trades has no interval: hold it by: value"),
        ({"figure": "dsr"}, "dsr has no interval: hold it by: value"),
    ],
)
def test_refuses_what_cannot_be_a_rule(rule: dict[str, Any], answer: str) -> None:
    assert refusal(rule) == f"gates.desk.gates.edge: {answer}"


@pytest.mark.parametrize(
    "rule",
    [
        {"figure": "win_rate", "by": "bound", "least": 1.0},
        {"figure": "max_drawdown", "by": "value", "most": 0.0},
        {"figure": "expectancy_r", "by": "bound", "least": 1.0, "most": 1.0},
    ],
)
def test_a_limit_at_the_edge_of_what_is_possible(rule: dict[str, Any]) -> None:
    base.read(Gate, rule, "x")


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"blockin": True}, "unknown setting 'blockin': did you mean 'blocking'? in gates.desk"),
        ({"integrity": ["partiy"]}, "gates.desk.integrity: unknown check 'partiy': did you mean 'parity'?"),
        (
            {"gates": {}},
            "gates.desk: no gate is given: a result that is held against nothing would pass",
        ),
        ({"money": {"capital_usd": 1.0}}, "setting 'gates.desk.money.before' is missing"),
    ],
)
def test_refuses_a_file_in_one_line(changes: dict[str, Any], answer: str) -> None:
    assert refusal(**changes) == answer


def test_checks_alone_are_gates() -> None:
    file = {"title": "Machinery", "blocking": False, "gates": {}, "integrity": ["parity"]}
    assert base.read(GateFile, file, "x").integrity == ["parity"]
