"""A campaign goes on where it was, whatever killed it, and says the same with any number of workers."""

import dataclasses
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from mia_ml.core import kernel
from mia_ml.core.errors import ConfigError, DataError
from pipelines.worlds import campaign, machinery
from pipelines.worlds.campaign import Campaign
from pipelines.worlds.world import Task, judged
from tests.pipelines.learning_world import REPOSITORY, content
from tests.pipelines.worlds import small
from tests.pipelines.worlds.small import FRESH_TRADES, PLANTED, TASKS, Whole, silent

PATIENCE_S = 600
JUDGE = """
import sys
from pathlib import Path
from pipelines.worlds.campaign import Campaign
from tests.pipelines.worlds import small
Campaign.of(Path(sys.argv[1]), Path(sys.argv[2]), workers=2).judge(small.TASKS, small.silent)
"""


@pytest.fixture
def empty(tmp_path: Path) -> Campaign:
    """A campaign with everything before it."""
    return Campaign.of(small.composed(tmp_path, *small.TINY), tmp_path / "worlds", workers=1)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "ProcessPoolExecutor", small.Here)


def names(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "judged").glob("[!.]*.json")}


def test_killed_and_resumed_it_is_the_same_to_the_byte(
    whole: Whole, tmp_path: Path, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    resumed = Campaign.of(whole.params, tmp_path, workers=2)
    resumed.folder.mkdir()
    shutil.copy(whole.campaign.folder / "machinery.json", resumed.folder)
    process = subprocess.Popen(
        [sys.executable, "-c", JUDGE, str(whole.params), str(tmp_path)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not names(resumed.folder):
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        process.kill()
        process.communicate()  # its workers hold the other end of the pipe
    done = names(resumed.folder)
    missing = [task for task in TASKS if task.name not in done]
    assert missing

    (resumed.folder / "judged" / f".{missing[0].name}.json.1").write_text(
        '{"promoted": tr'
    )  # as a killed writer leaves
    left = resumed.bundles(missing[0]) / f".{whole.told[0]['folds'][0]}.part"
    left.mkdir(parents=True, exist_ok=True)
    asked = []

    def watched(chosen: Any, task: Task, *more: Any) -> Any:
        asked.append(task)
        return judged(chosen, task, *more)

    monkeypatch.setattr(campaign, "judged", watched)
    assert resumed.judge(TASKS, silent) == whole.told
    assert asked == missing  # what was finished is not judged again
    assert resumed.judge(reversed(TASKS), silent) == whole.told[::-1]
    assert asked == missing
    assert resumed.truths(TASKS, FRESH_TRADES, silent) == whole.truths
    own, uninterrupted = (content(folder, ".") for folder in (resumed.folder, whole.campaign.folder))
    assert {name: data for name, data in own.items() if not Path(name).name.startswith(".")} == uninterrupted


def test_other_settings_and_other_code_have_a_folder_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def key(*overrides: str) -> str:
        return Campaign.of(small.composed(tmp_path, *overrides), tmp_path).folder.name

    package = tmp_path / "package"
    for room in ("core", "cli"):
        (package / room).mkdir(parents=True)
        (package / room / "code.py").write_text("a = 1\n")
    monkeypatch.setattr(kernel, "PACKAGE", package)
    before = key()
    (package / "cli" / "code.py").write_text("a = 2\n")
    assert key() == before
    assert key("workers=3", "tracking.experiment=other") == before
    assert len({before, key("judge.seed=14"), key("source.world.days=350"), key("execution.stop=1.1")}) == 4
    (package / "core" / "code.py").write_text("a = 2\n")
    assert key() != before


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ("experiment=es_hour", "source.path=hour.dbn"),
            "worlds are simulated and walked forward, see conf/experiment/worlds.yaml",
        ),
        (("source.world.days=25",), "source.world.days is 25: take more than 25, which only warm up"),
        (("source.world.faults.crossed=0.01",), "source.world.faults.crossed: set it to 0"),
        (
            ("source.world.strength.order_book_imbalance=0", "source.world.strength.aggression_bias=0"),
            "name a component other than 0",
        ),
    ],
)
def test_settings_that_no_world_can_be_made_of(tmp_path: Path, overrides: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Campaign.of(small.composed(tmp_path, *overrides), tmp_path)


def test_an_impossible_world_is_refused_before_anything_is_done(empty: Campaign) -> None:
    with pytest.raises(ConfigError, match=r"strength\.order_book_imbalance is"):
        empty.judge([*TASKS, Task("planted", 10.0, 0)], silent)
    assert not empty.folder.exists()


def test_when_a_world_fails_no_further_one_is_begun(empty: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    released, begun = Event(), Counter[int]()

    class Threads(ThreadPoolExecutor):
        def __init__(self, workers: int, *given: Any) -> None:
            super().__init__(workers)

        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            released.set()
            super().shutdown(wait)

    def judge(own: Campaign, task: Task) -> None:
        begun[task.seed] += 1
        if not task.seed:
            raise DataError("the first one fails")
        assert released.wait(PATIENCE_S)

    monkeypatch.setattr(campaign, "ProcessPoolExecutor", Threads)
    monkeypatch.setattr(campaign, "_judge", judge)
    monkeypatch.setattr(machinery, "checked", lambda chosen: [])
    with pytest.raises(DataError, match="the first one fails"):
        empty.judge([Task("none", 0.0, seed) for seed in range(50)], silent)
    assert sum(begun.values()) <= 2


class Market:
    """Stands for fresh markets: what each world earns on each, and who asked."""

    def __init__(self, rates: dict[str, int]) -> None:
        self.rates = rates
        self.asked: list[tuple[int, tuple[str, ...]]] = []

    def __call__(self, chosen: Any, edge: str, scale: float, number: int, worlds: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((number, tuple(worlds)))
        return {name: (0.1 * self.rates[name] + number, self.rates[name]) for name in worlds}


@pytest.fixture
def tapes(empty: Campaign, here: None, monkeypatch: pytest.MonkeyPatch) -> tuple[Campaign, Market]:
    for task in PLANTED:
        empty.bundles(task).mkdir(parents=True)
    market = Market({PLANTED[0].name: 10, PLANTED[1].name: 25})
    monkeypatch.setattr(campaign, "earned", market)
    return empty, market


def test_truth_is_the_mean_over_all_fresh_trades(tapes: tuple[Campaign, Market]) -> None:
    own, market = tapes
    truths = own.truths(PLANTED, 95, silent)
    numbers = [number for number, _ in market.asked]
    assert numbers == list(range(10))
    for task in PLANTED:
        n = market.rates[task.name]
        assert truths[task.name] == (pytest.approx((10 * 0.1 * n + sum(numbers)) / (10 * n)), 10 * n)


def test_fresh_markets_that_are_kept_are_not_made_again(tapes: tuple[Campaign, Market]) -> None:
    own, market = tapes
    own.truths(PLANTED[:1], 95, silent)
    truths = own.truths(PLANTED, 95, silent)
    first, second = PLANTED[0].name, PLANTED[1].name
    assert market.asked == [(n, (first,)) for n in range(10)] + [(n, (second,)) for n in range(10)]
    (own.folder / "fresh" / "planted-1.0" / "4.json").unlink()
    assert own.truths(PLANTED, 95, silent) == truths
    assert market.asked[20:] == [(4, (first, second))]
    more = own.truths(PLANTED, 200, silent)
    assert [number for number, _ in market.asked[21:]] == list(range(10, 20))
    assert more[first][1] == 200


def test_truth_does_not_depend_on_the_number_of_workers(tapes: tuple[Campaign, Market]) -> None:
    own, market = tapes
    found = []
    for workers in (1, 2, 7):
        found.append(dataclasses.replace(own, workers=workers).truths(PLANTED, 95, silent))
        found.append(sorted(market.asked))
        shutil.rmtree(own.folder / "fresh")
        market.asked.clear()
    assert found[:2] == found[2:4] == found[4:]


def test_progress_only_rises_and_ends_where_it_said(tapes: tuple[Campaign, Market]) -> None:
    own, _ = tapes
    told: list[tuple[str, int, int]] = []
    own.truths(PLANTED, 95, lambda *step: told.append(step))
    assert {(what, of) for what, _, of in told} == {("fresh trades, planted-1.0", 95)}
    done = [done for _, done, _ in told]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 95)
    assert len(set(done)) > 5  # not only between batches


@pytest.mark.parametrize("rate", [0, 1])
def test_policies_that_hardly_ever_trade_have_no_truth(tapes: tuple[Campaign, Market], rate: int) -> None:
    own, market = tapes
    market.rates[PLANTED[1].name] = rate
    with pytest.raises(DataError, match=rf"{PLANTED[1].name}: its policies trade {2 * rate} times on 2 fresh markets"):
        own.truths(PLANTED, 50_000, silent)
    assert len(market.asked) == 2
