"""Feature rows as the stages behind `features` read them, and the labels beside them."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mia_ml.backtest import records as backtest_records
from mia_ml.confluence import decision
from mia_ml.core.errors import DataError
from mia_ml.features import engine
from mia_ml.labels.records import LABEL
from mia_ml.store import records
from pipelines import LABELS, ROWS


def barrier_points(rows: np.ndarray) -> np.ndarray:
    """A of SPEC 6 at each ROW, in points: ATR(14, 5 min) or its same-time median, whichever is more."""
    return np.fmax(rows["atr_5m"], rows["atr_5m_usual"])


def signals_of(rows: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """SIGNAL records of the DECISIONs of these ROWs that fired."""
    fired = decided["action"] == decision.SIGNAL
    taken = decided[fired]
    return backtest_records.signals(taken["ts"], taken["day"], taken["crossing"], barrier_points(rows)[fired])


@dataclass(frozen=True)
class Sample:
    """rows: ROW [n] of every trading day that is not sealed, in time order. labels: LABEL [n, 2] beside them."""

    rows: np.ndarray
    labels: np.ndarray

    @cached_property
    def days(self) -> np.ndarray:
        """Trading days yyyymmdd, int64, in order."""
        return np.unique(self.rows["day"])

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of all of it."""
        digest = hashlib.sha256(self.rows.tobytes())
        digest.update(self.labels.tobytes())
        return digest.hexdigest()

    def part(self, first: int, last: int) -> "Sample":
        """The rows [first, last)."""
        return Sample(self.rows[first:last], self.labels[first:last])


def read_sample() -> Sample:
    """Raises DataError when the labels are not those of the rows."""
    rows = [records.read(path, engine.ROW) for path in sorted(ROWS.glob("*.parquet"))]
    labels = [records.read(path, LABEL) for path in sorted(LABELS.glob("*.parquet"))]
    sample = Sample(
        np.concatenate([np.zeros(0, engine.ROW), *rows]),
        np.concatenate([np.zeros(0, LABEL), *labels]).reshape(-1, 2),
    )
    if sample.labels.shape[0] != sample.rows.size or (sample.labels["signal_ns"][:, 0] != sample.rows["ts"]).any():
        raise DataError(f"{LABELS}: not the labels of the rows in {ROWS}: run the stage labels again")
    return sample
