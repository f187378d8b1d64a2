"""One tree as the node columns of an `Ensemble`: breadth first, so that the two children of a node stand together."""

from typing import Any

import numpy as np

from mia_ml.core.errors import ConfigError
from mia_ml.models.ensemble import DEEPEST


def flat(
    left: np.ndarray, right: np.ndarray, threshold: np.ndarray, slot: np.ndarray, value: np.ndarray
) -> dict[str, Any]:
    """The nodes of one tree, of which 0 is the root.

    left, right: int [nodes], the children's positions; left -1 is a leaf. threshold: float32, left where x <= it.
    slot: 2 c or 2 c + 1, see `ensemble`. value: float64, read in leaves.
    """
    levels = [np.zeros(1, np.int64)]
    while (inner := levels[-1][left[levels[-1]] >= 0]).size:
        levels.append(np.stack([left[inner], right[inner]], axis=1).ravel().astype(np.int64))
    if len(levels) - 1 > DEEPEST:
        raise ConfigError(f"a tree has {len(levels) - 1} levels below its root, the kernel carries at most {DEEPEST}")
    order = np.concatenate(levels)
    is_inner = left[order] >= 0
    first_child = 2 * np.cumsum(is_inner) - 1
    return {
        "tree_nodes": order.size,
        "node_threshold": np.where(is_inner, threshold[order], np.float32(np.inf)),
        "node_slot": np.where(is_inner, slot[order], 0),
        "node_step": np.where(is_inner, first_child - np.arange(order.size), 0),
        "node_value": np.where(is_inner, 0.0, value[order]),
    }


def joined(trees: list[dict[str, Any]]) -> dict[str, Any]:
    """The columns of all trees, one tree after the other."""
    return {name: np.concatenate([np.atleast_1d(tree[name]) for tree in trees]) for name in trees[0]}
