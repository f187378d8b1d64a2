"""The scorer: rows in, decisions out; called on a data set by research and on one row by live."""

import numpy as np

from mia_ml.confluence import decision
from mia_ml.confluence.formula import Formula
from mia_ml.core.errors import DataError
from mia_ml.features import engine


class Scorer:
    """Decides row after row, and can be saved and restored between any two."""

    def __init__(self, formula: Formula) -> None:
        self.formula = formula
        self._state = np.zeros(1, decision.STATE)

    def decide(self, rows: np.ndarray) -> np.ndarray:
        """DECISION records of consecutive ROW records, in time order."""
        out = np.zeros(rows.size, decision.DECISION)
        rows = np.ascontiguousarray(rows)
        values = rows.view(np.float64).reshape(rows.size, engine.ROW.itemsize // 8)
        ts, day = np.ascontiguousarray(rows["ts"]), np.ascontiguousarray(rows["day"])
        decision.decide_all(self.formula.record, self._state, ts, day, values, out)
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
