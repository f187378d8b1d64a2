"""The scorer: rows in, decisions out; called on a data set by research and on one row by live."""

import contextlib
from collections.abc import Iterator

import numpy as np

from mia_ml.confluence import decision
from mia_ml.confluence.formula import Formula
from mia_ml.core.errors import DataError
from mia_ml.features import engine
from mia_ml.scoring import filtering
from mia_ml.scoring.filter import Filter

_BEYOND = 1.2
"""Exceedance of a crossing that is rehearsed."""


class Scorer:
    """Decides row after row, and can be saved and restored between any two. Without a filter every crossing passes.

    state: the kernels' own, which stays where it is as long as the scorer lives.
    """

    def __init__(self, formula: Formula, filter: Filter | None = None) -> None:
        self.formula = formula
        self.filter = filter
        self.state = np.zeros(1, decision.STATE)
        self.decide(np.zeros(0, engine.ROW))  # loads the kernels, so that the first live row does not wait for them

    def decide(self, rows: np.ndarray) -> np.ndarray:
        """DECISION records of consecutive ROW records, in time order."""
        out = np.zeros(rows.size, decision.DECISION)
        rows = np.ascontiguousarray(rows)
        values = rows.view(np.float64).reshape(rows.size, engine.ROW.itemsize // 8)
        ts, day = np.ascontiguousarray(rows["ts"]), np.ascontiguousarray(rows["day"])
        if self.filter is None:
            decision.decide_all(self.formula.record, self.state, ts, day, values, out)
        else:
            filtering.decide_all(self.formula.record, self.state, self.filter.gate, ts, day, values, out)
        return out

    def rehearse(self, row: np.ndarray) -> np.ndarray:
        """The DECISION on one ROW if its score crossed here, so that the models are asked. Nothing of it is kept."""
        with self.put_back():
            self.lean(self.decide(row))
            return self.decide(row)

    def lean(self, decided: np.ndarray) -> None:
        """Have the row of a DECISION cross when it is decided again; within `put_back`."""
        formula, state = self.formula.record, self.state
        formula["threshold_session"], formula["threshold"] = 0, np.abs(decided["score"]) / _BEYOND
        state["day"], state["armed"], state["raw"] = decided["day"], 1, 0.0

    @contextlib.contextmanager
    def put_back(self) -> Iterator[None]:
        """Whatever is decided inside is forgotten."""
        state, formula = self.state.copy(), self.formula.record.copy()
        try:
            yield
        finally:
            self.state[:], self.formula.record[:] = state, formula

    def snapshot(self) -> bytes:
        """Everything the next row's decision needs."""
        return self.state.tobytes()

    def restore(self, snapshot: bytes) -> None:
        """Continue from a snapshot. Raises DataError on a foreign length."""
        if len(snapshot) != decision.STATE.itemsize:
            raise DataError(
                f"a snapshot of {len(snapshot)} bytes is not of this version: {decision.STATE.itemsize} bytes"
            )
        self.state.view(np.uint8)[:] = np.frombuffer(snapshot, np.uint8)
