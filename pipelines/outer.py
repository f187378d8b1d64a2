"""What was computed out of sample goes on the ledger, and comes back as the trials that a result is deflated by.

A policy, or a step of a ladder, might be chosen for its out-of-sample result: those count. The common matrix holds
points that nobody looks at one by one and windows' winners run through windows that are not theirs: they are on the
ledger too, but are the judge's instrument and no candidates. Counting them would let the judge's own setting `probes`
decide what passes, and their spread is one of skill: quasi-random weights differ in what they are worth, not in luck.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mia_ml.evaluation.ground import Ground, Outcome
from mia_ml.evaluation.matrix import Matrix
from mia_ml.evaluation.proof import Inner, Outer
from mia_ml.ledger import configuration
from mia_ml.ledger.ledger import Ledger
from mia_ml.metrics import sharpe
from mia_ml.settings import Settings
from pipelines.counting import now, traded_as
from pipelines.rows import Sample

COUNTED = ("policy", "ladder")
"""The kinds that could have been chosen."""


@dataclass(frozen=True)
class Candidate:
    """made_of: what makes it the one it is besides the data, as JSON can hold it. expectancy_r: NaN where not known."""

    kind: str
    name: str
    made_of: Mapping[str, Any]
    pnl_usd: np.ndarray
    expectancy_r: float = np.nan


def candidates(
    policies: Mapping[str, Outcome], made_of: Mapping[str, Mapping[str, Any]], every: Matrix
) -> list[Candidate]:
    """Policies by name, and the configurations of the common matrix."""
    found = []
    for name, one in policies.items():
        mean_r = float(one.trades["net_r"].mean()) if one.trades.size else np.nan
        found.append(Candidate("policy", name, made_of[name], one.pnl_usd, mean_r))
    for own, pnl_usd in zip(every.configurations, every.pnl_usd.T, strict=True):
        section = {key: value for key, value in own.confluence.items() if key != "name"}
        found.append(Candidate(own.kind, own.name, section, pnl_usd))
    return found


def record(kept: Ledger, chosen: Settings, sample: Sample, ground: Ground, found: Sequence[Candidate]) -> None:
    """All or none; what stands there already is not counted again."""
    instrument, first, last = traded_as(chosen), int(ground.days[0]), int(ground.days[-1])
    common = {"data": sample.fingerprint} | chosen.model_dump(include={"context", "execution", "costs"})
    results = []
    for one in found:
        content = {**common, "made_of": dict(one.made_of)}
        track = sharpe.track(one.pnl_usd)
        results.append(
            (
                configuration.Configuration("outer", instrument, first, last, one.kind, one.name, content),
                configuration.Outcome(
                    ground.days, one.pnl_usd, track.sharpe, track.skewness, track.kurtosis, one.expectancy_r
                ),
            )
        )
    kept.record_outer(results, now())


def on_record(kept: Ledger, instrument: str, first_day: int, last_day: int) -> list[Outer]:
    """Every configuration whose out-of-sample result on some of these days is known, whenever and wherever."""
    return [
        Outer(one.name, one.kind, one.outcome.days, one.outcome.pnl_usd)
        for one in kept.outer(instrument, first_day, last_day)
    ]


def inner(kept: Ledger, instrument: str, first_day: int, last_day: int, train_days: int) -> Inner:
    """What was scored inside training windows on some of these days. train_days: trading days of one window."""
    sharpes = kept.inner_sharpes(instrument, first_day, last_day)
    known = sharpes[~np.isnan(sharpes)]
    best = float(known.max()) if known.size else np.nan
    return Inner(kept.inner_counts(instrument, first_day, last_day), sharpes, best, train_days)
