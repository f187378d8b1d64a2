"""Which columns a fold's members are given, decided from that fold's fitting events alone.

    all                  every column that varies
    named                the columns listed
    mutual_information   the `keep` columns that tell most about the label, each alone
    permutation          the `keep` columns whose shuffling costs a forest most, on later events of the same part

Mutual information with the label is that within each side: a reading that favours buyers speaks for a buy and against
a sale, so that over both sides it would seem to say nothing. It is estimated on bins: quantiles, a bin of its own for
every value held by a bin's share of the events (components are 0 most of the time), another for NaN; less the bias
(bins - 1) (classes - 1) / (2 n) that independent columns show too (Miller 1955), not below 0, in nats.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sklearn.metrics import mutual_info_score

from mia_ml.core.errors import ConfigError, DataError, refuse_unknown
from mia_ml.models import combine

Kind = Literal["all", "named", "mutual_information", "permutation"]
KINDS: tuple[Kind, ...] = ("all", "named", "mutual_information", "permutation")

MOST_BINS = 8
EVENTS_A_CELL = 5

Predict = Callable[[np.ndarray], np.ndarray]
"""float64 [n, k] to probabilities float64 [n]."""


@dataclass(frozen=True)
class Selection:
    """keep: columns a ranking leaves. names: of the named kind. drop_constant: columns of one value, or of none, go.

    repeats: shufflings of a column.
    """

    kind: Kind = "all"
    keep: int = 20
    names: tuple[str, ...] = ()
    drop_constant: bool = True
    repeats: int = 5

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(refuse_unknown("selection", self.kind, KINDS))
        if self.keep < 1 or self.repeats < 1:
            raise ConfigError(f"selection.keep is {self.keep}, repeats {self.repeats}: each must be at least 1")
        if (self.kind == "named") != bool(self.names):
            raise ConfigError(
                f"selection is {self.kind} with {len(self.names)} names: kind named lists its columns, no other does"
            )


@dataclass(frozen=True)
class Selected:
    """names: what stays, in the columns' order. dropped: column to reason. scores: of the ranked columns."""

    names: tuple[str, ...]
    dropped: dict[str, str]
    scores: dict[str, float]


def select(
    selection: Selection,
    inputs: tuple[str, ...],
    X: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
    always: tuple[str, ...] = (),
    side: np.ndarray | None = None,
    importance: Callable[[tuple[str, ...]], np.ndarray] | None = None,
) -> Selected:
    """The columns to fit with. Arrays are those of `fit.fit`, of fitting events only.

    always: columns that stay whatever a ranking says. side: [n], of the events, where there is one. importance:
    for the permutation kind, gives each named column's cost of being shuffled.

    Raises ConfigError: a listed column that does not exist. DataError: no column is left.
    """
    for name in (*selection.names, *always):
        if name not in inputs:
            raise ConfigError(f"selection: {refuse_unknown('column', name, inputs)}")
    dropped: dict[str, str] = {}
    for column, name in enumerate(inputs):
        if name in always:
            continue
        if selection.kind == "named" and name not in selection.names:
            dropped[name] = "not listed"
        elif selection.drop_constant and (reason := constant(X[:, column])):
            dropped[name] = reason
    ranked = tuple(name for name in inputs if name not in dropped and name not in always)
    scores: dict[str, float] = {}
    if selection.kind == "mutual_information":
        scores = {name: within_sides(X[:, inputs.index(name)], y, weights, side) for name in ranked}
    elif selection.kind == "permutation":
        if importance is None:
            raise ConfigError("selection permutation ranks by a model: give its importance")
        scores = dict(zip(ranked, map(float, importance(ranked)), strict=True))
    for place, name in enumerate(sorted(scores, key=lambda name: -scores[name])[selection.keep :]):
        dropped[name] = f"ranked {selection.keep + place + 1} of {len(scores)}"
    names = tuple(name for name in inputs if name not in dropped)
    if not names:
        reasons = "; ".join(f"{name} is {reason}" for name, reason in dropped.items())
        raise DataError(f"no column is left to train on: {reasons}")
    return Selected(names, dropped, scores)


def constant(values: np.ndarray) -> str:
    """Why a column tells nothing: absent throughout or one value throughout; empty when it varies.

    >>> constant(np.array([1.0, 1.0])), constant(np.array([1.0, np.nan])), constant(np.array([np.nan]))
    ('constant', '', 'absent')
    """
    absent = np.isnan(values)
    if absent.all():
        return "absent"
    return "constant" if not absent.any() and (values == values[0]).all() else ""


def binned(values: np.ndarray, most: int) -> np.ndarray:
    """Values as bin numbers, int64 [n]: at most `most` for the finite ones, and one for NaN.

    >>> binned(np.array([0.0, 0.0, 0.0, 0.0, -3.0, 5.0, np.nan, 7.0]), 4)
    array([0, 0, 0, 0, 1, 2, 4, 3])
    """
    finite = ~np.isnan(values)
    _, place, counts = np.unique(values[finite], return_inverse=True, return_counts=True)
    own = counts * most >= max(place.size, 1)
    codes = np.where(own, np.cumsum(own) - 1, 0)
    rest, left = ~own, max(most - int(own.sum()), 1)
    before = np.cumsum(np.where(rest, counts, 0)) - counts / 2
    codes[rest] = own.sum() + (before[rest] * left / max(counts[rest].sum(), 1)).astype(np.int64)
    out = np.full(values.size, codes.max(initial=-1) + 1)
    out[finite] = codes[place]
    return out


def mutual_information(values: np.ndarray, other: np.ndarray, weights: np.ndarray) -> float:
    """Between a column and a label or another column, in nats; see the module for the estimator.

    values: float64 [n]. other: float64 [n] is binned too, integers are classes. weights: float64 [n].
    """
    values, other, weights = values[weights > 0], other[weights > 0], weights[weights > 0]
    n = weights.sum() ** 2 / (weights**2).sum()
    bins = int(np.clip(np.sqrt(n / EVENTS_A_CELL), 2, MOST_BINS))
    rows = np.unique(binned(values, bins), return_inverse=True)[1]
    classes = binned(other, bins) if other.dtype.kind == "f" else other
    columns = np.unique(classes, return_inverse=True)[1]
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), weights)
    bias = (table.shape[0] - 1) * (table.shape[1] - 1) / (2 * n)
    return max(float(mutual_info_score(None, None, contingency=table)) - bias, 0.0)


def within_sides(values: np.ndarray, y: np.ndarray, weights: np.ndarray, side: np.ndarray | None) -> float:
    """Mutual information of a column and the label given the side, in nats; arrays of [n]."""
    if side is None:
        return mutual_information(values, y, weights)
    total = 0.0
    for one in np.unique(side):
        rows = (side == one) & (weights > 0)
        if rows.any():
            total += float(weights[rows].sum()) * mutual_information(values[rows], y[rows], weights[rows])
    return total / float(weights.sum())


def permutation_cost(
    predict: Predict,
    X: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
    groups: list[tuple[int, ...]],
    repeats: int,
    seed: int,
) -> np.ndarray:
    """Rise of the weighted log loss, in nats, when a group of columns is shuffled together: float64 [groups, repeats].

    Columns that stand in for one another hide each other's worth unless they are shuffled together (Hooker, Mentch and
    Zhou 2021). A group's shuffles depend on the seed, its columns and the repeat, not on the other groups.
    """
    before = combine.log_loss(y, predict(X), weights)
    costs = np.empty((len(groups), repeats))
    for row, group in enumerate(groups):
        shuffled = np.tile(X, (repeats, 1, 1))
        for repeat in range(repeats):
            order = np.random.default_rng([seed, repeat, *group]).permutation(len(X))
            shuffled[repeat][:, group] = X[order][:, group]
        # one call for all repeats: a forest of 300 trees takes as long for 1,000 rows as for one
        after = predict(shuffled.reshape(-1, X.shape[1])).reshape(repeats, -1)
        costs[row] = [combine.log_loss(y, p, weights) - before for p in after]
    return costs
