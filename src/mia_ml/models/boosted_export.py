"""The arrays of an XGBoost classifier, from the JSON that the booster itself writes.

XGBoost casts rows to float32 and goes left where x < split, which is x <= the float32 before it. Margins are added in
float32 from the base margin log(base_score / (1 - base_score)) on, tree after tree.
"""

import json
import math
from typing import Any

import numpy as np
from xgboost import XGBClassifier

from mia_ml.core.errors import ConfigError
from mia_ml.models import trees
from mia_ml.models.ensemble import DEEPEST


def arrays(estimator: Any, columns: np.ndarray) -> dict[str, Any]:
    """columns: position in the ensemble's inputs of each column the booster was fitted on."""
    if not isinstance(estimator, XGBClassifier):
        raise ConfigError(f"the boosted member is a {type(estimator).__name__}: the kernel carries XGBClassifier")
    if estimator.max_depth is not None and not 1 <= estimator.max_depth <= DEEPEST:
        raise ConfigError(f"boosted max_depth is {estimator.max_depth}: the kernel carries 1 to {DEEPEST}")
    if estimator.missing is not None and not math.isnan(estimator.missing):
        raise ConfigError(f"boosted missing is {estimator.missing}: the kernel takes NaN as missing, nothing else")
    return model_arrays(json.loads(estimator.get_booster().save_raw("json")), columns)


def model_arrays(model: dict[str, Any], columns: np.ndarray) -> dict[str, Any]:
    """The same of the JSON alone."""
    learner = model["learner"]
    objective, booster, shape = (
        learner["objective"]["name"],
        learner["gradient_booster"],
        learner["learner_model_param"],
    )
    if booster["name"] != "gbtree":
        raise ConfigError(f"the booster is {booster['name']}: the kernel carries gbtree")
    if objective != "binary:logistic" or int(shape["num_class"]) > 1 or int(shape.get("num_target", 1)) > 1:
        raise ConfigError(
            f"the booster's objective is {objective} with {shape['num_class']} classes and "
            f"{shape.get('num_target', 1)} targets: the kernel carries binary:logistic with one target"
        )
    grown = booster["model"]["trees"]
    best = learner["attributes"].get("best_iteration")
    if best is not None:  # training stopped early: the library, too, predicts with the trees up to the best one
        grown = grown[: booster["model"]["iteration_indptr"][int(best) + 1]]
    return trees.joined([_tree(tree, columns) for tree in grown]) | {"member_bias": base_margin(shape["base_score"])}


def base_margin(base_score: str) -> np.float32:
    """Log-odds of the base score, a number or a list of one, as XGBoost computes them in float32.

    >>> base_margin("[5E-1]")
    np.float32(-0.0)
    """
    score = np.atleast_1d(json.loads(base_score)).astype(np.float32)
    if score.size != 1 or not 0 < score[0] < 1:
        raise ConfigError(f"the booster's base_score is {base_score}: the kernel carries one probability")
    one = np.float32(1)
    return np.float32(-math.log(one / score[0] - one))


def _tree(tree: dict[str, Any], columns: np.ndarray) -> dict[str, Any]:
    if int(tree["tree_param"]["size_leaf_vector"]) > 1:
        raise ConfigError("the booster's leaves are vectors: the kernel carries multi_strategy='one_output_per_tree'")
    if any(tree["split_type"]) or tree["categories_nodes"]:
        raise ConfigError("the booster splits on categories: the kernel carries numbers; give it numeric columns")
    split = np.array(tree["split_conditions"], np.float32)
    missing_right = np.array(tree["default_left"]) == 0
    slot = 2 * columns[np.array(tree["split_indices"])] + missing_right
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    return trees.flat(left, right, np.nextafter(split, np.float32(-np.inf)), slot, split.astype(np.float64))
