"""An ensemble's probabilities, one row at a time; a batch is a loop over the very same function.

Trees are walked eight in lockstep, which hides the way to memory, always as many levels as the deepest of the eight
has: a leaf leads to itself. A missing input costs no branch, since each input stands twice in the row, once with NaN as
-inf and once as +inf, and a node reads the one that goes its way. Thresholds are float32, as are the rows that
scikit-learn and XGBoost compare with them. Leaves are added in the order of the trees, as the libraries do.
"""

from typing import NamedTuple

import numpy as np

from mia_ml.core.errors import DataError
from mia_ml.core.kernel import kernel
from mia_ml.models.elementary import log, logistic
from mia_ml.models.ensemble import CALIBRATORS, KINDS, LARGEST, Ensemble, depths

LANES = 8
NODE = np.dtype([("threshold", "<f4"), ("slot", "<u2"), ("step", "<u2")])
"""A node's eight bytes, which the kernel reads as one whole number."""

TERM = ("input", "indicator", "fill", "centre", "scale", "coefficient")
MEMBER = np.dtype(
    [
        ("kind", "i8"),
        ("trees", "i8"),
        ("first", "i8"),  # of its groups of trees, or of its terms
        ("last", "i8"),
        ("bias", "f8"),
        ("calibrator", "i8"),
        ("first_knot", "i8"),
        ("last_knot", "i8"),
        ("slope", "f8"),
        ("intercept", "f8"),
        ("weight", "f8"),
    ]
)
_FOREST, _BOOSTED = KINDS.index("forest"), KINDS.index("boosted")
_LOW, _16_BITS, _32, _48 = np.uint64(0xFFFF_FFFF), np.uint64(0xFFFF), np.uint64(32), np.uint64(48)
_FLOAT64 = np.dtype("f8")
_ISOTONIC, _SIGMOID = CALIBRATORS.index("isotonic"), CALIBRATORS.index("sigmoid")


class Tables(NamedTuple):
    """What the kernels read, in the order in which `probabilities` takes it."""

    members: np.ndarray  # MEMBER [members]
    groups: np.ndarray  # uint64 [groups, LANES + 1]: trees in lockstep, by the position of their roots; levels to walk
    nodes: np.ndarray  # uint64, each a NODE; the last one an empty leaf
    values: np.ndarray  # float64, of the nodes
    terms: np.ndarray  # float64 [terms, len(TERM)]
    knots: np.ndarray  # float64 [knots, 2], x and y
    combination: np.ndarray  # float64 [3]: 1 if stacked, intercept, edge


def tables(ensemble: Ensemble) -> Tables:
    """Pack an ensemble's arrays into the records that the kernels read."""
    arrays = ensemble.arrays
    nodes = np.zeros(arrays["node_step"].size + 1, NODE)
    for name in NODE.names or ():
        nodes[name][:-1] = arrays[f"node_{name}"]
    nodes["threshold"][-1] = np.inf
    members = np.zeros(len(ensemble.members), MEMBER)
    for name in ("bias", "slope", "intercept", "weight"):
        members[name] = arrays[f"member_{name}"]

    roots, levels = np.cumsum(arrays["tree_nodes"]) - arrays["tree_nodes"], depths(arrays)
    groups = [np.zeros((0, LANES + 1), np.uint64)]
    tree = group = term = knot = 0
    for record, member in zip(members, ensemble.members, strict=True):
        record["kind"], record["calibrator"] = KINDS.index(member.kind), CALIBRATORS.index(member.calibrator)
        own = slice(tree, tree + member.trees)
        groups.append(_grouped(roots[own], levels[own], empty=nodes.size - 1))
        first, count = (term, member.terms) if member.kind == "logistic" else (group, len(groups[-1]))
        record["trees"], record["first"], record["last"] = member.trees, first, first + count
        record["first_knot"], record["last_knot"] = knot, knot + member.knots
        tree, group = tree + member.trees, group + len(groups[-1])
        term, knot = term + member.terms, knot + member.knots
    return Tables(
        members,
        np.concatenate(groups),
        nodes.view("<u8").astype(np.uint64),
        np.append(arrays["node_value"], 0.0),
        np.stack([arrays[f"term_{name}"].astype(np.float64) for name in TERM], axis=1),
        np.stack([arrays["knot_x"], arrays["knot_y"]], axis=1),
        np.array([ensemble.combination == "stacked", *arrays["combination"]]),
    )


def _grouped(roots: np.ndarray, levels: np.ndarray, empty: int) -> np.ndarray:
    """Trees in lockstep, in their order; what the last group lacks is a tree that adds nothing."""
    lacking = -roots.size % LANES
    by_group = np.pad(roots, (0, lacking), constant_values=empty).reshape(-1, LANES)
    deepest = np.pad(levels, (0, lacking)).reshape(-1, LANES).max(axis=1, initial=0)
    return np.concatenate([by_group, deepest[:, None]], axis=1).astype(np.uint64)


@kernel
def _fill_slots(x, slots):
    """False where an input is beyond float32: no way through the trees is right for it."""
    for k in range(x.size):
        value = x[k]
        if np.isnan(value):
            slots[2 * k] = -np.inf
            slots[2 * k + 1] = np.inf
        elif abs(value) > LARGEST:
            return False
        else:
            slots[2 * k] = np.float32(value)
            slots[2 * k + 1] = np.float32(value)
    return True


@kernel
def _down(nodes, slots, i):
    """Positions are unsigned: for a signed one numba would ask at each step whether it counts from the end."""
    node = nodes[i]
    threshold = np.uint32(node & _LOW).view(np.float32)
    slot, step = (node >> _32) & _16_BITS, node >> _48
    return i + step + np.uint64(slots[slot] > threshold)


@kernel
def _leaves(group, nodes, slots):
    a, b, c, d = group[0], group[1], group[2], group[3]
    e, f, g, h = group[4], group[5], group[6], group[7]
    for _ in range(group[LANES]):
        a, b = _down(nodes, slots, a), _down(nodes, slots, b)
        c, d = _down(nodes, slots, c), _down(nodes, slots, d)
        e, f = _down(nodes, slots, e), _down(nodes, slots, f)
        g, h = _down(nodes, slots, g), _down(nodes, slots, h)
    return a, b, c, d, e, f, g, h


@kernel
def _forest(member, groups, nodes, values, slots):
    total = 0.0
    for k in range(member.first, member.last):
        for leaf in _leaves(groups[k], nodes, slots):
            total += values[leaf]
    return total / member.trees


@kernel
def _boosted(member, groups, nodes, values, slots):
    margin = np.float32(member.bias)
    for k in range(member.first, member.last):
        for leaf in _leaves(groups[k], nodes, slots):
            margin += np.float32(values[leaf])
    return logistic(np.float64(margin))


@kernel
def _linear(member, terms, x):
    total = member.bias
    for k in range(member.first, member.last):
        term = terms[k]
        column, indicator, fill, centre, scale, coefficient = term[0], term[1], term[2], term[3], term[4], term[5]
        value = x[int(column)]
        missing = np.isnan(value)
        if indicator != 0:
            value = 1.0 if missing else 0.0
        elif missing:
            value = fill
        total += coefficient * ((value - centre) / scale)
    return logistic(total)


@kernel
def _interpolated(p, knots):
    """Linear between the knots, constant beyond them: numpy's operations in numpy's order (`np.interp`)."""
    low, high = 0, knots.shape[0] - 1
    if p <= knots[low, 0]:
        return knots[low, 1]
    if p >= knots[high, 0]:
        return knots[high, 1]
    while high - low > 1:
        middle = (low + high) >> 1
        if knots[middle, 0] <= p:
            low = middle
        else:
            high = middle
    if p == knots[low, 0]:
        return knots[low, 1]
    slope = (knots[high, 1] - knots[low, 1]) / (knots[high, 0] - knots[low, 0])
    return slope * (p - knots[low, 0]) + knots[low, 1]


@kernel
def _combined(combination, members, p):
    stacked, intercept, edge = combination[0] != 0, combination[1], combination[2]
    total = intercept
    for k in range(members.size):
        value = p[k]
        if stacked:
            held = min(max(value, edge), 1.0 - edge)
            value = log(held / (1.0 - held))
        total += members[k].weight * value
    return logistic(total) if stacked else total


@kernel
def probabilities(members, groups, nodes, values, terms, knots, combination, x, slots, out):
    """Fill `out` for one row.

    The first seven: `Tables`. x: float64 [inputs], NaN where missing. slots: float32 [2 inputs], room to work in. out:
    float64 [2 members + 1]: the members' probabilities as their calibrators took them, the calibrated ones, and last
    the combined one; all NaN where an input is infinite or beyond float32.
    """
    if not _fill_slots(x, slots):
        out[:] = np.nan
        return
    for k in range(members.size):
        member = members[k]
        if member.kind == _FOREST:
            p = _forest(member, groups, nodes, values, slots)
        elif member.kind == _BOOSTED:
            p = _boosted(member, groups, nodes, values, slots)
        else:
            p = _linear(member, terms, x)
        out[k] = p
        if member.calibrator == _ISOTONIC:
            p = _interpolated(p, knots[member.first_knot : member.last_knot])
        elif member.calibrator == _SIGMOID:
            p = logistic(-(member.slope * p + member.intercept))
        out[members.size + k] = p
    out[2 * members.size] = _combined(combination, members, out[members.size :])


@kernel
def probabilities_all(members, groups, nodes, values, terms, knots, combination, X, out):
    """`probabilities` of each row: X float64 [n, inputs], out float64 [n, 2 members + 1]."""
    slots = np.empty(2 * X.shape[1], np.float32)
    for i in range(X.shape[0]):
        probabilities(members, groups, nodes, values, terms, knots, combination, X[i], slots, out[i])


class Probabilities:
    """An ensemble ready to score. Not to be shared by threads: its room to work in is its own."""

    def __init__(self, ensemble: Ensemble) -> None:
        self.ensemble = ensemble
        self.tables = tables(ensemble)
        inputs, members = len(ensemble.inputs), len(ensemble.members)
        self._shape = (inputs,)
        self._x, self._out = np.zeros(inputs), np.zeros(2 * members + 1)
        self._arguments = (*self.tables, self._x, np.zeros(2 * inputs, np.float32), self._out)

    def row(self, x: np.ndarray) -> float:
        """The combined probability of one row: x float64 [inputs], finite or NaN.

        Raises DataError on another shape or dtype and on a value beyond float32.
        """
        if x.shape != self._shape or x.dtype != _FLOAT64:
            raise DataError(f"a row is {x.dtype} {x.shape}: give float64 {self._shape}")
        self._x[:] = x
        probabilities(*self._arguments)
        p = self._out.item(-1)
        if p != p:
            raise self._beyond(x[None])
        return p

    def batch(self, X: np.ndarray) -> np.ndarray:
        """Of each row what `probabilities` writes, float64 [n, 2 members + 1]. X: float64 [n, inputs], finite or NaN.

        Raises DataError as `row` does.
        """
        if X.ndim != 2 or X.shape[1:] != self._shape or X.dtype != _FLOAT64:
            raise DataError(f"X is {X.dtype} {X.shape}: give float64 [n, {self._shape[0]}]")
        out = np.empty((len(X), self._out.size))
        probabilities_all(*self.tables, np.require(X, requirements=["C", "A", "W"]), out)
        if np.isnan(out[:, -1]).any():
            raise self._beyond(X)
        return out

    def _beyond(self, X: np.ndarray) -> DataError:
        row, column = np.argwhere(np.abs(X) > LARGEST)[0]
        name = self.ensemble.inputs[column]
        return DataError(f"input '{name}' is {X[row, column]}: values are finite in float32, or NaN where missing")
