"""What paper must have shown, from the document that the service writes."""

import json
from pathlib import Path
from typing import Any

import pytest

from mia_ml.core.errors import DataError
from mia_ml.registry import paper_gate
from mia_ml.registry.paper_gate import Rules
from tests.registry.shelf import RULES, days

NAMED = "mia-es/3"


def document(**changes: Any) -> dict[str, Any]:
    edge = {"mean": 0.1, "low": -0.2, "high": 0.4, "unit": "R a trade", "n": 60, "level": 0.95}
    return {"version": NAMED, "days": days(30), "edge": edge} | changes


def read(tmp_path: Path, told: Any) -> paper_gate.Paper:
    path = paper_gate.path_of(tmp_path, "mia-es", "3")
    path.parent.mkdir(exist_ok=True)
    path.write_text(told if isinstance(told, str) else json.dumps(told))
    return paper_gate.read(path, NAMED)


def gates(tmp_path: Path, told: Any, rules: Rules = RULES, was_on_paper: bool = True) -> dict[str, tuple[str, str]]:
    found = paper_gate.table(read(tmp_path, told).evidence, rules, was_on_paper)
    assert found.blocking
    return {result.name: (result.status, result.why) for result in found.results}


def test_all_is_well(tmp_path: Path) -> None:
    found = gates(tmp_path, document())
    assert {status for status, _ in found.values()} == {"pass"}
    assert found["edge"][1] == "not refuted: -0.200 to +0.400 R over 60 trades"
    assert len(read(tmp_path, document()).sha256) == 64


def test_nothing_was_shown(tmp_path: Path) -> None:
    shown = paper_gate.read(tmp_path / "gone.json", NAMED)
    assert shown == paper_gate.Paper(None, "")
    found = {result.name: result.status for result in paper_gate.table(None, RULES, False).results}
    assert found == {"stage": "undecidable", "paper days": "undecidable", "parity": "undecidable", "edge": "pass"}
    assert paper_gate.table(None, RULES._replace(days=0), False).passed


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"complete": False}, "it has not ended"),
        ({"decided": 1352}, "1,352 of 1,380 bars decided"),
        ({"bars": 0, "decided": 0}, "0 of 0 bars decided"),
        ({"incidents": ["Resolved: gap", "stale feed for 5 min"]}, "stale feed for 5 min"),
    ],
)
def test_a_day_that_does_not_count(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    told = document()
    told["days"][17] |= change
    status, said = gates(tmp_path, told)["paper days"]
    assert status == "undecidable"
    assert said == f"29 of 30 days on paper count; the last that does not is 2024-01-18: {why}"
    told["days"] += days(31)[-1:]
    assert gates(tmp_path, told)["paper days"][0] == "pass"


def test_a_day_that_just_counts(tmp_path: Path) -> None:
    told = document(days=days(30, bars=100, decided=98, incidents=["resolved: restarted"]))
    assert gates(tmp_path, told)["paper days"] == ("pass", "30 of 30 days on paper count")


def test_one_difference_to_research_is_enough(tmp_path: Path) -> None:
    told = document(days=days(60))
    told["days"][3]["incidents"] = ["Parity: decision 812 differs"]
    assert gates(tmp_path, told)["parity"] == ("fail", "2024-01-04: Parity: decision 812 differs")
    told["days"][3]["incidents"] = ["resolved: parity: a table was restated"]
    assert gates(tmp_path, told)["parity"] == ("pass", "60 days without a difference")


def test_a_day_that_nobody_has_looked_at_counts_for_nothing_and_against_nobody(tmp_path: Path) -> None:
    told = document()
    told["days"][17]["incidents"] = ["resolved: gap", paper_gate.UNSEEN]
    why = f"2024-01-18: {paper_gate.UNSEEN}"
    found = gates(tmp_path, told)
    assert found["parity"] == ("undecidable", why)
    assert found["paper days"] == ("undecidable", f"29 of 30 days on paper count; the last that does not is {why}")
    assert gates(tmp_path, told, RULES._replace(days=0))["parity"][0] == "pass"
    told["days"][3]["incidents"] = ["parity: decision 812 differs"]
    assert gates(tmp_path, told)["parity"][0] == "fail"


@pytest.mark.parametrize(
    ("edge", "status"),
    [
        (None, "pass"),
        ({"mean": None, "low": None, "high": None, "n": 0}, "pass"),
        ({"low": None, "high": None, "n": 1}, "pass"),
        ({"high": 0.0}, "pass"),
        ({"high": -0.001}, "fail"),
        ({"low": None, "high": -0.001}, "fail"),
        ({"level": 0.9}, "undecidable"),
    ],
)
def test_the_edge_may_be_open_but_not_refuted(tmp_path: Path, edge: dict[str, Any] | None, status: str) -> None:
    told = document()
    told["edge"] = None if edge is None else told["edge"] | edge
    assert gates(tmp_path, told)["edge"][0] == status


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("{", "no paper evidence: : Invalid JSON"),
        ("[]", "no paper evidence: : Input should be an object"),
        ({"version": NAMED}, "no paper evidence: days: Field required"),
        (document(version="mia-es/4"), "is the evidence of mia-es/4, not of mia-es/3"),
        (
            document(days=days(1, decided=-1)),
            "no paper evidence: days.0.decided: Input should be greater than or equal",
        ),
        (document(days=days(1, r=float("nan"))), "no paper evidence: days.0.r: Input should be a finite number"),
        (document(days=days(3) + days(1)), "day 20240101 follows 20240103: each day stands there once, in order"),
        (document(days=days(1) + days(1)), "day 20240101 follows 20240101"),
        (document(days=days(1, decided=1381)), "no paper evidence: days.0: Value error, 1381 of 1380 bars decided"),
    ],
)
def test_what_is_no_evidence(tmp_path: Path, told: Any, said: str) -> None:
    with pytest.raises(DataError) as refused:
        read(tmp_path, told)
    assert f"mia-es-3.json: {said}" in str(refused.value)
    assert "\n" not in str(refused.value)
