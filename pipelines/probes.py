"""What the judge runs beside the judged policy: the plan's ladders, the common matrix, calibration and information."""

from collections.abc import Iterator, Sequence

import numpy as np

from mia_ml.backtest.execution import params
from mia_ml.confluence.formula import Formula
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.core.moments import MINUTE, NS
from mia_ml.core.tables import Columns
from mia_ml.datasets.days import Days, prices
from mia_ml.evaluation import candidates, ladder, matrix, population
from mia_ml.evaluation.ground import Ground, Window
from mia_ml.evaluation.panel import Panel
from mia_ml.features import engine
from mia_ml.judge.judgement import Bin, Information, LadderStep
from mia_ml.labels.records import SIDES, usable
from mia_ml.metrics import information, proportions
from mia_ml.metrics.bootstrap import Resampling
from mia_ml.models.export import export
from mia_ml.scoring.filter import Filter, Rule, inputs_of
from mia_ml.settings import Settings
from pipelines.execution import execution_of, table_of
from pipelines.learning import model_inputs, policy_space, searched_config, training_config, weighting_of
from pipelines.market import grace_ns
from pipelines.rows import Sample
from pipelines.windows import Named, openings, training_part, walk_forward_of

HORIZONS_S = (1, 10, 60, 300, 1200, 6000)
STALE_NS = {False: 10 * MINUTE, True: 6 * 60 * MINUTE}
"""How old a price may be to stand for the market: of prints, of the bars a file brings."""
MOST_BINS, LEAST_IN_BIN = 10, 20


class Fitted:
    """Filters of the ladder's formulas, each trained on its own population in the window, with the trees of a search:
    what a step is worth is a difference, and none of these filters is kept."""

    def __init__(self, chosen: Settings, sample: Sample, days: Days, folds: Sequence[Named]) -> None:
        self._chosen = chosen
        opens, validation = openings(days), walk_forward_of(chosen)
        self._parts = {fold.name: training_part(validation, sample, fold, opens) for fold in folds}

    def __call__(self, window: Window, formula: Formula, rule: Rule) -> Filter:
        chosen, part = self._chosen, self._parts[window.name]
        panel = Panel.build(part.rows, part.labels, formula.terms, chosen.context.model_dump())
        learnt = population.build(
            part.rows, part.labels, panel, formula, chosen.models.threshold_grid, model_inputs(chosen)
        )
        config = searched_config(chosen, {}) if chosen.tuning.filter else training_config(chosen, {})
        fitted = learnt.train(weighting_of(chosen), config, chosen.models.seed)
        ensemble = export(fitted.members, fitted.combination, learnt.inputs)
        return Filter(ensemble, rule, params(execution_of(chosen), INSTRUMENTS[chosen.instrument.root]))


def steps_of(chosen: Settings) -> dict[str, tuple[ladder.Step, ...]]:
    """The steps of every configured ladder."""
    return {
        name: ladder.steps_of(one.start.model_dump(), {step: change.model_dump() for step, change in one.steps.items()})
        for name, one in chosen.ladder.items()
    }


def climbed(
    chosen: Settings, ground: Ground, filters: Fitted, resampling: Resampling
) -> dict[str, tuple[LadderStep, ...]]:
    """What came of every configured ladder."""
    levels = tuple(chosen.models.threshold_grid)
    return {name: ladder.climb(ground, steps, filters, resampling, levels) for name, steps in steps_of(chosen).items()}


def common_matrix(
    chosen: Settings, ground: Ground, steps: Sequence[ladder.Step] = (), threads: int = 2
) -> matrix.Matrix:
    """Ladder steps, quasi-random points of the tuned space, every window's winner: all through all windows."""
    space, base = policy_space(chosen), chosen.confluence.model_dump()
    of_ladder = [matrix.Configuration(step.name, "ladder", step.confluence) for step in steps]
    probes = matrix.probes(
        lambda point: space.apply(base, space.params(point)), space.size, chosen.judge.probes, chosen.judge.seed
    )
    return matrix.run(ground, (*of_ladder, *probes, *matrix.winners(ground)), threads)


def calibration(ground: Ground) -> tuple[Bin, ...]:
    """The combined probability of every tested crossing against what came of it, in bins of equal counts."""
    found = [pair for window in ground.windows for pair in _asked(ground, window)]
    p, won = (np.concatenate([np.zeros(0), *part]) for part in zip(*found, strict=True)) if found else ((), ())
    n_bins = min(MOST_BINS, len(p) // LEAST_IN_BIN)
    if not n_bins:
        return ()
    bins = []
    for own in np.array_split(np.argsort(p, kind="stable"), n_bins):
        low, high = proportions.wilson(float(won[own].sum()), float(own.size), 0.95)
        bins.append(
            Bin(predicted=float(p[own].mean()), observed=float(won[own].mean()), low=low, high=high, n=own.size)
        )
    return tuple(bins)


def _asked(ground: Ground, window: Window) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if window.filter is None:
        return
    crossed = candidates.of(ground.panel, ground.chosen(window), *window.test)
    labels = ground.labels[crossed["row"], np.where(crossed["side"] == SIDES[0], 0, 1)]
    known = usable(labels)
    crossed, labels = crossed[known], labels[known]
    inputs = window.filter.ensemble.inputs
    X = inputs_of(ground.rows, crossed["row"], crossed["side"], crossed["exceedance"], inputs)
    yield window.filter.probabilities_of(inputs, X)[:, -1], (labels["net_ticks"] > 0).astype(np.float64)


def informed(
    chosen: Settings, ground: Ground, days: Days, native: bool, resampling: Resampling
) -> tuple[Information, ...]:
    """The information coefficient of every component that has a value, by horizon, on the tested rows."""
    rows = ground.rows[ground.test_rows]
    names = [name for name in engine.COMPONENTS if not np.isnan(rows[name]).all()]
    horizons_ns = np.array(HORIZONS_S, np.int64) * NS
    moves = np.full((rows.size, len(HORIZONS_S)), np.nan)
    table = table_of(native)
    for day in days.days:
        own = slice(*np.searchsorted(rows["day"], [day.day, day.day + 1]))
        if own.start < own.stop:
            ts_ns, price = _moments_and_prices(prices(day, table, grace_ns(chosen)), native)
            moves[own] = information.forward_moves(rows["ts"][own], ts_ns, price, horizons_ns, STALE_NS[native])
    components = np.column_stack([rows[name] for name in names])
    found = information.coefficients(names, components, HORIZONS_S, moves, rows["day"], resampling)
    return tuple(
        Information(component=one.component, horizon_s=one.horizon_s, ic=one.ic, n_rows=one.n_rows) for one in found
    )


def _moments_and_prices(columns: Columns, native: bool) -> tuple[np.ndarray, np.ndarray]:
    if native:
        return columns["ts_event"] - 1, columns["close"]
    return columns["ts_event"], columns["price"]
