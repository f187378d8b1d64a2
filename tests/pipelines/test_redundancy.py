"""redundancy: what a component is worth is asked of the same windows with and without it, paired by day."""

import contextlib
import math
import re

import numpy as np
import pytest

from mia_ml.evaluation import one_factor, policy
from mia_ml.evaluation.panel import Panel
from mia_ml.metrics import bootstrap
from mia_ml.metrics.bootstrap import Resampling
from mia_ml.metrics.day_sums import DAY_SUMS
from mia_ml.scoring import bundle
from mia_ml.settings import Settings
from pipelines import BUNDLES, REDUNDANCY, redundancy
from pipelines.redundancy import OutOfSample
from tests.pipelines.learning_world import World


def out_of_sample(world: World, chosen: Settings) -> OutOfSample:
    with contextlib.chdir(world.root):
        return OutOfSample(chosen, world.sample, world.days, world.folds)


def walked(world: World, kept: tuple[str, ...]) -> np.ndarray:
    """net_r and day of the trades of each fold's formula with these components, fold by fold."""
    context, rows, found = world.chosen.context.model_dump(), world.sample.rows, []
    for fold in world.folds:
        section = bundle.load(world.root / BUNDLES / fold.name).content.confluence
        terms = {name: weight for name, weight in section["terms"].items() if name in kept}
        panel = Panel.build(rows, world.sample.labels, tuple(section["terms"]), context)
        formula = one_factor.as_frequent(panel, section, terms, context, fold.train_rows(rows["day"]))
        trades = policy.run(panel, formula, *fold.test_rows(rows["day"]))
        found.append(np.stack([trades["net_r"], rows["day"][trades["row"]]], axis=1))
    return np.concatenate(found)


def sums(world: World, trades: np.ndarray) -> np.ndarray:
    """DAY_SUMS of which only what an expectancy is made of is filled."""
    days = world.sample.days[world.sample.days >= world.folds[0].test_first_day]
    out = np.zeros(days.size, DAY_SUMS)
    out["day"] = days
    for net_r, day in trades:
        out["n_trades"][days == day] += 1
        out["net_r"][days == day] += net_r
    return out


def test_costs_are_those_of_the_folds_walked_apart(world: World) -> None:
    asked = out_of_sample(world, world.chosen)
    whole = walked(world, asked.components)
    judge = world.chosen.judge
    how = Resampling(judge.resamples, judge.block_days, 0.95, judge.seed)
    costs = redundancy.costs_of(asked)
    assert [cost.left_out for cost in costs] == [(name,) for name in asked.components]
    for cost in costs[:3]:
        without = walked(world, tuple(name for name in asked.components if name not in cost.left_out))
        assert cost.score == pytest.approx(whole[:, 0].mean())
        assert cost.without == pytest.approx(without[:, 0].mean())
        gain = bootstrap.differences(sums(world, whole), sums(world, without), 1e5, how)[0]
        assert (cost.low, cost.high) == (pytest.approx(gain.low), pytest.approx(gain.high))
        assert gain.name == "expectancy_r"
    assert any(cost.interval and cost.interval[0] < cost.cost < cost.interval[1] for cost in costs)


def test_the_page_rests_its_verdicts_on_them(world: World) -> None:
    page = (world.root / REDUNDANCY).read_text()
    terms = out_of_sample(world, world.chosen).components
    for name in terms:
        assert re.search(rf"^- {name}: .*leaving it out costs [+-][\d.]+ R \[[+-][\d.]+, [+-][\d.]+\]$", page, re.M), (
            name
        )
    assert "no interval" not in page


def test_on_few_days_no_interval_is_given_and_nothing_is_said(world: World) -> None:
    judge = world.chosen.judge.model_copy(update={"block_days": 5.0})
    asked = out_of_sample(world, world.chosen.model_copy(update={"judge": judge}))
    (cost, *_) = redundancy.costs_of(asked)
    assert math.isfinite(cost.cost)
    assert cost.interval is None
    assert cost.shown is None
