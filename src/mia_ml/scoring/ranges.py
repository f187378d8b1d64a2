"""Training ranges: the smallest and largest value of each feature that decisions stand on, on the training rows.

Far outside them the formula and its models are asked about a market they have not seen; live scoring can say so.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from mia_ml.core.errors import DataError
from mia_ml.models.ensemble import SIGNAL_INPUTS
from mia_ml.scoring.filter import feature_of

Ranges = Mapping[str, tuple[float, float] | None]
"""(low, high) by ROW field, both finite, in the feature's unit; None where training saw no finite value."""


def features_behind(terms: Iterable[str], inputs: Iterable[str]) -> tuple[str, ...]:
    """The components of a formula, then the other features behind the inputs of its models, each once.

    >>> features_behind(["vix_trend", "rvol_x"], ["along_rvol_x", "vix", "side", "exceedance"])
    ('vix_trend', 'rvol_x', 'vix')
    """
    behind = (feature_of(name) for name in inputs if name not in SIGNAL_INPUTS)
    return tuple(dict.fromkeys((*terms, *behind)))


def of(rows: np.ndarray, names: Iterable[str]) -> dict[str, tuple[float, float] | None]:
    """The ranges of ROW fields over rows [n], n may be 0."""
    out: dict[str, tuple[float, float] | None] = {}
    for name in names:
        finite = rows[name][np.isfinite(rows[name])]
        # adding 0 makes -0.0 and 0.0, of which either may come out as the smallest, one
        out[name] = (float(finite.min()) + 0.0, float(finite.max()) + 0.0) if finite.size else None
    return out


def check(ranges: Ranges, names: Sequence[str]) -> None:
    """Raises DataError unless they are of exactly these features, each low <= high and finite."""
    for name in ranges:
        if name not in names:
            raise DataError(f"ranges: '{name}' is neither a component of the formula nor behind a model input")
    for name in names:
        if name not in ranges:
            raise DataError(f"ranges: '{name}' is missing; retrain it")
        span = ranges[name]
        if span is not None and not (all(map(math.isfinite, span)) and span[0] <= span[1]):
            raise DataError(f"ranges: {name} lies between {span[0]} and {span[1]}: two finite numbers in order")
