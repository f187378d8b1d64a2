"""One-factor benchmarks: is the whole formula worth more than one of its components alone, traded as often?

A formula of other terms crosses another number of times. So its threshold is moved until it trades as often in the
training window as the whole one did there: what differs is which trades, not how many. Nothing of the test window is
read. A lower threshold trades more often, until scores are hardly ever inside it to cross from: of two thresholds that
trade as often, the higher one is meant.
"""

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from mia_ml.confluence import formula as formulas
from mia_ml.confluence.formula import Formula
from mia_ml.evaluation import policy
from mia_ml.evaluation.ground import Ground, Outcome, Window
from mia_ml.evaluation.panel import Panel
from mia_ml.metrics import bootstrap
from mia_ml.metrics.bootstrap import Resampling
from mia_ml.metrics.estimate import Estimate

FACTORS = np.geomspace(6.0, 0.05, 24)
"""By which a threshold is multiplied, one after another until it trades often enough; the last step is halved then."""
HALVINGS = 10


def as_frequent(
    panel: Panel,
    confluence: Mapping[str, Any],
    terms: Mapping[str, float],
    context: Mapping[str, Any],
    rows: tuple[int, int],
) -> Formula:
    """A confluence section with other terms, of a threshold that trades as often in rows [first, last) as it does.

    The nearest there is, when no threshold trades as often.
    """
    wanted = policy.run(panel, formulas.build(confluence, context), *rows).size
    threshold = confluence["threshold"]

    def at(factor: float) -> Formula:
        moved = dict(threshold) | {"base": threshold["base"] * factor}
        return formulas.build(dict(confluence) | {"terms": dict(terms), "threshold": moved}, context)

    def trades(factor: float) -> int:
        return policy.run(panel, at(factor), *rows).size

    counts = []
    for factor in FACTORS.tolist():
        counts.append(trades(factor))
        if counts[-1] >= wanted:
            break
    step = int(np.argmax(counts))  # the last one, or the nearest to enough
    low, high = FACTORS[step], FACTORS[max(step - 1, 0)]
    for _ in range(HALVINGS if counts[step] >= wanted else 0):
        middle = math.sqrt(low * high)
        if trades(middle) >= wanted:
            low = middle
        else:
            high = middle
    return at(float(low))


def outcomes(ground: Ground, threads: int = 2) -> dict[str, Outcome]:
    """Every component of the windows' formulas alone, by name, on the side on which its window's formula takes it.

    All unfiltered; where a window's formula has not the component, it is taken as it is.
    """
    names = dict.fromkeys(name for window in ground.windows for name in window.confluence["terms"])

    def alone(name: str) -> Outcome:
        def formula_of(window: Window) -> Formula:
            side = math.copysign(1.0, window.confluence["terms"].get(name, 1.0))
            return as_frequent(ground.panel, window.confluence, {name: side}, ground.context, window.train)

        return ground.run(formula_of)

    ground.panel  # noqa: B018  laid out once, before the threads
    with ThreadPoolExecutor(threads) as pool:
        return dict(zip(names, pool.map(alone, names), strict=True))


def estimates(ground: Ground, found: Mapping[str, Outcome], resampling: Resampling) -> tuple[Estimate, ...]:
    """The expectancy in R of each, named after its component."""
    told = []
    for name, outcome in found.items():
        figures = bootstrap.estimates(outcome.sums(ground.days), ground.capital_usd, resampling)
        own = next(figure for figure in figures if figure.name == "expectancy_r")
        told.append(replace(own, name=f"{name} alone"))
    return tuple(told)
