"""What policies earn on a fresh market is what the scorer and the tape make of it there."""

from pathlib import Path

import numpy as np
import pytest

from mia_ml.backtest.records import Exit
from mia_ml.scoring import bundle
from mia_ml.scoring.signals import signals_of
from pipelines.execution import recorded
from pipelines.worlds import truth
from pipelines.worlds.market import Market, made
from pipelines.worlds.truth import FRESH_SEED, WARM_DAYS, earned
from pipelines.worlds.world import Task
from tests.pipelines.worlds.small import PLANTED, Whole


@pytest.fixture(scope="module")
def fresh(whole: Whole) -> Market:
    return made(whole.chosen, Task("planted", 1.0, FRESH_SEED).world(whole.chosen))


def walked(whole: Whole, fresh: Market, folder: Path) -> np.ndarray:
    """Net R of each trade of a policy, its signals walked along the tape."""
    rows = fresh.sample.rows
    rows = rows[rows["day"] >= fresh.sample.days[WARM_DAYS]]
    signals = signals_of(rows, bundle.load(folder).content.scorer().decide(rows))
    trades = recorded(whole.chosen, fresh.held.days, False, signals, fresh.held.prices).result.trades
    return trades["net_r"][trades["exit_reason"] != Exit.TAPE_END]


def test_sums_are_those_of_each_policy_on_the_tape(whole: Whole, fresh: Market) -> None:
    worlds = {task.name: sorted(whole.campaign.bundles(task).iterdir()) for task in PLANTED}
    found = earned(whole.chosen, "planted", 1.0, 0, worlds)
    for name, folders in worlds.items():
        trades = np.concatenate([walked(whole, fresh, folder) for folder in folders])
        net_r, n = found[name]
        assert n == trades.size > 50
        assert net_r == pytest.approx(trades.sum(), abs=1e-9)


def test_a_fresh_market_is_one_of_the_law_that_no_world_has_seen(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watched(chosen, world):
        seen.append(world)
        return made(chosen, world)

    monkeypatch.setattr(truth, "made", watched)
    assert earned(whole.chosen, "planted", 0.5, 3, {}) == {}
    (world,) = seen
    assert world == Task("planted", 0.5, FRESH_SEED + 3).world(whole.chosen)
