"""Purged k-fold (Lopez de Prado 2018, Advances in Financial Machine Learning, 7.4).

Time is cut into blocks of equal size; each is tested once by what is learnt from the others, before and after it. What
it says about execution: nothing, a model trained on later blocks is no trader. It tunes and compares; what a strategy
earns is for the walk-forward to say.
"""

from dataclasses import dataclass

import numpy as np

from mia_ml.core.errors import ConfigError
from mia_ml.splits import folds, lives


@dataclass(frozen=True)
class PurgedKFold:
    """n_splits blocks in time order, 2 or more; embargo_ns: how long after a test row's end nothing is trained on.

    Twelve events, each alive until the second one after it has started:

    >>> t0 = np.arange(12)
    >>> print(PurgedKFold(3, embargo_ns=1).of(t0, t0 + 2).table())
    fold    train   purged  embargoed     test  outside
       1        5        2          1        4        0  ||||ppe#####
       2        3        4          1        4        0  ##pp||||ppe#
       3        6        2          0        4        0  ######pp||||

    `cross_val_score(model, X, y, cv=PurgedKFold(3).of(t0_ns, t1_ns))` takes it.
    """

    n_splits: int
    embargo_ns: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.n_splits, int | np.integer) or self.n_splits < 2:
            raise ConfigError(f"n_splits is {self.n_splits!r}: at least 2 blocks")
        lives.checked_embargo(self.embargo_ns)

    def of(self, t0_ns: np.ndarray, t1_ns: np.ndarray) -> folds.Folds:
        """The folds of rows that live in [t0_ns, t1_ns], int64 [n] in any order.

        Raises DataError on fewer rows than blocks, and on a block that leaves nothing to train on.
        """
        t0_ns, t1_ns = lives.checked(t0_ns, t1_ns)
        return folds.block_folds(t0_ns, t1_ns, folds.blocks(t0_ns, self.n_splits, "n_splits"), self.embargo_ns)
