"""The out-of-sample ground of a walk-forward: its windows with what was learnt in front of each."""

from collections.abc import Mapping, Sequence

import numpy as np

from mia_ml.datasets.days import Days
from mia_ml.evaluation.ground import Ground, Outcome, Window
from mia_ml.scoring.content import Content
from mia_ml.settings import Settings
from pipelines.rows import Sample
from pipelines.windows import Named

POLICY = "tuned_filtered"
"""The one that is judged; the others stand beside it."""


def tested_days(days: Days, folds: Sequence[Named]) -> np.ndarray:
    """Every trading day from the first test window to the end of the last, yyyymmdd, those without data included."""
    day = days.sessions["day"]
    first, last = folds[0].test_first_day, min(folds[-1].test_last_day, days.days[-1].day)
    return day[(day >= first) & (day <= last)].astype(np.int64)


def ground_of(
    chosen: Settings, sample: Sample, days: Days, folds: Sequence[Named], learnt: Mapping[str, Content]
) -> Ground:
    """learnt: by the name of the fold."""
    day = sample.rows["day"]
    windows = [
        Window(
            fold.name,
            learnt[fold.name].confluence,
            learnt[fold.name].filter(),
            fold.train_rows(day),
            fold.test_rows(day),
        )
        for fold in folds
    ]
    return Ground(
        sample.rows,
        sample.labels,
        windows,
        tested_days(days, folds),
        chosen.context.model_dump(),
        chosen.execution.capital_usd,
    )


def policies_of(chosen: Settings, ground: Ground) -> dict[str, Outcome]:
    configured = ground.formula(chosen.confluence.model_dump())
    return {
        POLICY: ground.run(ground.chosen, ground.filtered),
        "tuned": ground.run(ground.chosen),
        "configured": ground.run(lambda _: configured),
    }
