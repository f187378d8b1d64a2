"""Which components say the same, and what the ones that do are worth out of sample.

    rho           Spearman's rank correlation, on the rows where both components are present
    information   sqrt(1 - exp(-2 I)), I the mutual information in nats: |rho| as a normal pair with that I would have
                  (Linfoot 1957); it sees relations that are not monotonic
    clusters      complete linkage on 1 - |rho|, or on 1 - information: every pair of a cluster reaches the threshold
    cost          score with every component less the score with some left out, in `unit`; above 0 they earn something

A component is *redundant* when another reaches the threshold with it and leaving it out costs nothing these data can
show. Of two that say the same each is redundant while the other stays: leave out one, then ask again.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.models import selection
from mia_ml.models.fitted import Fitted

THRESHOLD = 0.7
LEVEL = 0.95
LEAST_ROWS = 100
MOST_ROWS = 50_000
"""Beyond this, evenly spaced rows are related: the standard error of a correlation is then below 0.005."""


@dataclass(frozen=True)
class Related:
    """rho, information: float64 [k, k], NaN where a component is constant or fewer than LEAST_ROWS rows hold both.

    common: int64 [k, k], rows that hold both. of_rows: rows given. linkage, information_linkage: scipy's [k - 1, 4].
    silent: components that are absent or constant in these rows.
    """

    names: tuple[str, ...]
    threshold: float
    of_rows: int
    common: np.ndarray
    rho: np.ndarray
    information: np.ndarray
    linkage: np.ndarray
    information_linkage: np.ndarray
    clusters: tuple[tuple[str, ...], ...]
    information_clusters: tuple[tuple[str, ...], ...]
    silent: tuple[str, ...]


@dataclass(frozen=True)
class Cost:
    """Of leaving components out. low, high: interval of the cost at LEVEL, NaN where the data give none, None where it
    was not asked for."""

    left_out: tuple[str, ...]
    score: float
    without: float
    cost: float
    low: float | None = None
    high: float | None = None

    @property
    def shown(self) -> bool | None:
        """Do these data show that leaving them out costs? None when a score or the interval is undecidable."""
        least = self.cost if self.low is None else self.low
        return None if math.isnan(self.cost) or math.isnan(least) else least > 0

    @property
    def interval(self) -> tuple[float, float] | None:
        if self.low is None or self.high is None or math.isnan(self.low):
            return None
        return self.low, self.high


@dataclass(frozen=True)
class Importance:
    """Rise of the log loss in nats when these inputs are shuffled together: mean and deviation over the repeats."""

    shuffled: tuple[str, ...]
    mean: float
    deviation: float


@dataclass(frozen=True)
class Verdict:
    """redundant: has a partner, costs nothing. related: has one, costs. alone: has none, costs.

    idle: has no partner and costs nothing. undecided: its cost is not known. silent: absent or constant.
    """

    name: str
    kind: Literal["redundant", "related", "alone", "idle", "undecided", "silent"]
    partner: str | None
    rho: float
    information: float
    text: str


def relate(X: np.ndarray, names: tuple[str, ...], threshold: float = THRESHOLD) -> Related:
    """How components hang together. X: float64 [n, k], NaN where absent; one row for each decision."""
    if not 0 < threshold < 1:
        raise ConfigError(f"redundancy threshold is {threshold}: it must be above 0 and below 1")
    if X.ndim != 2 or X.shape[1] != len(names) or not names:
        raise DataError(f"components are {X.shape} with {len(names)} names: give a column for each name")
    rows = X[np.linspace(0, len(X) - 1, min(len(X), MOST_ROWS)).astype(np.int64)]
    k = len(names)
    rho, information = np.full((2, k, k), np.nan)
    common = np.zeros((k, k), dtype=np.int64)
    for i in range(k):
        for j in range(i + 1):
            both = ~(np.isnan(rows[:, i]) | np.isnan(rows[:, j]))
            common[i, j] = common[j, i] = both.sum()
            if common[i, j] >= LEAST_ROWS:
                a, b = rows[both, i], rows[both, j]
                rho[i, j] = rho[j, i] = _spearman(a, b)
                if not math.isnan(rho[i, j]):
                    shared = selection.mutual_information(a, b, np.ones(len(a)))
                    information[i, j] = information[j, i] = math.sqrt(-math.expm1(-2 * shared))
    silent = tuple(name for name, own in zip(names, rho.diagonal(), strict=True) if math.isnan(own))
    linkage, clusters = _clustered(np.abs(rho), names, threshold)
    information_linkage, information_clusters = _clustered(information, names, threshold)
    return Related(
        names,
        threshold,
        len(X),
        common,
        rho,
        information,
        linkage,
        information_linkage,
        clusters,
        information_clusters,
        silent,
    )


def leave_one_out(
    names: tuple[str, ...],
    score: Callable[[tuple[str, ...]], float],
    together: Iterable[tuple[str, ...]] = (),
    interval: Callable[[tuple[str, ...]], tuple[float, float]] | None = None,
) -> tuple[Cost, ...]:
    """The cost of leaving out each component alone, then of each group of `together`.

    score: of the components kept, out of sample, such as the expectancy in R of a policy run without refitting by the
    test window; NaN where it is undecidable. interval: the LEVEL interval of the cost of what is left out.
    """
    full = float(score(names))
    costs = []
    for left_out in [(name,) for name in names] + [group for group in together if 1 < len(group) < len(names)]:
        kept = tuple(name for name in names if name not in left_out)
        if not kept:
            raise DataError(f"{names[0]} is the only component: nothing is left to score without it")
        without = float(score(kept))
        low, high = interval(left_out) if interval else (None, None)
        costs.append(Cost(left_out, full, without, full - without, low, high))
    return tuple(costs)


def importance(
    predict: selection.Predict,
    X: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
    inputs: tuple[str, ...],
    together: Iterable[tuple[str, ...]] = (),
    repeats: int = 10,
    seed: int = 0,
) -> tuple[Importance, ...]:
    """Permutation importance of each input, then of each group, on events the model has not seen.

    predict: float64 [n, k] to P(y = 1). X: float64 [n, k]. y: int [n], 0 or 1. weights: float64 [n].
    """
    shuffled: list[tuple[str, ...]] = [(name,) for name in inputs]
    shuffled += [group for group in together if len(group) > 1 and set(group) <= set(inputs)]
    columns = [tuple(inputs.index(name) for name in group) for group in shuffled]
    costs = selection.permutation_cost(predict, X, y, weights, columns, repeats, seed)
    return tuple(
        Importance(group, float(row.mean()), float(row.std(ddof=1)) if repeats > 1 else math.nan)
        for group, row in zip(shuffled, costs, strict=True)
    )


def contributions(boosted: Fitted, X: np.ndarray) -> np.ndarray:
    """SHAP values by XGBoost's exact TreeSHAP (Lundberg 2020): float64 [n, k + 1], in log-odds, the bias last.

    A row's sum is its uncalibrated log-odds. X: float64 [n, k], columns as boosted.inputs.
    """
    if boosted.kind != "boosted":
        raise DataError(f"SHAP values are XGBoost's own: the {boosted.kind} has none; pass the boosted member")
    from xgboost import DMatrix

    booster = boosted.estimator.get_booster()
    return booster.predict(DMatrix(X, nthread=1), pred_contribs=True).astype(np.float64)


def judge(related: Related, costs: Iterable[Cost] = ()) -> tuple[Verdict, ...]:
    """One verdict for each component, in its order."""
    alone = {cost.left_out[0]: cost for cost in costs if len(cost.left_out) == 1}
    return tuple(_verdict(related, i, alone.get(name)) for i, name in enumerate(related.names))


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    """NaN when one of them is constant."""
    x, y = rankdata(a), rankdata(b)
    x, y = x - x.mean(), y - y.mean()
    spread = math.sqrt(float((x * x).sum()) * float((y * y).sum()))
    return float(np.clip((x * y).sum() / spread, -1.0, 1.0)) if spread else math.nan


def _clustered(
    likeness: np.ndarray, names: tuple[str, ...], threshold: float
) -> tuple[np.ndarray, tuple[tuple[str, ...], ...]]:
    if len(names) == 1:
        return np.zeros((0, 4)), (names,)
    distance = 1.0 - np.nan_to_num(likeness, nan=0.0)
    np.fill_diagonal(distance, 0.0)
    linkage = hierarchy.linkage(squareform(distance, checks=False), "complete", optimal_ordering=True)
    labels = hierarchy.fcluster(linkage, 1.0 - threshold, "distance")
    groups = {label: tuple(n for n, own in zip(names, labels, strict=True) if own == label) for label in labels}
    return linkage, tuple(groups.values())


def _verdict(related: Related, i: int, cost: Cost | None) -> Verdict:
    name = related.names[i]
    if name in related.silent:
        text = f"{name}: absent or constant on these rows, so it cannot be judged"
        return Verdict(name, "silent", None, math.nan, math.nan, text)
    likeness = np.fmax(np.abs(related.rho[i]), related.information[i])
    likeness[i] = math.nan
    nearest = None if np.isnan(likeness).all() else int(np.nanargmax(likeness))
    partner = None if nearest is None or likeness[nearest] < related.threshold else related.names[nearest]
    rho, information = (
        (math.nan, math.nan)
        if nearest is None
        else (
            float(related.rho[i, nearest]),
            float(related.information[i, nearest]),
        )
    )
    shown = None if cost is None else cost.shown
    kind: Any = "undecided"
    if shown is not None:
        kind = ("related" if shown else "redundant") if partner else ("alone" if shown else "idle")
    near = "no other component shares its rows"
    if nearest is not None:
        beside = "" if partner else f" with {related.names[nearest]}"
        near = f"|rho| {abs(rho):.2f}, information {information:.2f}{beside}"
    opinion = {
        "redundant": f"redundant with {partner}",
        "related": f"says much of what {partner} says, yet earns its place",
        "alone": "stands alone and earns its place",
        "idle": "stands alone, yet earns nothing that these data can show",
        "undecided": f"close to {partner}, its worth undecided" if partner else "stands alone, its worth undecided",
    }[kind]
    return Verdict(name, kind, partner, rho, information, f"{name}: {opinion}: {near}; {_costs(cost)}")


def _costs(cost: Cost | None) -> str:
    if cost is None:
        return "leaving it out was not measured"
    if math.isnan(cost.cost):
        return "a score without trades decides nothing"
    interval = ", no interval" if cost.interval is None else " [{:+.4f}, {:+.4f}]".format(*cost.interval)
    return f"leaving it out costs {cost.cost:+.4f} R{interval}"
