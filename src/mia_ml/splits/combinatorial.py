"""Combinatorial purged cross-validation (Lopez de Prado 2018, Advances in Financial Machine Learning, 12.4).

Time is cut into N groups; every choice of k of them is tested once, by what is learnt from the other N - k. Each group
is then tested C(N - 1, k - 1) times, which recombines into as many paths through all of time, all of them out of
sample.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.splits import folds, lives


@dataclass(frozen=True, eq=False)
class CombinatorialFolds(folds.Folds):
    """groups: row indices of each group in time order. tested: the groups that each fold tests."""

    groups: tuple[np.ndarray, ...]
    tested: tuple[tuple[int, ...], ...]

    def paths(self) -> np.ndarray:
        """int64 [paths, groups]: which fold (from 0) supplies each group of each path.

        Path p takes a group from the p-th fold that tests it: every prediction is used exactly once.
        """
        suppliers = [
            [fold for fold, chosen in enumerate(self.tested) if group in chosen] for group in range(len(self.groups))
        ]
        return np.array(suppliers, dtype=np.int64).T

    def recombine(self, predictions: Sequence[np.ndarray]) -> np.ndarray:
        """float64 [paths, rows] from what each fold says of its test rows, in the order of `split`.

        Raises DataError when a fold's predictions are not one per test row.
        """
        if [np.shape(each) for each in predictions] != [fold.test.shape for fold in self.folds]:
            raise DataError(f"predictions of {len(predictions)} folds do not fit {len(self)} folds: one per test row")
        paths = self.paths()
        out = np.empty((len(paths), self.t0_ns.size))
        for path, suppliers in enumerate(paths):
            for rows, fold in zip(self.groups, suppliers, strict=True):
                out[path, rows] = predictions[fold][np.searchsorted(self.folds[fold].test, rows)]
        return out


@dataclass(frozen=True)
class CombinatorialPurgedKFold:
    """n_groups: N, 2 or more. n_test_groups: k, from 1 to N - 1. embargo_ns: as in `PurgedKFold`, after each test row.

    >>> t0 = np.arange(12)
    >>> found = CombinatorialPurgedKFold(4, 2).of(t0, t0 + 1)
    >>> print(found.table())
    fold    train   purged  embargoed     test  outside
       1        5        1          0        6        0  ||||||p#####
       2        3        3          0        6        0  |||p#p|||p##
       3        4        2          0        6        0  |||p####p|||
       4        4        2          0        6        0  ##p||||||p##
       5        3        3          0        6        0  ##p|||p#p|||
       6        5        1          0        6        0  #####p||||||

    Fold 2 tests groups 0 and 2. Three paths, each through all four groups:

    >>> found.tested[1], found.paths().tolist()
    ((0, 2), [[0, 0, 1, 2], [1, 3, 3, 4], [2, 4, 5, 5]])
    """

    n_groups: int
    n_test_groups: int
    embargo_ns: int = 0

    def __post_init__(self) -> None:
        for name in ("n_groups", "n_test_groups"):
            if not isinstance(getattr(self, name), int | np.integer):
                raise ConfigError(f"{name} is {getattr(self, name)!r}: a whole number")
        if not 1 <= self.n_test_groups < self.n_groups:
            raise ConfigError(
                f"{self.n_test_groups} test groups of {self.n_groups}: test at least 1, train on at least 1"
            )
        lives.checked_embargo(self.embargo_ns)

    def of(self, t0_ns: np.ndarray, t1_ns: np.ndarray) -> CombinatorialFolds:
        """The folds of rows that live in [t0_ns, t1_ns], int64 [n] in any order.

        Raises DataError on fewer rows than groups, and on a choice of groups that leaves nothing to train on.
        """
        t0_ns, t1_ns = lives.checked(t0_ns, t1_ns)
        groups = tuple(folds.blocks(t0_ns, self.n_groups, "n_groups"))
        tested = tuple(itertools.combinations(range(self.n_groups), self.n_test_groups))
        tests = [np.concatenate([groups[group] for group in chosen]) for chosen in tested]
        found = folds.block_folds(t0_ns, t1_ns, tests, self.embargo_ns)
        return CombinatorialFolds(t0_ns, t1_ns, found.folds, groups, tested)
