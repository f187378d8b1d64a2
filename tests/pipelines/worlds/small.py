"""`mia worlds` made very small: settings, and a campaign of two worlds without edge and two with, in one process."""

import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mia_ml import settings
from mia_ml.settings import Settings
from pipelines.compose import compose
from pipelines.worlds import campaign
from pipelines.worlds.campaign import Campaign
from pipelines.worlds.truth import Earned
from pipelines.worlds.world import Task
from tests.pipelines import learning_world

TINY = (
    "source.world.days=40",
    "source.world.intensity=0.002",
    "validation.train=16 days",
    "validation.test=8 days",
    "validation.inner_splits=2",
    "features.same_time.min_days=2",
    "models.members.forest.trees=5",
    "models.members.boosted.trees=5",
    "tuning.policy.trials=8",
    "judge.resamples=200",
    "judge.twins=100",
    "judge.probes=4",
)
"""A second or two a world, which is far too short for a gate to decide."""
NONE = [Task("none", 0.0, 0), Task("none", 0.0, 1)]
PLANTED = [Task("planted", 1.0, 0), Task("planted", 1.0, 1)]
TASKS = [*NONE, *PLANTED]
FRESH_TRADES = 120


def composed(folder: Path, *overrides: str) -> Path:
    """params.yaml in the folder, of the shipped experiment with changes."""
    path = (folder / settings.PARAMS).resolve()
    with contextlib.chdir(learning_world.REPOSITORY):
        compose(path, "experiment=worlds", *overrides)
    return path


def silent(what: str, done: int, of: int) -> None:
    """Progress that nobody follows."""


class Here:
    """What a campaign needs of an executor, without processes."""

    def __init__(self, *given: Any) -> None:
        pass

    def submit(self, job: Callable[..., Any], *given: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        try:
            done.set_result(job(*given))
        except Exception as error:
            done.set_exception(error)
        return done

    def shutdown(self, **how: Any) -> None:
        pass


@dataclass(frozen=True)
class Whole:
    """params: the settings' file. told: what the judge said of TASKS. truths: theirs, over FRESH_TRADES."""

    params: Path
    campaign: Campaign
    told: list[dict[str, Any]]
    truths: Earned

    @property
    def chosen(self) -> Settings:
        return self.campaign.chosen


def finished(factory: pytest.TempPathFactory) -> Whole:
    """Uninterrupted; made by the first test process that asks for it."""

    def whole(root: Path) -> Whole:
        params = composed(root, *TINY)
        found = Campaign.of(params, root / "worlds", workers=1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(campaign, "ProcessPoolExecutor", Here)
            return Whole(params, found, found.judge(TASKS, silent), found.truths(TASKS, FRESH_TRADES, silent))

    return whole(learning_world.once(factory, "tiny_campaign", whole))
