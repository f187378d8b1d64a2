"""Training goes on at once behind a test block, where features still look back into it.

Purged k-fold without the embargo: no label overlaps, but the windows of the first training rows hold the test prices
that the labels under test were made of (Lopez de Prado 2018, 7.4.2).
"""

import numpy as np

from mia_ml.canaries.claims import Claims, Fold
from mia_ml.canaries.history import History
from mia_ml.core.moments import MINUTE
from mia_ml.labels.records import usable
from mia_ml.splits.purged_kfold import PurgedKFold

LOOK_BACK_NS = 60 * MINUTE
BLOCKS = 5


def leaking(history: History) -> Claims:
    return _split(history, 0)


def clean(history: History) -> Claims:
    return _split(history, LOOK_BACK_NS)


def _split(history: History, embargo_ns: int) -> Claims:
    labels = history.labels[usable(history.labels)]
    t0, t1 = np.ascontiguousarray(labels["signal_ns"]), np.ascontiguousarray(labels["end_ns"])
    folds = PurgedKFold(BLOCKS, embargo_ns).of(t0, t1)
    return Claims(
        folds=[
            Fold(f"block {k}", t0[f.train], t1[f.train], t0[f.test], t1[f.test], after_ns=LOOK_BACK_NS)
            for k, f in enumerate(folds, 1)
        ]
    )
