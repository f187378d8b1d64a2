"""Rows are dealt to folds at random, though their labels overlap.

`KFold(shuffle=True)`, or oversampling before the split: a test row's neighbours, five minutes away and with nearly the
same label, are in the training set. Cross-validated accuracy measures memory.
"""

import numpy as np

from mia_ml.canaries.claims import Claims, Fold
from mia_ml.canaries.history import History
from mia_ml.labels.records import usable
from mia_ml.splits.purged_kfold import PurgedKFold

FOLDS = 5


def leaking(history: History) -> Claims:
    t0, t1 = _lives(history)
    fold = np.random.default_rng(0).integers(0, FOLDS, t0.size)
    return Claims(
        folds=[Fold(f"fold {k}", t0[fold != k], t1[fold != k], t0[fold == k], t1[fold == k]) for k in range(FOLDS)]
    )


def clean(history: History) -> Claims:
    t0, t1 = _lives(history)
    folds = PurgedKFold(FOLDS).of(t0, t1)
    return Claims(
        folds=[Fold(f"block {k}", t0[f.train], t1[f.train], t0[f.test], t1[f.test]) for k, f in enumerate(folds)]
    )


def _lives(history: History) -> tuple[np.ndarray, np.ndarray]:
    labels = history.labels[usable(history.labels)]
    return np.ascontiguousarray(labels["signal_ns"]), np.ascontiguousarray(labels["end_ns"])
