"""What a bundle stores comes back the same; what was damaged on the way is refused and never walked."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.errors import DataError
from mia_ml.models import ensemble
from mia_ml.models.export import export
from mia_ml.models.kernel import Probabilities
from tests.models import ensembles


@pytest.fixture(scope="module")
def exported():
    return export(ensembles.members(), ensembles.AVERAGE)


def stored(exported):
    arrays, meta = exported.to_arrays()
    return {name: array.copy() for name, array in arrays.items()}, json.loads(json.dumps(meta))


@pytest.mark.parametrize("combination", [ensembles.AVERAGE, ensembles.STACKED])
def test_an_ensemble_comes_back_with_the_same_bits(combination):
    before = export(ensembles.members(), combination)
    after = ensemble.from_arrays(*stored(before))
    assert (after.inputs, after.members, after.combination) == (before.inputs, before.members, before.combination)
    for name in ensemble.ARRAYS:
        assert after.arrays[name].tobytes() == before.arrays[name].tobytes()
    X, _ = ensembles.world(5, k=len(ensembles.NAMES))
    assert Probabilities(after).batch(X).tobytes() == Probabilities(before).batch(X).tobytes()


def test_its_arrays_cannot_be_written_to(exported):
    with pytest.raises(ValueError, match="read-only"):
        exported.arrays["node_value"][0] = 0.5


def leaf(arrays):
    return int(np.argmax(arrays["node_step"] == 0))


def put(name, at, value):
    def damage(arrays, meta):
        arrays[name][at(arrays) if callable(at) else at] = value

    return damage


def retype(name, dtype):
    def damage(arrays, meta):
        arrays[name] = arrays[name].astype(dtype)

    return damage


def member(at, **changes):
    def damage(arrays, meta):
        meta["members"][at] |= changes

    return damage


def describe(**changes):
    def damage(arrays, meta):
        meta |= changes

    return damage


def drop(name):
    return lambda arrays, meta: arrays.pop(name)


def cut(name):
    def damage(arrays, meta):
        arrays[name] = arrays[name][:-1]

    return damage


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (drop("knot_x"), "arrays knot_x are missing or unknown"),
        (lambda arrays, meta: arrays.update(extra=np.zeros(1)), "arrays extra are missing or unknown"),
        (retype("node_threshold", "f8"), "node_threshold is float64"),
        (retype("node_step", "i4"), "node_step is int32"),
        (lambda arrays, meta: arrays.update(knot_x=arrays["knot_x"][:, None]), r"knot_x is float64 \(4, 1\)"),
        *[(cut(name), f"{name} has .* entries, it must have") for name in ensemble.ARRAYS if name != "tree_nodes"],
        (cut("tree_nodes"), "entries, it must have"),
        (put("tree_nodes", 0, 0), r"tree_nodes\[0\] is 0"),
        (put("tree_nodes", 0, 2**40), r"tree_nodes\[0\] is 1099511627776"),
        (put("node_step", 0, 60_000), r"node_step\[0\] is 60000, it must be a step to two nodes of the same tree"),
        (put("node_step", 0, 2), "such that one way leads to each node"),
        (put("node_step", 0, 0), "such that one way leads to each node"),
        (put("node_step", leaf, 1), "node_step"),
        (put("node_slot", 0, 12), r"node_slot\[0\] is 12, it must be below 12"),
        (put("node_threshold", 0, np.nan), r"node_threshold\[0\] is nan"),
        (put("node_threshold", 0, np.inf), "below inf in a split"),
        (put("node_threshold", leaf, 0.0), "inf in a leaf"),
        (put("node_value", leaf, np.nan), "finite"),
        (put("node_value", leaf, 1.5), "a share of a forest's leaf"),
        (put("node_value", -1, 0.1), "a float32 margin"),
        (put("term_input", 0, 6), "the position of an input"),
        (put("term_input", 0, -1), "the position of an input"),
        (put("term_indicator", 0, 2), "0 or 1"),
        (put("term_scale", 0, 0.0), "above 0"),
        (put("term_scale", 0, 1e-280), "term_coefficient / term_scale"),
        *[
            (put(name, 0, np.nan), rf"{name}\[0\] is nan, it must be finite")
            for name in ("term_fill", "term_centre", "term_coefficient", "member_bias", "member_slope")
        ],
        (put("member_intercept", 1, np.inf), r"member_intercept\[1\] is inf"),
        (put("knot_x", 1, 0.2), r"knot_x\[0\] is 0.2, it must be below the next one"),
        (put("knot_x", 0, np.nan), r"knot_x\[0\] is nan"),
        (put("knot_x", 0, np.nextafter(0.35, 0)), None),
        (put("knot_y", 0, 0.5), "at most the next one"),
        (put("knot_y", 3, 1.01), r"in \[0, 1\]"),
        (put("member_weight", 0, 0.6), "sum to 1.1, they must sum to 1"),
        (put("member_weight", slice(None), (1.2, -0.2, 0.0)), "at least 0"),
        (put("member_weight", 0, np.nan), r"member_weight\[0\] is nan"),
        (put("combination", 0, 0.1), "they must sum to 1"),
        (put("combination", 1, np.nan), r"combination\[1\] is nan"),
        (describe(combination="median"), "its combination is 'median'"),
        (describe(combination="stacked"), None),
        (describe(inputs=["a", "a", "b", "c", "d", "e"]), "different names"),
        (describe(inputs=[]), "different names"),
        (describe(inputs=[1, 2, 3, 4, 5, 6]), "different names"),
        (describe(inputs="abcdef"), "must be lists"),
        (describe(inputs=["a"]), "it must be"),
        (describe(members=[]), "no members"),
        (describe(members=[3]), "does not read"),
        (describe(extra=1), "its description has"),
        (lambda arrays, meta: meta.pop("inputs"), "its description has"),
        (member(0, kind="perceptron"), "of kind 'perceptron'"),
        (member(0, calibrator="beta"), "calibrator 'beta'"),
        (member(0, calibrator="none"), "a calibrator 'none' has 4 knots"),
        (member(0, knots=5), "entries, it must have"),
        (member(0, trees=-1), "trees, terms and knots"),
        (member(0, trees=2.5), "trees, terms and knots"),
        (member(0, trees=0), "has 0 trees"),
        (member(0, trees=12), "entries, it must have"),
        (member(0, terms=1), "linear terms"),
        (member(0, depth=8), "does not read"),
        (member(2, trees=1), "logistic member has 1 trees"),
    ],
)
def test_damage_is_refused_in_one_line(exported, damage, says):
    arrays, meta = stored(exported)
    damage(arrays, meta)
    if says is None:  # no damage: it only stands close to it
        ensemble.from_arrays(arrays, meta)
        return
    with pytest.raises(DataError, match=says) as refusal:
        ensemble.from_arrays(arrays, meta)
    assert "\n" not in str(refusal.value)


def test_a_stacked_combination_needs_its_edge():
    arrays, meta = stored(export(ensembles.members(), ensembles.STACKED))
    for edge in (0.0, 0.5):
        arrays["combination"][1] = edge
        with pytest.raises(DataError, match=r"above 0 and below 0\.5"):
            ensemble.from_arrays(arrays, meta)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(ensemble.ARRAYS)), st.integers(0, 10**9), st.integers(0, 7))
def test_any_flipped_bit_is_refused_or_leaves_probabilities(exported, name, at, bit):
    arrays, meta = stored(exported)
    raw = arrays[name].view(np.uint8)
    raw[at % raw.size] ^= 1 << bit
    try:
        damaged = ensemble.from_arrays(arrays, meta)
    except DataError:
        return
    X, _ = ensembles.world(3, n=20, k=len(ensembles.NAMES))
    found = Probabilities(damaged).batch(X)
    assert (np.abs(found - 0.5) <= 0.5 + 1e-6).all()
