"""Feature rows as the stages behind `features` read them, and the labels beside them."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mia_ml.core.errors import DataError
from mia_ml.features import engine
from mia_ml.labels.records import LABEL
from mia_ml.store import records
from pipelines import LABELS, ROWS


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
