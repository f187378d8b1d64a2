"""From fitted estimators to an `Ensemble`: everything the kernel needs, nothing of the libraries.

What the kernel cannot carry exactly is refused here, in one line: other estimators, depth without a limit, DART and
linear boosters, categorical splits, more than two classes, vector leaves.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.models import boosted_export, combine, forest_export, linear_export
from mia_ml.models.combine import Combination
from mia_ml.models.ensemble import ARRAYS, Ensemble, Member
from mia_ml.models.fitted import Fitted, Isotonic, Sigmoid

_ARRAYS_OF: dict[str, Callable[[Any, np.ndarray], dict[str, Any]]] = {
    "forest": forest_export.arrays,
    "boosted": boosted_export.arrays,
    "logistic": linear_export.arrays,
}


def export(members: Sequence[Fitted], combination: Combination, inputs: Sequence[str] | None = None) -> Ensemble:
    """The ensemble of `members`, weighed by `combination`.

    inputs: the columns of the rows to score, in order; default: the members' inputs in order of first mention. Each
    member's inputs are found among them by name.

    Raises ConfigError where a member is not of a kind the kernel carries, DataError where names or counts disagree.
    """
    names = tuple(inputs or dict.fromkeys(name for member in members for name in member.inputs))
    if len(combination.weights) != len(members):
        raise DataError(f"{len(combination.weights)} weights for {len(members)} members: give each its own")
    parts: dict[str, list[Any]] = {name: [] for name in ARRAYS}
    described = []
    for member in members:
        own = _ARRAYS_OF[member.kind](member.estimator, _columns(member, names)) | _calibrator(member)
        for name, part in own.items():
            parts[name].append(part)
        trees, terms, knots = (np.size(own.get(name, ())) for name in ("tree_nodes", "term_input", "knot_x"))
        calibrator = "none" if member.calibrator is None else type(member.calibrator).__name__.lower()
        described.append(Member(member.kind, trees, terms, calibrator, knots))
    parts["member_weight"] = [combination.weights]
    parts["combination"] = [(combination.intercept, combine.EDGE)]
    arrays = {
        name: np.concatenate([np.zeros(0, dtype), *(np.atleast_1d(np.asarray(part, dtype)) for part in parts[name])])
        for name, dtype in ARRAYS.items()
    }
    return Ensemble(names, tuple(described), combination.kind, arrays)


def _columns(member: Fitted, inputs: tuple[str, ...]) -> np.ndarray:
    """Where each of the member's inputs stands among the ensemble's."""
    for name in member.inputs:
        if name not in inputs:
            raise DataError(f"the {member.kind} member reads '{name}', which is not among the inputs of the ensemble")
    if member.estimator.n_features_in_ != len(member.inputs):
        raise DataError(
            f"the {member.kind} member was fitted on {member.estimator.n_features_in_} columns and names "
            f"{len(member.inputs)}"
        )
    if list(member.estimator.classes_) != [0, 1]:
        raise ConfigError(
            f"the {member.kind} member knows the classes {list(member.estimator.classes_)}: the kernel carries 0 and 1"
        )
    return np.array([inputs.index(name) for name in member.inputs], np.int64)


def _calibrator(member: Fitted) -> dict[str, Any]:
    if isinstance(member.calibrator, Isotonic):
        knots = {"knot_x": member.calibrator.x, "knot_y": member.calibrator.y}
        return knots | {"member_slope": 0.0, "member_intercept": 0.0}
    if isinstance(member.calibrator, Sigmoid):
        return {"member_slope": member.calibrator.slope, "member_intercept": member.calibrator.intercept}
    return {"member_slope": 0.0, "member_intercept": 0.0}
