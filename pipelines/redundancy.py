"""Which components say the same, and what each is worth out of sample: a page, a figure, a table."""

import json

import numpy as np

from mia_ml import settings
from mia_ml.evaluation import one_factor, policy, population, redundancy, redundancy_page
from mia_ml.evaluation.panel import Panel
from mia_ml.features import engine
from mia_ml.labels.weights import sample_weights
from mia_ml.scoring import bundle
from mia_ml.scoring.content import Content
from mia_ml.tracking import redundancy_figure
from pipelines import BUNDLES, EVALUATION_FIGURES, REDUNDANCY
from pipelines.learning import model_inputs, weighting_of
from pipelines.rows import Sample
from pipelines.windows import Named

REPEATS = 5
MOST_EVENTS = 6000
"""Of all test windows together, evenly picked: shuffling each input of more would take minutes."""


class OutOfSample:
    """All test windows: the formula of each fold's bundle without some components, its models with columns shuffled."""

    def __init__(self, chosen: settings.Settings, sample: Sample, folds: list[Named]) -> None:
        self._chosen = chosen
        self._context = chosen.context.model_dump()
        day = sample.rows["day"]
        self._tested: list[tuple[Content, tuple[int, int], tuple[int, int]]] = [
            (bundle.load(BUNDLES / fold.name).content, fold.train_rows(day), fold.test_rows(day)) for fold in folds
        ]
        terms = [name for content, *_ in self._tested for name in content.confluence["terms"]]
        self.components = tuple(dict.fromkeys(terms))
        self._panel = Panel.build(sample.rows, sample.labels, self.components, self._context)
        self._populations = [self._population(sample, content, rows) for content, _, rows in self._tested]

    def _population(self, sample: Sample, content: Content, rows: tuple[int, int]) -> population.Population:
        part = sample.part(*rows)
        panel = Panel.build(part.rows, part.labels, self.components, self._context)
        grid = self._chosen.models.threshold_grid
        found = population.build(part.rows, part.labels, panel, content.formula(), grid, model_inputs(self._chosen))
        most = MOST_EVENTS // len(self._tested)
        return found.at(np.unique(np.linspace(0, found.y.size - 1, min(found.y.size, most)).astype(np.int64)))

    def expectancy_r(self, kept: tuple[str, ...]) -> float:
        """Mean R of the formulas' trades with these components alone; NaN without a trade.

        Fewer terms cross another number of times: each threshold is moved until the formula trades as often in its
        training window as the whole one did there, so that what differs is which trades, not how many.
        """
        net_r = []
        for content, window, rows in self._tested:
            terms = {name: weight for name, weight in content.confluence["terms"].items() if name in kept}
            if any(terms.values()):
                reduced = one_factor.as_frequent(self._panel, content.confluence, terms, self._context, window)
                net_r.append(policy.run(self._panel, reduced, *rows)["net_r"])
        every = np.concatenate([np.zeros(0), *net_r])
        return float(every.mean()) if every.size else float("nan")

    def importances(self, seed: int) -> tuple[redundancy.Importance, ...]:
        """Of each model input, on the candidates of the test windows."""
        known = [one for one in self._populations if one.y.size]
        if not known:
            return ()
        filters = [
            (judge, one.y.size)
            for (content, *_), one in zip(self._tested, self._populations, strict=True)
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


def report_redundancy(chosen: settings.Settings, sample: Sample, folds: list[Named], synthetic: bool) -> None:
    tested = OutOfSample(chosen, sample, folds)
    first, last = folds[0].test_rows(sample.rows["day"])[0], folds[-1].test_rows(sample.rows["day"])[1]
    judged = [*tested.components, *(name for name in chosen.models.inputs if name in engine.COMPONENTS)]
    names = tuple(dict.fromkeys(judged))
    related = redundancy.relate(np.column_stack([sample.rows[name][first:last] for name in names]), names)
    costs = redundancy.leave_one_out(tested.components, tested.expectancy_r) if len(tested.components) > 1 else ()
    importances, shap = tested.importances(chosen.models.seed), mean_abs_shap()
    title = f"Redundancy of {chosen.confluence.name}'s components" + (" (SYNTHETIC data)" if synthetic else "")
    REDUNDANCY.parent.mkdir(parents=True, exist_ok=True)
    REDUNDANCY.write_text(redundancy_page.page(related, costs, importances, shap, title))
    bars = {cost.left_out[0]: (cost.cost, cost.low, cost.high) for cost in costs if len(cost.left_out) == 1}
    path = EVALUATION_FIGURES / "redundancy.png"
    redundancy_figure.redundancy(path, names, related.rho, related.linkage, related.threshold, bars, title)
