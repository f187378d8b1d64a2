"""Audit of feature rows: does each column live, and can each threshold be reached?

Per column and session: `nan` share of rows, and over the others `fires` (share that is not 0), `mean`, `sd` and
`saturated` (share at -1 or +1 and beyond).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

EVERY = "all"


def audit_columns(
    columns: Mapping[str, np.ndarray],
    session: np.ndarray,
    day: np.ndarray,
    thresholds: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """One entry for each column and session, and one over all sessions which also carries `findings`.

    session, day: of each row. thresholds: for a column the absolute value it must exceed to matter.

    >>> import numpy as np
    >>> zeros = audit_columns({"x": np.zeros(4)}, np.array(["rth"] * 4), np.full(4, 20231226))
    >>> zeros[0]["findings"], zeros[1]["session"], zeros[1]["fires"]
    (['never fires'], 'rth', 0.0)
    """
    entries = []
    for name, values in columns.items():
        values = np.asarray(values, dtype=float)
        findings = _findings(values, np.asarray(day), (thresholds or {}).get(name))
        entries.append(_entry(name, EVERY, values) | {"findings": findings})
        entries += [_entry(name, str(each), values[session == each]) for each in np.unique(session)]
    return entries


def _entry(name: str, session: str, values: np.ndarray) -> dict[str, Any]:
    present = values[~np.isnan(values)]
    some = present.size > 0
    return {
        "column": name,
        "session": session,
        "rows": int(values.size),
        "nan": 1.0 - present.size / values.size if values.size else 0.0,
        "fires": float(np.mean(present != 0)) if some else None,
        "mean": float(present.mean()) if some else None,
        "sd": float(present.std()) if some else None,
        "saturated": float(np.mean(np.abs(present) >= 1)) if some else None,
    }


def _findings(values: np.ndarray, day: np.ndarray, threshold: float | None) -> list[str]:
    present = ~np.isnan(values)
    seen = values[present]
    if seen.size == 0:
        return ["all NaN"]
    findings = []
    if np.isinf(seen).any():
        findings.append(f"infinite in {int(np.isinf(seen).sum())} rows")
    if not seen.any():
        findings.append("never fires")
    elif np.all(seen == seen[0]) and seen.size > 1:
        findings.append(f"constant at {seen[0]:g}")
    else:
        stale = _stale_days(seen, day[present])
        if stale:
            shown = ", ".join(str(each) for each in stale[:5]) + (", ..." if len(stale) > 5 else "")
            findings.append(f"stale on {len(stale)} of {np.unique(day).size} days: {shown}")
    absent = np.setdiff1d(day, day[present])
    if absent.size:
        findings.append(f"NaN throughout {absent.size} of {np.unique(day).size} days")
    if threshold is not None and np.abs(seen).max() <= threshold:
        findings.append(f"structurally inactive: threshold {threshold:g}, observed at most {np.abs(seen).max():g}")
    return findings


def _stale_days(values: np.ndarray, day: np.ndarray) -> list[int]:
    """Days of several rows on which the column stood still."""
    order = np.argsort(day, kind="stable")
    days, starts, counts = np.unique(day[order], return_index=True, return_counts=True)
    low = np.minimum.reduceat(values[order], starts)
    high = np.maximum.reduceat(values[order], starts)
    return [int(each) for each in days[(low == high) & (counts > 1)]]
