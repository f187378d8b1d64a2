"""Which components say the same, and what each is worth out of sample: a page, a figure, a table."""

import json

import numpy as np

from mia_ml import settings
from mia_ml.datasets.days import Days
from mia_ml.evaluation import one_factor, population, redundancy, redundancy_page
from mia_ml.evaluation.ground import SIGNALLED, Outcome, Window
from mia_ml.evaluation.panel import Panel
from mia_ml.features import engine
from mia_ml.labels.weights import sample_weights
from mia_ml.metrics import bootstrap
from mia_ml.metrics.bootstrap import Resampling
from mia_ml.scoring import bundle
from mia_ml.scoring.content import Content
from mia_ml.tracking import redundancy_figure
from pipelines import BUNDLES, EVALUATION_FIGURES, REDUNDANCY
from pipelines.ground import ground_of
from pipelines.learning import model_inputs, weighting_of
from pipelines.rows import Sample
from pipelines.windows import Named

REPEATS = 5
MOST_EVENTS = 6000
"""Of all test windows together, evenly picked: shuffling each input of more would take minutes."""


class OutOfSample:
    """All test windows: the formula of each fold's bundle without some components, its models with columns shuffled."""

    def __init__(self, chosen: settings.Settings, sample: Sample, days: Days, folds: list[Named]) -> None:
        self._chosen = chosen
        learnt = {fold.name: bundle.load(BUNDLES / fold.name).content for fold in folds}
        self._ground = ground_of(chosen, sample, days, folds, learnt)
        terms = [name for window in self._ground.windows for name in window.confluence["terms"]]
        self.components = tuple(dict.fromkeys(terms))
        self._outcomes: dict[tuple[str, ...], Outcome] = {}
        self._tested = [
            (learnt[window.name], self._population(sample, learnt[window.name], window.test))
            for window in self._ground.windows
        ]

    def _population(self, sample: Sample, content: Content, rows: tuple[int, int]) -> population.Population:
        part = sample.part(*rows)
        panel = Panel.build(part.rows, part.labels, self.components, self._ground.context)
        grid = self._chosen.models.threshold_grid
        found = population.build(part.rows, part.labels, panel, content.formula(), grid, model_inputs(self._chosen))
        most = MOST_EVENTS // len(self._ground.windows)
        return found.at(np.unique(np.linspace(0, found.y.size - 1, min(found.y.size, most)).astype(np.int64)))

    def outcome(self, kept: tuple[str, ...]) -> Outcome:
        """Of the formulas with these components alone, unfiltered.

        Fewer terms cross another number of times: each threshold is moved until the formula trades as often in its
        training window as the whole one did there, so that what differs is which trades, not how many.
        """
        if kept not in self._outcomes:
            fired = [self._signals(window, kept) for window in self._ground.windows]
            self._outcomes[kept] = self._ground.traded(np.concatenate(fired))
        return self._outcomes[kept]

    def _signals(self, window: Window, kept: tuple[str, ...]) -> np.ndarray:
        ground, whole = self._ground, window.confluence
        terms = {name: weight for name, weight in whole["terms"].items() if name in kept}
        if not any(terms.values()):
            return np.zeros(0, SIGNALLED)
        return ground.signals(
            one_factor.as_frequent(ground.panel, whole, terms, ground.context, window.train), window.test
        )

    def expectancy_r(self, kept: tuple[str, ...]) -> float:
        """Mean R of the trades; NaN without one."""
        net_r = self.outcome(kept).trades["net_r"]
        return float(net_r.mean()) if net_r.size else float("nan")

    def cost_interval(self, left_out: tuple[str, ...]) -> tuple[float, float]:
        """Of the expectancy with every component less that without some, drawn on the same days."""
        judge, ground = self._chosen.judge, self._ground
        kept = tuple(name for name in self.components if name not in left_out)
        whole, without = (self.outcome(names).sums(ground.days) for names in (self.components, kept))
        how = Resampling(judge.resamples, judge.block_days, redundancy.LEVEL, judge.seed)
        found = bootstrap.differences(whole, without, ground.capital_usd, how)
        cost = next(figure for figure in found if figure.name == "expectancy_r")
        return cost.low, cost.high

    def importances(self, seed: int) -> tuple[redundancy.Importance, ...]:
        """Of each model input, on the candidates of the test windows."""
        known = [one for _, one in self._tested if one.y.size]
        if not known:
            return ()
        filters = [
            (judge, one.y.size)
            for content, one in self._tested
            if one.y.size and (judge := content.filter()) is not None
        ]
        edges = np.cumsum([0, *(size for _, size in filters)])

        def predict(X: np.ndarray) -> np.ndarray:
            """X: the events, or several copies of them one after another."""
            copies = X.reshape(-1, edges[-1], X.shape[1])
            p = np.empty(copies.shape[:2])
            for (judge, _), first, last in zip(filters, edges[:-1], edges[1:], strict=True):
                own = np.ascontiguousarray(copies[:, first:last].reshape(-1, X.shape[1]))
                p[:, first:last] = judge.probabilities_of(judge.ensemble.inputs, own)[:, -1].reshape(len(p), -1)
            return p.ravel()

        X, y = (np.concatenate([getattr(one, name) for one in known]) for name in ("X", "y"))
        lives = [np.concatenate([getattr(one, name) for one in known]) for name in ("t0_ns", "t1_ns", "net_r")]
        weight = sample_weights(weighting_of(self._chosen), *lives)
        return redundancy.importance(predict, X, y, weight, known[0].inputs, repeats=REPEATS, seed=seed)


def mean_abs_shap() -> dict[str, float]:
    """Mean over the folds of what train measured on the part of each window that it held back."""
    told = json.loads((BUNDLES / "reports.json").read_text()).values()
    sizes: dict[str, list[float]] = {}
    for one in told:
        for name, size in one["mean_abs_shap"].items():
            sizes.setdefault(name, []).append(size)
    return {name: float(np.mean(found)) for name, found in sizes.items()}


def costs_of(tested: OutOfSample) -> tuple[redundancy.Cost, ...]:
    """Of leaving out each component, none where there is one only."""
    if len(tested.components) < 2:
        return ()
    return redundancy.leave_one_out(tested.components, tested.expectancy_r, interval=tested.cost_interval)


def report_redundancy(
    chosen: settings.Settings, sample: Sample, days: Days, folds: list[Named], synthetic: bool
) -> None:
    tested = OutOfSample(chosen, sample, days, folds)
    first, last = folds[0].test_rows(sample.rows["day"])[0], folds[-1].test_rows(sample.rows["day"])[1]
    judged = [*tested.components, *(name for name in chosen.models.inputs if name in engine.COMPONENTS)]
    names = tuple(dict.fromkeys(judged))
    related = redundancy.relate(np.column_stack([sample.rows[name][first:last] for name in names]), names)
    costs = costs_of(tested)
    importances, shap = tested.importances(chosen.models.seed), mean_abs_shap()
    title = f"Redundancy of {chosen.confluence.name}'s components" + (" (SYNTHETIC data)" if synthetic else "")
    REDUNDANCY.parent.mkdir(parents=True, exist_ok=True)
    REDUNDANCY.write_text(redundancy_page.page(related, costs, importances, shap, title))
    bars = {cost.left_out[0]: (cost.cost, cost.low, cost.high) for cost in costs if len(cost.left_out) == 1}
    path = EVALUATION_FIGURES / "redundancy.png"
    redundancy_figure.redundancy(path, names, related.rho, related.linkage, related.threshold, bars, title)
