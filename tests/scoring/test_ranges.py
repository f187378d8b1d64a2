"""Training ranges: what training saw of each feature that decisions stand on, and nothing that is not a number."""

import dataclasses

import numpy as np
import pytest

from mia_ml.core.errors import DataError
from mia_ml.scoring import bundle, ranges
from tests.scoring import small

ROWS = np.zeros(4, [("a", "f8"), ("b", "f8"), ("c", "f8")])
ROWS["a"] = [np.nan, -0.5, 2.0, np.inf]
ROWS["b"] = np.nan
ROWS["c"] = [0.0, -0.0, -0.0, 0.0]


def test_only_finite_values_count():
    assert ranges.of(ROWS, ["a", "b", "c"]) == {"a": (-0.5, 2.0), "b": None, "c": (0.0, 0.0)}
    assert ranges.of(ROWS[:0], ["a"]) == {"a": None}


def test_either_zero_is_written_the_same():
    assert str(ranges.of(ROWS, ["c"])["c"]) == str(ranges.of(ROWS[1:3], ["c"])["c"]) == "(0.0, 0.0)"


def test_a_bundle_has_the_ranges_of_its_components_and_of_what_its_models_see(world, tmp_path):
    content = small.content(world.ensemble, rows_=world.rows)
    found = bundle.write(tmp_path / "bundle", content, world.golden()).content
    assert set(found.ranges) == {*found.formula().terms, *small.FEATURES}
    for name, span in found.ranges.items():
        finite = world.rows[name][np.isfinite(world.rows[name])]
        assert span == ((finite.min(), finite.max()) if finite.size else None), name
    assert sum(span is not None for span in found.ranges.values()) >= 10


def test_a_feature_that_training_never_saw_has_no_range(world, tmp_path):
    content = small.content(world.ensemble, rows_=world.rows)
    unseen = dataclasses.replace(content, ranges=dict(content.ranges) | {"gamma_levels": None})
    assert bundle.write(tmp_path / "bundle", unseen, world.golden()).content.ranges["gamma_levels"] is None


@pytest.mark.parametrize("simulated", [True, False])
def test_a_bundle_says_whether_its_data_were_simulated(world, tmp_path, simulated):
    written = bundle.write(tmp_path / "bundle", small.content(world.ensemble, synthetic=simulated), world.golden())
    assert written.content.synthetic is simulated


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "'a' is missing"),
        ({"a": None, "b": None}, "'b' is neither a component"),
        ({"a": (1.0, 0.0)}, "two finite numbers in order"),
        ({"a": (0.0, np.inf)}, "two finite numbers in order"),
        ({"a": (np.nan, 1.0)}, "two finite numbers in order"),
    ],
)
def test_impossible_ranges_are_refused(given, told):
    with pytest.raises(DataError, match="ranges: ") as refused:
        ranges.check(given, ["a"])
    assert told in str(refused.value)


def test_a_content_without_its_ranges_is_not_written(world, tmp_path):
    with pytest.raises(DataError, match="is missing; retrain it"):
        bundle.write(tmp_path / "bundle", small.content(world.ensemble, ranges={}), world.golden())
    assert not (tmp_path / "bundle").exists()
