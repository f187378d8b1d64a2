"""Audit of feature rows: does each column live, and can each threshold be reached?

Per column and session: `nan` share of rows, and over the others `fires` (share that is not 0), `mean`, `sd` and
`saturated` (share at -1 or +1 and beyond).

Days are added one at a time and forgotten: counts add up, and means and squared deviations merge by Chan, Golub and
LeVeque (1979), which loses nothing to a mean far from 0.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

EVERY = "all"
SHOWN_DAYS = 5


class ColumnAudit:
    """What the columns of all days added so far did, in memory that does not grow with the days.

    >>> audit = ColumnAudit(["x"])
    >>> audit.add(20231226, {"x": np.zeros(4)}, np.array(["rth"] * 4))
    >>> every, rth = audit.entries()
    >>> every["findings"], rth["session"], rth["fires"]
    (['never fires'], 'rth', 0.0)
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self._sessions = {EVERY: _Moments(len(self.columns))}
        self._spans = [_Span() for _ in self.columns]
        self._days = 0

    def add(self, day: int, columns: Mapping[str, np.ndarray], session: np.ndarray) -> None:
        """All rows of a trading day; session: of each row."""
        values = np.column_stack([np.asarray(columns[name], dtype=float) for name in self.columns])
        if not len(values):
            return
        self._days += 1
        self._sessions[EVERY].add(values)
        for each in dict.fromkeys(session.tolist()):
            moments = self._sessions.setdefault(each, _Moments(len(self.columns)))
            moments.add(values[session == each])
        for span, column in zip(self._spans, values.T, strict=True):
            span.add(day, column[~np.isnan(column)])

    def entries(self, thresholds: Mapping[str, float] | None = None) -> list[dict[str, Any]]:
        """One entry for each column and session, and one over all sessions which also carries `findings`.

        thresholds: for a column the absolute value it must exceed to matter.
        """
        entries = []
        for i, (name, span) in enumerate(zip(self.columns, self._spans, strict=True)):
            for session, moments in self._sessions.items():
                entry = {"column": name, "session": session, **moments.entry(i)}
                if session == EVERY:
                    never = entry["fires"] == 0
                    entry["findings"] = span.findings(self._days, never, (thresholds or {}).get(name))
                entries.append(entry)
        return entries


class _Moments:
    """Counts, means and squared deviations of all columns over rows added a block at a time."""

    def __init__(self, columns: int) -> None:
        self.rows = 0
        self.present, self.fired, self.saturated = np.zeros((3, columns), np.int64)
        self.mean, self.squares = np.zeros((2, columns))

    def add(self, values: np.ndarray) -> None:
        present = ~np.isnan(values)
        n = present.sum(axis=0)
        total = self.present + n
        with np.errstate(invalid="ignore"):  # an infinite reading leaves no mean, and is a finding
            mean = np.where(present, values, 0.0).sum(axis=0) / np.maximum(n, 1)
            squares = (np.where(present, values - mean, 0.0) ** 2).sum(axis=0)
            step = np.where(n > 0, mean - self.mean, 0.0)
            share = n / np.maximum(total, 1)
            self.squares = self.squares + squares + step**2 * self.present * share
            self.mean = self.mean + step * share
        self.rows += len(values)
        self.present = total
        self.fired = self.fired + (present & (values != 0)).sum(axis=0)
        self.saturated = self.saturated + (np.abs(values) >= 1).sum(axis=0)

    def entry(self, i: int) -> dict[str, Any]:
        n = int(self.present[i])
        return {
            "rows": self.rows,
            "nan": (self.rows - n) / self.rows if self.rows else 0.0,
            "fires": int(self.fired[i]) / n if n else None,
            "mean": float(self.mean[i]) if n else None,
            "sd": float(np.sqrt(self.squares[i] / n)) if n else None,
            "saturated": int(self.saturated[i]) / n if n else None,
        }


class _Span:
    """The range of one column, and the days on which it stood still or was absent."""

    def __init__(self) -> None:
        self.low, self.high = np.inf, -np.inf
        self.seen = self.infinite = self.absent_days = self.stale_days = 0
        self.first_stale: list[int] = []

    def add(self, day: int, seen: np.ndarray) -> None:
        if not seen.size:
            self.absent_days += 1
            return
        low, high = float(seen.min()), float(seen.max())
        if low == high and seen.size > 1:
            self.stale_days += 1
            if len(self.first_stale) < SHOWN_DAYS:
                self.first_stale.append(day)
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.seen += seen.size
        self.infinite += int(np.isinf(seen).sum())

    def findings(self, days: int, never_fires: bool, threshold: float | None) -> list[str]:
        if not self.seen:
            return ["all NaN"]
        findings = []
        if self.infinite:
            findings.append(f"infinite in {self.infinite} rows")
        if never_fires:
            findings.append("never fires")
        elif self.low == self.high and self.seen > 1:
            findings.append(f"constant at {self.low:g}")
        elif self.stale_days:
            shown = ", ".join(map(str, self.first_stale)) + (", ..." if self.stale_days > SHOWN_DAYS else "")
            findings.append(f"stale on {self.stale_days} of {days} days: {shown}")
        if self.absent_days:
            findings.append(f"NaN throughout {self.absent_days} of {days} days")
        largest = max(-self.low, self.high)
        if threshold is not None and largest <= threshold:
            findings.append(f"structurally inactive: threshold {threshold:g}, observed at most {largest:g}")
        return findings
