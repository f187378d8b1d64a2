"""The arrays of a scikit-learn random forest.

scikit-learn casts rows to float32 and goes left where x <= threshold, a float64; x <= the largest float32 that is not
above it says the same of every float32 x. A threshold of +inf parts missing values from all others.
"""

from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from mia_ml.core.errors import ConfigError
from mia_ml.models import trees
from mia_ml.models.ensemble import DEEPEST, LARGEST


def arrays(estimator: Any, columns: np.ndarray) -> dict[str, Any]:
    """columns: position in the ensemble's inputs of each column the forest was fitted on."""
    if not isinstance(estimator, RandomForestClassifier):
        raise ConfigError(f"the forest is a {type(estimator).__name__}: the kernel carries RandomForestClassifier")
    if estimator.max_depth is None or estimator.max_depth > DEEPEST:
        raise ConfigError(f"forest max_depth is {estimator.max_depth}: the kernel carries 1 to {DEEPEST}")
    if estimator.n_outputs_ != 1:
        raise ConfigError(f"the forest predicts {estimator.n_outputs_} outputs: the kernel carries one")
    return trees.joined([_tree(grown.tree_, columns) for grown in estimator.estimators_]) | {"member_bias": 0.0}


def _tree(tree: Any, columns: np.ndarray) -> dict[str, Any]:
    threshold = at_most(tree.threshold)
    slot = 2 * columns[np.maximum(tree.feature, 0)] + (tree.missing_go_to_left == 0)
    return trees.flat(tree.children_left, tree.children_right, threshold, slot, tree.value[:, 0, 1])


def at_most(threshold: np.ndarray) -> np.ndarray:
    """The largest finite float32 at or below each float64.

    >>> at_most(np.array([0.1, 0.25, np.inf])).astype(np.float64) - np.array([0.1, 0.25, 0.0])
    array([-5.96046448e-09,  0.00000000e+00,  3.40282347e+38])
    """
    rounded = np.minimum(threshold, LARGEST).astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
