"""Audit of feature columns, on rows small enough to count by hand."""

import numpy as np
import pytest

from mia_ml.store.column_audit import audit_columns

DAY = np.repeat([20231226, 20231227], 4)
SESSION = np.array(["night", "night", "rth", "rth"] * 2)
NAN = np.nan


def found(values, **more):
    entries = audit_columns({"x": np.array(values, float)}, SESSION, DAY, **more)
    return {entry["session"]: entry for entry in entries}


def test_shares_by_session():
    entries = found([0, 1, 0.5, NAN, 0, -1, -0.5, 0.25])
    assert list(entries) == ["all", "night", "rth"]
    night, rth = entries["night"], entries["rth"]
    assert (night["rows"], night["nan"], night["fires"], night["mean"], night["saturated"]) == (4, 0, 0.5, 0, 0.5)
    assert (rth["nan"], rth["fires"], rth["saturated"]) == (0.25, 1.0, 0.0)
    assert rth["mean"] == pytest.approx(0.25 / 3)
    assert entries["all"]["findings"] == []


@pytest.mark.parametrize(
    ("values", "findings"),
    [
        ([0] * 8, ["never fires"]),
        ([0.3] * 8, ["constant at 0.3"]),
        ([NAN] * 8, ["all NaN"]),
        ([0, 0, 0, 0, 1, 0, 1, 0], ["stale on 1 of 2 days: 20231226"]),
        ([0, 1, 0, 1] + [NAN] * 4, ["NaN throughout 1 of 2 days"]),
        ([NAN, NAN, NAN, 0.5, 0, 1, 0, 1], []),
        ([0, 1, 0, np.inf, 0, 1, 0, 1], ["infinite in 1 rows"]),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_findings(values, findings):
    assert found(values)["all"]["findings"] == findings


def test_a_threshold_beyond_the_observed_range_is_structurally_inactive():
    values = [0.1, -0.3, 0.2, 0, 0, 0.1, 0, 0.2]
    assert found(values, thresholds={"x": 0.3})["all"]["findings"] == [
        "structurally inactive: threshold 0.3, observed at most 0.3"
    ]
    assert found(values, thresholds={"x": 0.29})["all"]["findings"] == []


def test_a_session_without_a_reading_has_no_rate():
    assert found([NAN, NAN, 1, 0] * 2)["night"]["fires"] is None
