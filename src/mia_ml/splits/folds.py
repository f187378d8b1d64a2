"""Folds: who learns from whom, with an account of every row.

scikit-learn takes `Folds` wherever it takes a splitter: `cross_val_score(model, X, y, cv=folds)`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mia_ml.core.errors import DataError
from mia_ml.splits import lives

OUTSIDE, TRAIN, PURGED, EMBARGOED, TEST = range(5)
SIGNS = np.array(list(".#pe|"))
LANE_CHARACTERS = 60


@dataclass(frozen=True, eq=False)
class Fold:
    """One split of `rows` rows: indices, int64 ascending, of what became of each; the rest lies outside of the fold.

    purged_rows: overlap the test set. embargoed_rows: too close to it.
    """

    rows: int
    train: np.ndarray
    test: np.ndarray
    purged_rows: np.ndarray
    embargoed_rows: np.ndarray

    @property
    def purged(self) -> int:
        return self.purged_rows.size

    @property
    def embargoed(self) -> int:
        return self.embargoed_rows.size

    @property
    def outside(self) -> int:
        """Rows in none of the fold's windows."""
        return self.rows - self.train.size - self.test.size - self.purged - self.embargoed

    def states(self) -> np.ndarray:
        """What became of each row, int64 [rows]: OUTSIDE, TRAIN, PURGED, EMBARGOED or TEST."""
        states = np.full(self.rows, OUTSIDE)
        states[self.train] = TRAIN
        states[self.purged_rows] = PURGED
        states[self.embargoed_rows] = EMBARGOED
        states[self.test] = TEST
        return states


def fold_of(test: np.ndarray, candidates: np.ndarray, purged: np.ndarray, embargoed: np.ndarray, what: str) -> Fold:
    """A fold from masks [n]: what is tested, what could be trained on, and what of that may not be.

    A row that is both overlapping and too close counts as purged. Raises DataError when nothing is left to train on.
    what: the fold's name in that message.
    """
    purged = candidates & purged
    embargoed = candidates & ~purged & embargoed
    train = candidates & ~purged & ~embargoed
    if not train.any():
        raise DataError(
            f"{what}: no training row is left of {candidates.sum()}: {purged.sum()} overlap the test rows, "
            f"{embargoed.sum()} are embargoed; "
            "use fewer folds, a shorter embargo, a longer training window, or labels with shorter lives"
        )
    return Fold(test.size, *(np.flatnonzero(mask).astype(np.int64) for mask in (train, test, purged, embargoed)))


@dataclass(frozen=True, eq=False)
class Folds:
    """The folds of a data set; t0_ns, t1_ns: the lives they were made from, int64 [n]."""

    t0_ns: np.ndarray
    t1_ns: np.ndarray
    folds: tuple[Fold, ...]

    def __iter__(self) -> Iterator[Fold]:
        return iter(self.folds)

    def __len__(self) -> int:
        return len(self.folds)

    def __getitem__(self, position: int) -> Fold:
        return self.folds[position]

    def split(self, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(train, test) indices of each fold. Raises DataError when X or y has another number of rows."""
        for name, given in (("X", X), ("y", y)):
            rows = self.t0_ns.size if given is None else np.shape(given)[0]
            if rows != self.t0_ns.size:
                raise DataError(f"{name} has {rows} rows, these folds are of {self.t0_ns.size}: split the same rows")
        for fold in self.folds:
            yield fold.train, fold.test

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        return len(self.folds)

    def table(self) -> str:
        """Counts and a lane per fold; its characters follow the rows in time.

        `#` train, `p` purged, `e` embargoed, `|` test, `.` outside. Of more than 60 rows an even sample is shown.
        """
        order = np.argsort(self.t0_ns, kind="stable")
        shown = order[np.linspace(0, order.size - 1, min(order.size, LANE_CHARACTERS)).astype(int)]
        lines = ["fold    train   purged  embargoed     test  outside"]
        for number, fold in enumerate(self.folds, 1):
            counts = f"{fold.train.size:9d}{fold.purged:9d}{fold.embargoed:11d}{fold.test.size:9d}{fold.outside:9d}"
            lines.append(f"{number:4d}{counts}  {''.join(SIGNS[fold.states()[shown]])}")
        return "\n".join(lines)


def block_folds(t0_ns: np.ndarray, t1_ns: np.ndarray, tests: Sequence[np.ndarray], embargo_ns: int) -> Folds:
    """Folds whose test rows are given, each learning from all other rows, before and after, that may be learnt from.

    tests: for each fold its rows, as indices or as a mask [n]. Raises DataError when nothing is tested or left to
    train on.
    """
    t0_ns, t1_ns = lives.checked(t0_ns, t1_ns)
    lives.checked_embargo(embargo_ns)
    found = []
    for number, rows in enumerate(tests, 1):
        test = np.zeros(t0_ns.size, bool)
        test[rows] = True
        if not test.any():
            raise DataError(f"fold {number}: no test row: use fewer folds or more data")
        at = t0_ns[test], t1_ns[test]
        purged = lives.overlapping(t0_ns, t1_ns, *at)
        embargoed = lives.following(t0_ns, *at, embargo_ns)
        found.append(fold_of(test, ~test, purged, embargoed, f"fold {number}"))
    return Folds(t0_ns, t1_ns, tuple(found))


def blocks(t0_ns: np.ndarray, count: int, what: str) -> list[np.ndarray]:
    """Rows in time order (ties as they stand) cut into blocks whose sizes differ by one at most, as index arrays.

    Raises DataError when there are fewer rows than blocks.
    """
    if t0_ns.size < count:
        raise DataError(f"{t0_ns.size} rows cannot fill {count} blocks: lower {what} or use more data")
    return np.array_split(np.argsort(t0_ns, kind="stable"), count)
