"""A training window becomes an ensemble: hold back, select, fit, calibrate, combine.

    fitting part     all but the last share of the events, less those whose lives reach into it:
                     columns are selected and estimators fitted on it, and on nothing else
    part held back   calibrators are fitted on the estimators' probabilities there

Learnt ensemble weights need probabilities that neither estimator nor calibrator has seen: the part held back is halved
in time, and each half is calibrated by the other (lives that reach from the first half into the second are left out of
both), so a member is not preferred for a calibrator that has learnt its events by heart.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from sklearn.metrics import roc_auc_score

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.models import calibrate, combine, fit, selection
from mia_ml.models.combine import Combination
from mia_ml.models.ensemble import SIGNAL_INPUTS
from mia_ml.models.fitted import Fitted, Sigmoid
from mia_ml.models.selection import Selection


@dataclass(frozen=True)
class TrainingConfig:
    """What to fit, and how. A member that is None is left out.

    weights: of the members by kind, for combination fixed. min_events: decision times a window must have.
    calibration_share: of its decision times, held back. min_calibration_events: that must be among them.

    Raises ConfigError: weights that do not name the members or do not sum to one, and balanced classes without a
    calibration: they shift the probabilities that SPEC 7 compares with the break-even.
    """

    forest: fit.Forest | None = field(default_factory=fit.Forest)
    boosted: fit.Boosted | None = field(default_factory=fit.Boosted)
    logistic: fit.Logistic | None = field(default_factory=fit.Logistic)
    class_weight: Literal["balanced"] | None = None
    calibration: calibrate.Kind = "sigmoid"
    calibration_share: float = 0.25
    min_events: int = 50
    min_calibration_events: int = 10
    combination: Literal["fixed", "simplex", "stacked"] = "fixed"
    weights: dict[str, float] = field(default_factory=lambda: {"forest": 0.5, "boosted": 0.3, "logistic": 0.2})
    selection: Selection = field(default_factory=Selection)

    def __post_init__(self) -> None:
        if self.class_weight not in (None, "balanced"):
            raise ConfigError(f"class_weight '{self.class_weight}': it must be balanced or absent")
        if self.calibration not in calibrate.KINDS:
            raise ConfigError(f"calibration '{self.calibration}': it must be isotonic, sigmoid or none")
        if self.combination not in ("fixed", "simplex", "stacked"):
            raise ConfigError(f"combination '{self.combination}': it must be fixed, simplex or stacked")
        if self.class_weight and self.calibration == "none":
            raise ConfigError(
                "class_weight balanced shifts the probabilities: calibrate by isotonic or sigmoid with it"
            )
        if not 0 < self.calibration_share < 1:
            raise ConfigError(f"calibration_share is {self.calibration_share}: it must be above 0 and below 1")
        if min(self.min_events, self.min_calibration_events) < 2:
            raise ConfigError(
                f"min_events is {self.min_events}, min_calibration_events {self.min_calibration_events}: each must be "
                "at least 2"
            )
        if not self.members():
            raise ConfigError("no member is configured: give parameters for forest, boosted or logistic")
        if self.combination == "fixed":
            self.fixed()

    def members(self) -> tuple[fit.Params, ...]:
        return tuple(params for params in (self.forest, self.boosted, self.logistic) if params is not None)

    def fixed(self) -> Combination:
        """The given weights in the members' order."""
        kinds = [fit.kind_of(params) for params in self.members()]
        if set(kinds) != set(self.weights):
            raise ConfigError(
                f"ensemble weights name {', '.join(self.weights) or 'nobody'}, the members are {', '.join(kinds)}: "
                "give each member its weight"
            )
        return Combination("average", tuple(float(self.weights[kind]) for kind in kinds))


@dataclass(frozen=True)
class Trained:
    """members: calibrated, in the order forest, boosted, logistic. inputs: the selected columns, the same for each.

    report: counts, selection, and per member figures on the part held back, as JSON can hold them.
    """

    members: tuple[Fitted, ...]
    combination: Combination
    inputs: tuple[str, ...]
    report: dict[str, Any]


@dataclass(frozen=True)
class _Events:
    """Rows of a window, whose decision times are its events."""

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    t0_ns: np.ndarray
    t1_ns: np.ndarray

    def at(self, rows: np.ndarray) -> "_Events":
        return _Events(self.X[rows], self.y[rows], self.weights[rows], self.t0_ns[rows], self.t1_ns[rows])

    def seeing(self, columns: list[int]) -> "_Events":
        return replace(self, X=self.X[:, columns])

    def described(self) -> dict[str, Any]:
        counts = self.weights > 0
        total = float(self.weights.sum())
        return {
            "events": int(np.unique(self.t0_ns[counts]).size),
            "rows": int(counts.sum()),
            "won_rows": int((self.y[counts] == 1).sum()),
            "weightless_rows": int((~counts).sum()),
            "weight": total,
            "won_share": float(self.weights[self.y == 1].sum()) / total if total else None,
        }

    def refuse_fewer(self, least: int, what: str) -> None:
        seen = self.described()
        if seen["events"] < least or not 0 < seen["won_rows"] < seen["rows"]:
            raise DataError(
                f"{what} has {seen['events']} events ({seen['won_rows']} rows won, {seen['rows'] - seen['won_rows']} "
                f"lost) and needs {least} with both: widen the window, lower its threshold grid, or lower min_events"
            )

    def held_back(self, share: float) -> calibrate.Parts:
        return calibrate.hold_back(self.t0_ns, self.t1_ns, share)


def train(
    X: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
    t0_ns: np.ndarray,
    t1_ns: np.ndarray,
    inputs: tuple[str, ...],
    config: TrainingConfig,
    seed: int,
    threads: int = 1,
) -> Trained:
    """Train on the rows given, which are one training window's and nobody else's.

    X, y, weights, inputs: as in `fit.fit`. t0_ns, t1_ns: int64 [n], the rows' lives in ns. Rows decided at one time,
    such as a crossing of several thresholds of the grid, are one event. threads: members fitted at once; the result is
    the same for any.

    Raises DataError: a window, or the part of it to fit or to calibrate on, with too few events or one class only.
    """
    if not t0_ns.shape == t1_ns.shape == y.shape:
        raise DataError(f"{y.size} labels have {t0_ns.size} starts and {t1_ns.size} ends: give each its life")
    window = _Events(X, y, weights, t0_ns, t1_ns)
    window.refuse_fewer(config.min_events, "training window")
    fit.check(inputs, X, y, weights)
    learns = config.combination != "fixed"
    if learns or config.calibration != "none":
        parts = window.held_back(config.calibration_share)
    else:
        nothing = np.zeros(0, dtype=np.int64)
        parts = calibrate.Parts(np.lexsort((t1_ns, t0_ns)), nothing, nothing, int(t0_ns.max()) + 1)
    fitting = window.at(parts.fitting)
    fitting.refuse_fewer(2, "fitting part of the training window")
    with fit.one_thread():
        selected = _selected(config, fitting, inputs, seed)
        columns = [inputs.index(name) for name in selected.names]
        fitting, back = fitting.seeing(columns), window.at(parts.held_back).seeing(columns)

        def one(params: fit.Params) -> Fitted:
            return fit.fit(params, selected.names, fitting.X, fitting.y, fitting.weights, seed, config.class_weight)

        with ThreadPoolExecutor(threads) as pool:
            bare = list(pool.map(one, config.members()))
        raw = np.column_stack([fit.probability(member, back.X) for member in bare])
        calibrators = [_calibrator(config, p, back) for p in raw.T]
        combination = _learnt(config, raw, back) if learns else config.fixed()
    members = tuple(replace(member, calibrator=fitted) for member, fitted in zip(bare, calibrators, strict=True))
    kinds = [member.kind for member in members]
    report = {
        "window": window.described(),
        "fitting": fitting.described(),
        "held_back": back.described(),
        "purged_rows": int(parts.purged.size),
        "cut_ns": parts.cut_ns,
        "selected": list(selected.names),
        "dropped": selected.dropped,
        "selection_scores": selected.scores,
        "calibration": config.calibration,
        "combination": {
            "chosen": config.combination,
            "weights": dict(zip(kinds, combination.weights, strict=True)),
            "intercept": combination.intercept,
        },
        "members": {member.kind: _figures(member, p, back) for member, p in zip(members, raw.T, strict=True)},
    }
    return Trained(members, combination, selected.names, report)


def predict(trained: Trained, X: np.ndarray) -> np.ndarray:
    """The ensemble's probability by the libraries, float64 [n]. X: float64 [n, k], columns as trained.inputs."""
    p = [calibrate.apply(member.calibrator, fit.probability(member, X)) for member in trained.members]
    return combine.apply(trained.combination, np.column_stack(p))


def _selected(config: TrainingConfig, fitting: _Events, inputs: tuple[str, ...], seed: int) -> selection.Selected:
    always = tuple(name for name in SIGNAL_INPUTS if name in inputs)
    side = fitting.X[:, inputs.index("side")] if "side" in inputs else None

    def importance(ranked: tuple[str, ...]) -> np.ndarray:
        names = (*ranked, *always)
        return _shuffling_cost(config, fitting.seeing([inputs.index(name) for name in names]), names, len(ranked), seed)

    return selection.select(config.selection, inputs, fitting.X, fitting.y, fitting.weights, always, side, importance)


def _shuffling_cost(
    config: TrainingConfig, fitting: _Events, names: tuple[str, ...], ranked: int, seed: int
) -> np.ndarray:
    """What shuffling each of the first `ranked` columns costs a forest on later events than it was fitted to.

    The forest is the configured one, or the default where the ensemble has none.
    """
    parts = fitting.held_back(config.calibration_share)
    earlier, later = fitting.at(parts.fitting), fitting.at(parts.held_back)
    for part in (earlier, later):
        part.refuse_fewer(2, "part of the training window to rank columns on")
    judge = fit.fit(config.forest or fit.Forest(), names, earlier.X, earlier.y, earlier.weights, seed)
    costs = selection.permutation_cost(
        lambda X: fit.probability(judge, X),
        later.X,
        later.y,
        later.weights,
        [(column,) for column in range(ranked)],
        config.selection.repeats,
        seed,
    )
    return costs.mean(axis=1)


def _calibrator(config: TrainingConfig, p: np.ndarray, events: _Events) -> Any:
    return calibrate.fit(config.calibration, p, events.y, events.weights, events.t0_ns, config.min_calibration_events)


def _learnt(config: TrainingConfig, raw: np.ndarray, back: _Events) -> Combination:
    learn: Callable[..., Combination] = combine.tuned if config.combination == "simplex" else combine.stacked
    parts = back.held_back(0.5)
    halves = (parts.fitting, parts.held_back)
    for rows in halves:
        half = back.at(rows)
        calibrate.refuse_too_few(
            f"half of the part that {config.combination} weights learn from",
            half.y,
            half.weights,
            half.t0_ns,
            config.min_calibration_events,
        )
    unseen = np.empty_like(raw)
    for rows, others in (halves, halves[::-1]):
        for m, p in enumerate(raw.T):
            unseen[rows, m] = calibrate.apply(_calibrator(config, p[others], back.at(others)), p[rows])
    kept = np.concatenate(halves)
    return learn(back.y[kept], unseen[kept], back.weights[kept])


def _figures(member: Fitted, p: np.ndarray, back: _Events) -> dict[str, Any]:
    """Of the estimator's own probability, on events it has not seen; log loss in nats, the base rate's beside it.

    reversed: the calibrator turns the member's order round, so on later events it was wrong more often than right.
    """
    turned = {"reversed": isinstance(member.calibrator, Sigmoid) and member.calibrator.slope > 0}
    if not p.size:
        return turned | {"auc": None, "brier": None, "log_loss": None, "log_loss_of_base_rate": None}
    rate = float(np.average(back.y, weights=back.weights))
    return turned | {
        "auc": float(roc_auc_score(back.y, p, sample_weight=back.weights)),
        "brier": float(np.average((p - back.y) ** 2, weights=back.weights)),
        "log_loss": combine.log_loss(back.y, p, back.weights),
        "log_loss_of_base_rate": combine.log_loss(back.y, np.full(p.size, rate), back.weights),
    }
