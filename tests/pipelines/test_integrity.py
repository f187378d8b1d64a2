"""Checks of the machinery say no when it is not what it should be."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mia_ml.backtest.records import TRADE, Exit
from mia_ml.core.errors import DataError
from mia_ml.evaluation.ground import OUTCOME, SIGNALLED, Outcome
from pipelines import integrity


def walked(n: int, ended: int = 0) -> np.ndarray:
    """n trades, and as many more as the end of the tape closed."""
    trades = np.zeros(n + ended, TRADE)
    trades["day"], trades["side"] = 20240102 + np.arange(n + ended), 1
    trades["exit_ns"], trades["net_r"] = 10 * np.arange(n + ended), np.arange(n + ended) - 1.5
    trades["exit_reason"] = Exit.STOP
    trades["exit_reason"][n:] = Exit.TAPE_END
    return trades


def strung(trades: np.ndarray) -> Outcome:
    found = np.zeros(trades.size, OUTCOME)
    for name in ("day", "side", "exit_ns", "net_r"):
        found[name] = trades[name]
    return Outcome(found, np.zeros(0, SIGNALLED), np.zeros(1))


def test_the_same_trades_by_both_roads() -> None:
    assert integrity.same_trades(walked(3), strung(walked(3))).ok
    assert integrity.same_trades(walked(0), strung(walked(0))).ok
    assert integrity.same_trades(walked(3, ended=1), strung(walked(3))).ok
    assert integrity.same_trades(walked(3, ended=1), strung(walked(4))).ok
    assert (
        "3 trades by scorer and simulator, the same by labels"
        in integrity.same_trades(walked(3), strung(walked(3))).detail
    )


@pytest.mark.parametrize("name", ["day", "side", "exit_ns", "net_r"])
def test_a_trade_that_differs_is_seen(name: str) -> None:
    other = walked(3)
    other[name][1] += 1
    found = integrity.same_trades(walked(3), strung(other))
    assert not found.ok
    assert "not the same" in found.detail


def test_a_trade_too_many_or_too_few_is_seen() -> None:
    assert not integrity.same_trades(walked(3), strung(walked(2))).ok
    assert not integrity.same_trades(walked(3), strung(walked(4))).ok
    assert not integrity.same_trades(walked(3, ended=1), strung(walked(5))).ok


def test_a_bundle_that_is_damaged_is_no_parity(tmp_path: Path) -> None:
    found = integrity.parity([tmp_path / "nowhere"], walked(3), strung(walked(3)))
    assert (found.name, found.ok) == ("parity", False)
    assert "no such folder" in found.detail


@pytest.mark.parametrize("passed", [True, False])
def test_the_data_audit_is_what_the_stage_said(tmp_path: Path, passed: bool) -> None:
    path = tmp_path / "audit.json"
    severities = ["warning", "error", "info", "warning"]
    path.write_text(json.dumps({"passed": passed, "findings": [{"severity": one} for one in severities]}))
    found = integrity.data_audit(path)
    assert (found.ok, found.detail) == (passed, "1 errors, 2 warnings")


def test_the_agreement_is_the_worst_that_training_found(tmp_path: Path) -> None:
    path = tmp_path / "reports.json"

    def report(*differences: float) -> dict[str, Any]:
        return {"agreement": {"members": [{"probability": one} for one in differences]}}

    path.write_text(json.dumps({"a": report(1e-9, 3e-8), "b": report(2e-8)}))
    found = integrity.agreement(path)
    assert found.ok
    assert found.detail == "2 exports, probabilities at most 3.0e-08 from the library's"
    path.unlink()
    with pytest.raises(DataError, match="no such file; run the stage that writes it"):
        integrity.agreement(path)


def test_latency_is_held_against_what_executions_assume() -> None:
    asked: list[int] = []
    scorer: Any = SimpleNamespace(decide=lambda rows: asked.append(rows.size))
    rows = np.zeros(integrity.TIMED_ROWS + 5)
    assert integrity.latency(scorer, rows, 1e9).ok
    assert asked == [1] * integrity.TIMED_ROWS
    assert not integrity.latency(scorer, rows, 0.0).ok
    assert not integrity.latency(scorer, rows[:0], 250.0).ok  # nothing was timed
