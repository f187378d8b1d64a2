"""The scorer: rows in, decisions out; called on a data set by research and on one row by live."""

import numpy as np

from mia_ml.confluence import decision
from mia_ml.confluence.formula import Formula
from mia_ml.core.errors import DataError
from mia_ml.features import engine
from mia_ml.scoring import filtering
from mia_ml.scoring.filter import Filter


class Scorer:
    """Decides row after row, and can be saved and restored between any two. Without a filter every crossing passes."""

    def __init__(self, formula: Formula, filter: Filter | None = None) -> None:
        self.formula = formula
        self.filter = filter
        self._state = np.zeros(1, decision.STATE)
        self.decide(np.zeros(0, engine.ROW))  # loads the kernels, so that the first live row does not wait for them

    def decide(self, rows: np.ndarray) -> np.ndarray:
        """DECISION records of consecutive ROW records, in time order."""
        out = np.zeros(rows.size, decision.DECISION)
        rows = np.ascontiguousarray(rows)
        values = rows.view(np.float64).reshape(rows.size, engine.ROW.itemsize // 8)
        ts, day = np.ascontiguousarray(rows["ts"]), np.ascontiguousarray(rows["day"])
        if self.filter is None:
            decision.decide_all(self.formula.record, self._state, ts, day, values, out)
        else:
            filtering.decide_all(self.formula.record, self._state, self.filter.gate, ts, day, values, out)
        return out

    def snapshot(self) -> bytes:
        """Everything the next row's decision needs."""
        return self._state.tobytes()

    def restore(self, snapshot: bytes) -> None:
        """Continue from a snapshot. Raises DataError on a foreign length."""
        if len(snapshot) != decision.STATE.itemsize:
            raise DataError(
                f"a snapshot of {len(snapshot)} bytes is not of this version: {decision.STATE.itemsize} bytes"
            )
        self._state = np.frombuffer(bytearray(snapshot), decision.STATE)
