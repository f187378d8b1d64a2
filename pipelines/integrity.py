"""Is the machinery what it should be? Checks that a gate may ask for, each with what it found."""

import time
from pathlib import Path

import numpy as np

from mia_ml.backtest.records import TRADE, Exit
from mia_ml.core.errors import DataError
from mia_ml.evaluation.ground import Outcome
from mia_ml.judge.judgement import Integrity
from mia_ml.scoring import bundle
from mia_ml.scoring.scorer import Scorer
from mia_ml.store import records
from pipelines import read_json

TIMED_ROWS = 2000


def parity(bundles: list[Path], walked: np.ndarray, outcome: Outcome) -> Integrity:
    """Golden tapes give the bytes they gave, and labels strung together give the trades that were walked.

    walked: backtest TRADE of the judged policy. What the end of the tape closed need not have a counterpart.
    """
    try:
        for folder in bundles:
            bundle.verify(bundle.load(folder))
    except DataError as refusal:
        return Integrity(name="parity", ok=False, detail=str(refusal))
    return same_trades(walked, outcome, f"{len(bundles)} golden tapes byte for byte; ")


def same_trades(walked: np.ndarray, outcome: Outcome, before: str = "") -> Integrity:
    whole = walked[walked["exit_reason"] != Exit.TAPE_END]
    strung = outcome.trades[: whole.size]
    same = whole.size == strung.size and outcome.trades.size <= walked.size
    same = same and all(np.array_equal(whole[name], strung[name]) for name in ("day", "side", "exit_ns", "net_r"))
    also = "the same" if same else "not the same"
    detail = f"{before}{whole.size} trades by scorer and simulator, {also} by labels strung together"
    return Integrity(name="parity", ok=bool(same), detail=detail)


def data_audit(report: Path) -> Integrity:
    """What the stage `audit` found."""
    found = read_json(report)
    severities = [finding["severity"] for finding in found["findings"]]
    counted = f"{severities.count('error')} errors, {severities.count('warning')} warnings"
    return Integrity(name="audit", ok=bool(found["passed"]), detail=counted)


def agreement(reports: Path) -> Integrity:
    """Largest differences that training found; it refuses what is beyond its tolerance, so they were within."""
    told = read_json(reports)
    differences = [member["probability"] for one in told.values() for member in one["agreement"]["members"]]
    largest = max(differences, default=0.0)
    return Integrity(
        name="agreement", ok=True, detail=f"{len(told)} exports, probabilities at most {largest:.1e} from the library's"
    )


def latency(scorer: Scorer, rows: np.ndarray, most_ms: float) -> Integrity:
    """99 % of single-row decisions take less than the latency that executions assume."""
    took = []
    for at in range(min(rows.size, TIMED_ROWS)):
        start = time.perf_counter_ns()
        scorer.decide(rows[at : at + 1])
        took.append(time.perf_counter_ns() - start)
    p99_ms = float(np.quantile(took, 0.99)) / 1e6 if took else np.nan
    detail = f"99 % of {len(took)} decisions within {p99_ms:.3f} ms; executions assume {most_ms:g} ms"
    return Integrity(name="latency", ok=bool(p99_ms < most_ms), detail=detail)


def walked_trades(folder: Path) -> np.ndarray:
    return records.read(folder / "trades.parquet", TRADE)
