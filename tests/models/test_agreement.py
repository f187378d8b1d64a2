"""An exported ensemble is compared with what it came from, and any difference stops it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mia_ml.core.errors import DataError
from mia_ml.models import agreement, ensemble
from mia_ml.models.export import export
from tests.models import ensembles

K = len(ensembles.NAMES)


@pytest.fixture(scope="module")
def held_out():
    return ensembles.world(1, n=40, k=K)[0]


@pytest.mark.parametrize("combination", [ensembles.AVERAGE, ensembles.STACKED])
def test_what_was_exported_agrees(combination, held_out):
    members = ensembles.members()
    report = agreement.check(members, export(members, combination), held_out)
    forest, boosted, logistic = report["members"]
    assert json.loads(json.dumps(report)) == report
    assert report["held_out_rows"] == 40 < report["hard_rows"]
    assert (forest["probability"], forest["calibrated"], logistic["calibrated"]) == (0.0, 0.0, 0.0)
    assert 0 < boosted["probability"] <= 1e-6
    assert logistic["probability"] <= 1e-12
    assert report["combined"] <= 1e-12


def tampered(exported, name, change):
    arrays, meta = exported.to_arrays()
    arrays = {key: array.copy() for key, array in arrays.items()}
    arrays[name] = change(arrays[name], arrays).astype(arrays[name].dtype)
    return ensemble.from_arrays(arrays, meta)


def in_forest(arrays):
    nodes = np.arange(arrays["node_step"].size)
    return nodes < arrays["tree_nodes"][:11].sum()


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        (
            "node_value",
            lambda v, a: np.where(in_forest(a), np.nextafter(v, 0.5), v),
            "the forest member scores",
        ),
        (
            "node_threshold",
            lambda t, a: np.where(in_forest(a) & np.isfinite(t), np.nextafter(t, np.float32(-np.inf)), t),
            "the forest member scores",
        ),
        (
            "node_threshold",
            lambda t, a: np.where(in_forest(a) | np.isinf(t), t, np.nextafter(t, t + np.float32(1))),
            "the boosted member scores",
        ),
        ("node_slot", lambda s, a: np.where(in_forest(a) & (a["node_step"] > 0), s ^ 1, s), "the forest member scores"),
        ("node_slot", lambda s, a: np.where(~in_forest(a) & (a["node_step"] > 0), s ^ 1, s), "the boosted member"),
        ("member_bias", lambda b, a: b + np.array([0, 1e-5, 0]), "the boosted member scores"),
        ("member_bias", lambda b, a: b + np.array([0, 0, 1e-11]), "the logistic member scores"),
        ("term_fill", lambda f, a: f + 1e-9, "the logistic member scores"),
        ("knot_y", lambda y, a: y + np.array([0, -1e-16, -1e-16, 0]), "the forest member's calibrator scores"),
        ("member_slope", lambda s, a: s * (1 + 1e-10), "the boosted member's calibrator scores"),
    ],
)
def test_any_difference_is_refused_with_its_row(name, change, says, held_out):
    members = ensembles.members()
    exported = export(members, ensembles.AVERAGE)
    changed = tampered(exported, name, change)
    with pytest.raises(DataError, match=f"{says}.* at compared row .*not to be registered"):
        agreement.check(members, changed, held_out)


def test_missing_values_are_tried_where_the_held_out_rows_have_none(held_out):
    X, y = ensembles.world(missing=0, k=K)
    members = [replace(ensembles.members()[0], estimator=ensembles.forest(X, y))]
    exported = export(members, ensembles.Combination("average", (1.0,)))
    changed = tampered(exported, "node_slot", lambda s, a: np.where(a["node_step"] > 0, s ^ 1, s))
    with pytest.raises(DataError, match="the forest member scores"):
        agreement.check(members, changed, np.nan_to_num(held_out))


def test_other_members_or_no_rows_are_refused(held_out):
    members = ensembles.members()
    exported = export(members, ensembles.AVERAGE)
    with pytest.raises(DataError, match="does not have these members"):
        agreement.check(members[::-1], exported, held_out)
    with pytest.raises(DataError, match="give held-out rows"):
        agreement.check(members, exported, held_out[:0])


def test_hard_rows_hold_what_is_hard(held_out):
    exported = export(ensembles.members(), ensembles.AVERAGE)
    rows = agreement.hard_rows(exported, held_out)
    inner = exported.arrays["node_step"] > 0
    for column in range(K):
        values = rows[:, column]
        splits = exported.arrays["node_threshold"][inner & (exported.arrays["node_slot"] // 2 == column)]
        assert np.isin(values, splits.astype(np.float64)).sum() >= 10
        assert (np.isnan(values) & ~np.isnan(np.delete(rows, column, axis=1)).all(axis=1)).any()
        assert {0.0, 1e30, -1e30} <= set(values.tolist())
    assert np.isnan(rows).all(axis=1).any()
    assert not np.isinf(rows).any()
