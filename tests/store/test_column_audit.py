"""Audit of feature columns, on rows small enough to count by hand."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mia_ml.store.column_audit import ColumnAudit

DAY = np.repeat([20231226, 20231227], 4)
SESSION = np.array(["night", "night", "rth", "rth"] * 2)
NAN = np.nan


def audited(values):
    audit = ColumnAudit(["x"])
    for day in np.unique(DAY):
        audit.add(int(day), {"x": np.array(values, float)[day == DAY]}, SESSION[day == DAY])
    return audit


def found(values, **more):
    return {entry["session"]: entry for entry in audited(values).entries(**more)}


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


@given(
    arrays(
        float, st.tuples(st.integers(1, 60), st.just(2)), elements=st.sampled_from([0.0, 1.0, -1.0, 0.25, 1e6, NAN])
    ),
    st.lists(st.integers(0, 60), max_size=5),
)
def test_days_add_up_to_what_all_rows_at_once_say(values, cuts):
    audit = ColumnAudit(["x", "y"])
    for day, part in enumerate(np.split(values, sorted(cuts))):
        audit.add(day, {"x": part[:, 0], "y": part[:, 1]}, np.full(len(part), "rth"))
    for column, entry in zip(values.T, audit.entries()[::2], strict=True):
        seen = column[~np.isnan(column)]
        assert entry["rows"] == column.size
        assert entry["nan"] == (column.size - seen.size) / column.size
        if not seen.size:
            assert entry["mean"] is None
            continue
        assert (entry["fires"], entry["saturated"]) == (np.mean(seen != 0), np.mean(np.abs(seen) >= 1))
        assert entry["mean"] == pytest.approx(seen.mean(), rel=1e-9, abs=1e-9)
        assert entry["sd"] == pytest.approx(seen.std(), rel=1e-6, abs=1e-6)


def test_what_is_kept_does_not_grow_with_the_days():
    audit, sizes = ColumnAudit(["x"]), []
    for day in range(200):
        audit.add(day, {"x": np.full(4, 0.5)}, SESSION[:4])
        sizes.append(len(pickle.dumps(audit)))
    assert sizes[-1] - sizes[20] < 64
    assert audit.entries()[0]["findings"] == ["constant at 0.5"]
