"""The kernel against the libraries, at every export: held-out rows, and rows made from them that are hard to get right.

forest      the same bits as RandomForestClassifier.predict_proba
boosted     within 1e-6 of XGBClassifier.predict_proba, which takes its last steps in float32
logistic    within 1e-12 of the pipeline's predict_proba
isotonic    the same bits, given the kernel's own probability; sigmoid within 1e-12
combined    within 1e-12, given the kernel's calibrated probabilities
one row     the same bytes as in a batch
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mia_ml.core.errors import DataError
from mia_ml.models import calibrate, combine, fit
from mia_ml.models.combine import Combination
from mia_ml.models.ensemble import LARGEST, Ensemble
from mia_ml.models.fitted import Fitted, Isotonic
from mia_ml.models.kernel import Probabilities

TOLERANCE = {"forest": 0.0, "boosted": 1e-6, "logistic": 1e-12}
ROUNDING = 1e-12
BASES = 32
"""Held-out rows from which the hard ones are made."""

SPLITS = 16
"""Split values tried of each input."""


def check(members: Sequence[Fitted], ensemble: Ensemble, X: np.ndarray) -> dict[str, Any]:
    """Compare `ensemble` with the members it was exported from; X: float64 [n, inputs], held-out rows, n at least 1.

    Returns the largest differences, as plain values. Raises DataError, with the row, on any beyond its tolerance.
    """
    if not len(X):
        raise DataError("no rows to compare the exported ensemble on: give held-out rows")
    if [member.kind for member in members] != [member.kind for member in ensemble.members]:
        raise DataError("the exported ensemble does not have these members, in this order")
    derived = hard_rows(ensemble, X)
    rows = np.concatenate([np.asarray(X, np.float64), derived])
    ours = Probabilities(ensemble)
    found = ours.batch(rows)
    raw, calibrated, combined = np.split(found, [len(members), 2 * len(members)], axis=1)
    report = []
    for k, member in enumerate(members):
        columns = [ensemble.inputs.index(name) for name in member.inputs]
        with np.errstate(invalid="ignore"):  # scikit-learn adds all values up to see whether one is infinite
            library = fit.probability(member, np.ascontiguousarray(rows[:, columns]))
        map_of = f"the {member.kind} member's calibrator"
        exact = member.calibrator is None or isinstance(member.calibrator, Isotonic)
        report.append(
            {
                "kind": member.kind,
                "probability": _largest(f"the {member.kind} member", raw[:, k], library, TOLERANCE[member.kind]),
                "calibrated": _largest(
                    map_of, calibrated[:, k], calibrate.apply(member.calibrator, raw[:, k]), 0.0 if exact else ROUNDING
                ),
            }
        )
    intercept = float(ensemble.arrays["combination"][0])
    weights = tuple(map(float, ensemble.arrays["member_weight"]))
    expected = combine.apply(Combination(ensemble.combination, weights, intercept), calibrated)
    largest = _largest("the combined probability", combined[:, 0], expected, ROUNDING)
    alone = np.array([ours.row(x) for x in rows[-BASES:]])
    _largest("a row scored alone", alone, combined[-BASES:, 0], 0.0)
    return {"held_out_rows": len(X), "hard_rows": len(derived), "members": report, "combined": largest}


def _largest(what: str, ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> float:
    differences = np.abs(ours - theirs)
    worst = int(np.argmax(np.where(np.isnan(differences), np.inf, differences)))
    if not differences[worst] <= tolerance:
        raise DataError(
            f"{what} scores {float(ours[worst])!r} in the kernel and {float(theirs[worst])!r} in its library at "
            f"compared row {worst}: more than {tolerance:g} apart, not to be registered"
        )
    return float(differences[worst])


def hard_rows(ensemble: Ensemble, X: np.ndarray) -> np.ndarray:
    """Rows of X with values missing, columns missing, values on and beside the splits, and extreme values."""
    bases = np.array(X[np.linspace(0, len(X) - 1, min(BASES, len(X))).astype(np.int64)], np.float64)
    made = [*_missing(bases), *_on_splits(ensemble, bases), *_extreme(bases)]
    return np.concatenate(made)


def _missing(bases: np.ndarray) -> Iterator[np.ndarray]:
    yield np.full((1, bases.shape[1]), np.nan)
    for every in (2, 3, 5):
        rows = bases.copy()
        rows[np.add.outer(np.arange(len(rows)), np.arange(rows.shape[1])) % every == 0] = np.nan
        yield rows
    for column in range(bases.shape[1]):
        yield _with(bases, column, np.full(len(bases), np.nan))


def _on_splits(ensemble: Ensemble, bases: np.ndarray) -> Iterator[np.ndarray]:
    arrays = ensemble.arrays
    inner = arrays["node_step"] > 0
    for column in range(bases.shape[1]):
        splits = np.unique(arrays["node_threshold"][inner & (arrays["node_slot"] // 2 == column)])
        splits = splits[np.abs(splits) < LARGEST]
        if splits.size:
            chosen = splits[np.linspace(0, splits.size - 1, min(SPLITS, splits.size)).astype(np.int64)]
            above = np.nextafter(chosen, np.float32(np.inf)).astype(np.float64)
            below = np.nextafter(chosen, np.float32(-np.inf)).astype(np.float64)
            between = (chosen + above) / 2  # rounds to one of its two float32 neighbours
            yield _with(bases, column, np.concatenate([chosen, above, below, between, np.nextafter(between, np.inf)]))


def _extreme(bases: np.ndarray) -> Iterator[np.ndarray]:
    values = np.array([0.0, -0.0, 1e-45, -1e-45, 1e-300, 1e6, -1e6, 1e30, -1e30, LARGEST, -LARGEST])
    for column in range(bases.shape[1]):
        yield _with(bases, column, values)


def _with(bases: np.ndarray, column: int, values: np.ndarray) -> np.ndarray:
    """Bases in turn, with each of the values in a column."""
    rows = bases[np.arange(values.size) % len(bases)].copy()
    rows[:, column] = values
    return rows
