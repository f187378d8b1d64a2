"""The common matrix: many configurations through the same test windows, day by day, for what luck among many explains.

    ladder   the plan's formulas, step by step
    probe    quasi-random points of the tuned space, which nobody has chosen: Sobol's sequence (1967), scrambled (Owen
             1998)
    winner   what was chosen in front of each window, run through all of them

All run without a filter, so that they differ by their formulas alone. A winner has seen the windows that its training
window overlaps; there it is no out-of-sample result, and says so.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import qmc

from mia_ml.evaluation.ground import Ground, Outcome, Window


@dataclass(frozen=True)
class Configuration:
    """kind: ladder, probe or winner. seen: the windows that its choice has learnt from, by name."""

    name: str
    kind: str
    confluence: Mapping[str, Any]
    seen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Matrix:
    """pnl_usd: float64 [d, c], daily P&L of the configurations. idle: those that never traded, which are left out."""

    configurations: tuple[Configuration, ...]
    pnl_usd: np.ndarray
    idle: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.configurations)

    @property
    def seen(self) -> tuple[str, ...]:
        """The configurations that have seen one of the windows."""
        return tuple(one.name for one in self.configurations if one.seen)


def probes(
    section_of: Callable[[np.ndarray], Mapping[str, Any]], size: int, count: int, seed: int
) -> tuple[Configuration, ...]:
    """Points of the unit cube of `size` coordinates as configurations. section_of: a point to a confluence section.

    A power of two fills the cube evenly.
    """
    sobol = qmc.Sobol(size, scramble=True, rng=np.random.default_rng(seed))
    points = sobol.random_base2(max(count - 1, 0).bit_length())[:count]
    return tuple(Configuration(f"probe_{k + 1}", "probe", section_of(point)) for k, point in enumerate(points))


def winners(ground: Ground) -> tuple[Configuration, ...]:
    """What was chosen in front of each window."""
    return tuple(
        Configuration(f"winner_{window.name}", "winner", window.confluence, _seen(ground, window))
        for window in ground.windows
    )


def _seen(ground: Ground, chosen: Window) -> tuple[str, ...]:
    first, last = chosen.train
    return tuple(window.name for window in ground.windows if first < window.test[1] and window.test[0] < last)


def run(ground: Ground, configurations: Iterable[Configuration], threads: int = 2) -> Matrix:
    """All of them, unfiltered. Of those with the same formula the first stands for all, with all that they had seen."""
    by_formula: dict[tuple[tuple[str, ...], bytes], Configuration] = {}
    for one in configurations:
        formula = ground.formula(one.confluence)
        key = formula.terms, formula.record.tobytes()
        first = by_formula.get(key, one)
        by_formula[key] = replace(first, seen=tuple(dict.fromkeys((*first.seen, *one.seen))))
    distinct = tuple(by_formula.values())

    def outcome(one: Configuration) -> Outcome:
        formula = ground.formula(one.confluence)
        return ground.run(lambda _: formula)

    ground.panel  # noqa: B018  laid out once, before the threads
    with ThreadPoolExecutor(threads) as pool:
        outcomes = list(pool.map(outcome, distinct))
    traded = [(one, found.pnl_usd) for one, found in zip(distinct, outcomes, strict=True) if found.trades.size]
    return Matrix(
        tuple(one for one, _ in traded),
        np.array([pnl_usd for _, pnl_usd in traded]).reshape(-1, ground.days.size).T,
        tuple(one.name for one, found in zip(distinct, outcomes, strict=True) if not found.trades.size),
    )
