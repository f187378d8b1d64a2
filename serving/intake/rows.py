"""What a feed of many events hands over: rows of one table and symbol, to be cut by time or position."""

from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """Consecutive rows of one table and symbol from a feed, RECORDs with position, ts_recv and values."""

    table: str
    symbol: str
    records: np.ndarray

    def until(self, ts_ns: int, bound: int) -> "Rows":
        """Up to a moment; with what lies beyond `bound`, in the future, which is nowhere else."""
        ts = self.records["ts_event"]
        return self._replace(records=self.records[(ts <= ts_ns) | (ts > bound)])

    def behind(self, position: int) -> "Rows":
        return self._replace(records=self.records[self.records["position"] > position])

    def beyond(self, ts_ns: int, bound: int) -> "Rows":
        ts = self.records["ts_event"]
        return self._replace(records=self.records[(ts > ts_ns) & (ts <= bound)])
