"""A trained ensemble as flat arrays and JSON: what is kept, what a bundle stores, what the kernel scores from.

Trees. The nodes of all trees stand one tree after the other. Node i goes on to i + step where x <= threshold (float32)
and to i + step + 1 where not; step 0 is a leaf. `node_slot` is 2 c for input c where a missing value goes left, 2 c + 1
where it goes right. A leaf's value is its share of winning events (forest) or its margin in log-odds (boosted).

Linear terms. The member's log-odds are its bias plus, in order, coefficient ((value - centre) / scale) with
value = x or, where x is missing, `fill`; with `term_indicator` 1 the value is 1 where x is missing and 0 where not.

Calibrators: `knot_x`, `knot_y` of an isotonic one, `member_slope`, `member_intercept` of a sigmoid one. `combination`
holds an intercept and the edge within which probabilities are held before their log-odds are taken. Each member owns as
many consecutive trees, terms and knots as the JSON says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mia_ml.core.errors import DataError

KINDS = ("forest", "boosted", "logistic")
CALIBRATORS = ("none", "isotonic", "sigmoid")
COMBINATIONS = ("average", "stacked")
SIGNAL_INPUTS = ("side", "exceedance")
"""What the models are told of the signal itself besides features, their last two inputs; no selection drops them."""

DEEPEST = 16
"""Levels below the root; a full tree that deep just fits the steps of its nodes into 16 bits."""

SUM_TOLERANCE = 1e-9
BOUND = 1e300
"""No number may be larger, so that no sum of products overflows into infinity minus infinity."""

LARGEST = float(np.finfo(np.float32).max)
"""Trees compare in float32; what is beyond has no way through them."""

ARRAYS: Mapping[str, np.dtype] = {
    name: np.dtype(kind)
    for name, kind in (
        ("tree_nodes", "i8"),
        ("node_threshold", "f4"),
        ("node_slot", "u2"),
        ("node_step", "u2"),
        ("node_value", "f8"),
        ("term_input", "i8"),
        ("term_indicator", "i8"),
        ("term_fill", "f8"),
        ("term_centre", "f8"),
        ("term_scale", "f8"),
        ("term_coefficient", "f8"),
        ("knot_x", "f8"),
        ("knot_y", "f8"),
        ("member_bias", "f8"),
        ("member_slope", "f8"),
        ("member_intercept", "f8"),
        ("member_weight", "f8"),
        ("combination", "f8"),
    )
}


@dataclass(frozen=True)
class Member:
    """How many trees, linear terms and knots are this member's, and what they mean."""

    kind: str
    trees: int
    terms: int
    calibrator: str
    knots: int


@dataclass(frozen=True, eq=False)
class Ensemble:
    """inputs: names of the columns of x, in order. arrays: by the names and dtypes of ARRAYS, read-only.

    Raises DataError on anything a walk over the arrays could not survive: so it is safe to build from a stored bundle.
    """

    inputs: tuple[str, ...]
    members: tuple[Member, ...]
    combination: Literal["average", "stacked"]
    arrays: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        _check_names(self)
        _check_shapes(self)
        _check_trees(self)
        _check_terms(self)
        _check_calibrators(self)
        _check_combination(self)
        for array in self.arrays.values():
            array.flags.writeable = False

    def to_arrays(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The arrays and the JSON to store; `from_arrays` takes them back."""
        meta = {
            "inputs": list(self.inputs),
            "members": [vars(member).copy() for member in self.members],
            "combination": self.combination,
        }
        return dict(self.arrays), meta


def from_arrays(arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Ensemble:
    """The ensemble that `to_arrays` took apart. Raises DataError on what is missing, added, damaged or out of range."""
    known = {"inputs", "members", "combination"}
    if set(meta) != known:
        raise _damaged(f"its description has {sorted(meta)}, it must have {sorted(known)}")
    inputs, members = meta["inputs"], meta["members"]
    if not isinstance(inputs, list) or not isinstance(members, list):
        raise _damaged("its inputs and members must be lists")
    try:
        described = tuple(Member(**member) for member in members)
    except TypeError as error:
        raise _damaged(f"a member's description does not read ({error})") from error
    return Ensemble(tuple(inputs), described, meta["combination"], {name: np.array(a) for name, a in arrays.items()})


def _damaged(what: str) -> DataError:
    return DataError(f"not a sound ensemble: {what}; export it again")


def _refuse_where(bad: np.ndarray, name: str, array: np.ndarray, wanted: str) -> None:
    if bad.any():
        at = int(np.argmax(bad))
        raise _damaged(f"{name}[{at}] is {array[at]}, it must be {wanted}")


def _refuse_beyond(array: np.ndarray, name: str) -> None:
    _refuse_where(~(np.abs(array) <= BOUND), name, array, f"finite, within +-{BOUND:g}")


def _check_names(ensemble: Ensemble) -> None:
    inputs, members = ensemble.inputs, ensemble.members
    if not inputs or not all(isinstance(name, str) and name for name in inputs) or len(set(inputs)) != len(inputs):
        raise _damaged(f"its inputs are {list(inputs)}, they must be different names")
    if 2 * len(inputs) - 1 > np.iinfo(ARRAYS["node_slot"]).max:
        raise _damaged(f"it has {len(inputs)} inputs, at most 32768 can be told apart")
    if not members:
        raise _damaged("it has no members")
    for member in members:
        counts = (member.trees, member.terms, member.knots)
        if member.kind not in KINDS or member.calibrator not in CALIBRATORS:
            raise _damaged(f"a member is of kind '{member.kind}' with calibrator '{member.calibrator}'")
        if any(type(count) is not int or count < 0 for count in counts):
            raise _damaged(f"a {member.kind} member has {counts} trees, terms and knots")
        if (member.trees > 0) == (member.kind == "logistic") or (member.terms and member.kind != "logistic"):
            raise _damaged(f"a {member.kind} member has {member.trees} trees and {member.terms} linear terms")
        if (member.knots > 0) != (member.calibrator == "isotonic"):
            raise _damaged(f"a calibrator '{member.calibrator}' has {member.knots} knots")
    if ensemble.combination not in COMBINATIONS:
        raise _damaged(f"its combination is '{ensemble.combination}', it must be average or stacked")


def _check_shapes(ensemble: Ensemble) -> None:
    arrays, members = ensemble.arrays, ensemble.members
    if set(arrays) != set(ARRAYS):
        odd = sorted(set(arrays) ^ set(ARRAYS))
        raise _damaged(f"arrays {', '.join(odd)} are missing or unknown")
    for name, dtype in ARRAYS.items():
        if arrays[name].dtype != dtype or arrays[name].ndim != 1:
            raise _damaged(f"{name} is {arrays[name].dtype} {arrays[name].shape}, it must be {dtype} [n]")
    trees = arrays["tree_nodes"]
    _refuse_where((trees < 1) | (trees > 2 ** (DEEPEST + 1)), "tree_nodes", trees, "the size of a tree")
    sizes = {
        "tree": sum(member.trees for member in members),
        "node": int(trees.sum()),
        "term": sum(member.terms for member in members),
        "knot": sum(member.knots for member in members),
        "member": len(members),
        "combination": 2,
    }
    for name, array in arrays.items():
        wanted = sizes[name.split("_")[0]]
        if array.size != wanted:
            raise _damaged(f"{name} has {array.size} entries, it must have {wanted}")


def _check_trees(ensemble: Ensemble) -> None:
    arrays = ensemble.arrays
    nodes, step = arrays["tree_nodes"], arrays["node_step"].astype(np.int64)
    threshold, slot, value = arrays["node_threshold"], arrays["node_slot"], arrays["node_value"]
    inner = step > 0
    left = np.arange(step.size) + step
    beyond = inner & (left + 1 >= np.repeat(np.cumsum(nodes), nodes))
    _refuse_where(beyond, "node_step", step, "a step to two nodes of the same tree")
    reached = np.bincount(np.concatenate([left[inner], left[inner] + 1]), minlength=step.size)
    root = np.zeros(step.size, np.int64)
    root[np.cumsum(nodes) - nodes] = 1
    _refuse_where(reached + root != 1, "node_step", step, "such that one way leads to each node")
    _refuse_where(slot >= 2 * len(ensemble.inputs), "node_slot", slot, f"below {2 * len(ensemble.inputs)}")
    _refuse_where(np.isnan(threshold), "node_threshold", threshold, "a number")
    _refuse_where(inner & np.isposinf(threshold), "node_threshold", threshold, "below inf in a split")
    _refuse_where(~inner & ~np.isposinf(threshold), "node_threshold", threshold, "inf in a leaf")
    _refuse_beyond(value, "node_value")
    begin, end = 0, np.concatenate([[0], np.cumsum(nodes)])[np.cumsum([member.trees for member in ensemble.members])]
    for member, stop in zip(ensemble.members, end, strict=True):
        held = value[begin:stop]
        if member.kind == "forest":
            _refuse_where(np.abs(held - 0.5) > 0.5 + SUM_TOLERANCE, "node_value", held, "a share of a forest's leaf")
        else:
            _refuse_where(held != held.astype(np.float32), "node_value", held, "a float32 margin")
        begin = stop
    deepest = int(depths(arrays).max(initial=0))
    if deepest > DEEPEST:
        raise _damaged(f"a tree has {deepest} levels, at most {DEEPEST} are possible")


def depths(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Levels below the root of each tree, int64 [trees]; of arrays in which every step leads forward."""
    nodes, step = arrays["tree_nodes"], arrays["node_step"].astype(np.int64)
    tree = np.repeat(np.arange(nodes.size), nodes)
    out = np.zeros(nodes.size, np.int64)
    level, depth = np.cumsum(nodes) - nodes, 0
    while level.size:
        out[tree[level]] = depth
        inner = level[step[level] > 0]
        level = np.concatenate([inner + step[inner], inner + step[inner] + 1])
        depth += 1
    return out


def _check_terms(ensemble: Ensemble) -> None:
    arrays = ensemble.arrays
    column, indicator = arrays["term_input"], arrays["term_indicator"]
    _refuse_where((column < 0) | (column >= len(ensemble.inputs)), "term_input", column, "the position of an input")
    _refuse_where((indicator != 0) & (indicator != 1), "term_indicator", indicator, "0 or 1")
    for name in ("term_fill", "term_centre", "term_scale", "term_coefficient", "member_bias"):
        _refuse_beyond(arrays[name], name)
    scale, coefficient = arrays["term_scale"], arrays["term_coefficient"]
    _refuse_where(scale <= 0, "term_scale", scale, "above 0")
    with np.errstate(over="ignore"):
        _refuse_beyond(coefficient * ((np.abs(arrays["term_fill"]) + LARGEST) / scale), "term_coefficient / term_scale")


def _check_calibrators(ensemble: Ensemble) -> None:
    arrays = ensemble.arrays
    for name in ("member_slope", "member_intercept"):
        _refuse_beyond(arrays[name], name)
    first = 0
    for member in ensemble.members:
        x, y = (arrays[name][first : first + member.knots] for name in ("knot_x", "knot_y"))
        _refuse_where(~np.isfinite(x), "knot_x", x, "finite")
        _refuse_where(~((y >= 0) & (y <= 1)), "knot_y", y, "in [0, 1]")
        _refuse_where(np.diff(x) <= 0, "knot_x", x, "below the next one")
        _refuse_where(np.diff(y) < 0, "knot_y", y, "at most the next one")
        with np.errstate(over="ignore"):
            _refuse_where(~np.isfinite(np.diff(y) / np.diff(x)), "knot_x", x, "further from the next one")
        first += member.knots


def _check_combination(ensemble: Ensemble) -> None:
    weight, (intercept, edge) = ensemble.arrays["member_weight"], ensemble.arrays["combination"]
    _refuse_beyond(weight, "member_weight")
    _refuse_beyond(ensemble.arrays["combination"], "combination")
    if ensemble.combination == "average":
        _refuse_where(weight < 0, "member_weight", weight, "at least 0")
        if abs(float(weight.sum()) - 1) > SUM_TOLERANCE or intercept != 0:
            raise _damaged(f"the weights of the average sum to {float(weight.sum()):.6g}, they must sum to 1")
    elif not 0 < edge < 0.5:
        raise _damaged(f"probabilities are held {edge} from 0 and 1, it must be above 0 and below 0.5")
