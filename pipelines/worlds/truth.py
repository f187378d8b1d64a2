"""The truth about a frozen policy: what it earns on fresh markets that nobody has learnt from.

A world's judged result comes from one policy a window. Each of them is run through the same fresh markets of the same
law; their mean R over all trades is what the interval should cover. A fresh market is made once for all policies.
"""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mia_ml.evaluation.ground import Ground, Window
from mia_ml.scoring import bundle
from mia_ml.scoring.content import Content
from mia_ml.settings import Settings
from pipelines.worlds.market import made
from pipelines.worlds.world import Task

FRESH_SEED = 1_000_000
"""Seeds of fresh markets begin here; worlds stay below."""
WARM_DAYS = 25
"""Left out at the beginning of a fresh market: its same-time profiles are not full yet."""

Earned = dict[str, tuple[float, int]]
"""By the name of a world: net R of its policies, all of them together, and the number of their trades."""


@functools.lru_cache(maxsize=4096)
def _content(folder: Path) -> Content:
    return bundle.load(folder).content


def earned(chosen: Settings, edge: str, scale: float, chunk: int, worlds: Mapping[str, Sequence[Path]]) -> Earned:
    """The sums of worlds on one fresh market. worlds: by name, the bundles of their windows."""
    sample = made(chosen, Task(edge, scale, FRESH_SEED + chunk).world(chosen)).sample
    day = sample.rows["day"]
    first = int(np.searchsorted(day, np.unique(day)[WARM_DAYS]))
    days = np.unique(day[first:])
    window = Window("fresh", {}, None, (0, 0), (first, day.size))
    context, capital_usd = chosen.context.model_dump(), chosen.execution.capital_usd
    ground = Ground(sample.rows, sample.labels, [window], days, context, capital_usd)
    found: Earned = {}
    for name, folders in worlds.items():
        net_r, trades = 0.0, 0
        for folder in folders:
            content = _content(folder)
            formula, judge = content.formula(), content.filter()
            outcome = ground.run(lambda _: formula, lambda own, given: ground.verdict(judge, given, own))  # noqa: B023
            net_r += float(outcome.trades["net_r"].sum())
            trades += outcome.trades.size
        found[name] = (net_r, trades)
    return found
