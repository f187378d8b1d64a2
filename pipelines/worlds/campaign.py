"""Many worlds, judged side by side in processes of their own, and the truth about each. What is finished is kept.

    FOLDER/KEY/machinery.json            checks that are the code's, made once
    FOLDER/KEY/judged/WORLD.json         what the judge said
    FOLDER/KEY/bundles/WORLD/WINDOW/     its policies
    FOLDER/KEY/fresh/LAW/N.json          what policies of that law earned on its N-th fresh market

KEY stands for the settings and the code that judges: with others everything is made anew. A file appears whole or not
at all, so a campaign that was killed goes on where it was. Nothing depends on the number of workers.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from mia_ml import settings
from mia_ml.core import kernel
from mia_ml.core.errors import ConfigError, DataError
from mia_ml.settings import Settings
from pipelines.windows import end_with_parent
from pipelines.worlds import machinery
from pipelines.worlds.truth import WARM_DAYS, Earned, earned
from pipelines.worlds.world import Task, judged

Progress = Callable[[str, int, int], None]
"""What is being done, how many are done, of how many."""

BESIDE = ("cli", "reports", "registry", "tracking", "ledger", "catalogue")
"""Folders of sources that a world's judgement does not depend on."""
REFUSED_BY_INGEST = ("duplicates", "outliers", "off_grid", "zero_size", "crossed")
"""Faults that would pass here, where nothing is ingested."""
LEAST_AT_ONCE, MOST_AT_ONCE = 2, 32
"""Fresh markets between two looks at whether they are enough."""
MOST_MARKETS = 1_000
"""Fresh markets that a truth may need."""


@dataclass(frozen=True)
class Campaign:
    """folder: of these settings and this code. workers: processes at once."""

    folder: Path
    chosen: Settings
    workers: int

    @classmethod
    def of(cls, params: Path, folder: Path, workers: int = 0) -> "Campaign":
        """params: the settings' file. Raises ConfigError on settings that no world can be made of."""
        chosen = settings.load(params)
        if chosen.source.kind != "simulate" or chosen.validation.kind != "walk_forward":
            raise ConfigError(f"{params}: worlds are simulated and walked forward, see conf/experiment/worlds.yaml")
        world = Task("planted", 1.0, 0).world(chosen)
        if world.days <= WARM_DAYS:
            raise ConfigError(f"source.world.days is {world.days}: take more than {WARM_DAYS}, which only warm up")
        for fault in REFUSED_BY_INGEST:
            if getattr(world.faults, fault):
                raise ConfigError(f"source.world.faults.{fault}: set it to 0, nothing refuses a row of these worlds")
        return cls(folder / _key(chosen), chosen, workers or os.cpu_count() or 1)

    def judge(self, tasks: Iterable[Task], progress: Progress) -> list[dict[str, Any]]:
        """What the judge says of each, in their order. Raises ConfigError, before it begins, on an impossible world."""
        tasks = list(tasks)
        for task in tasks:
            task.world(self.chosen)
        missing = [task for task in tasks if not self._judged(task).exists()]
        done = len(tasks) - len(missing)
        progress("worlds judged", done, len(tasks))
        if missing:
            self._check_machinery()
        jobs = ((_judge, (self, task)) for task in missing)
        for finished, _ in enumerate(self._run(jobs), done + 1):
            progress("worlds judged", finished, len(tasks))
        return [json.loads(self._judged(task).read_text()) for task in tasks]

    def truths(self, tasks: Iterable[Task], trades: int, progress: Progress) -> Earned:
        """Mean net R of each world's policies over at least so many fresh trades, and how many they were.

        tasks: judged already. Raises DataError when the policies of one trade too rarely for that.
        """
        laws: dict[str, list[Task]] = {}
        for task in tasks:
            laws.setdefault(task.law, []).append(task)
        found: Earned = {}
        for law, own in laws.items():
            found |= self._truths(own, trades, lambda done: progress(f"fresh trades, {law}", done, trades))  # noqa: B023
        return found

    def _truths(self, tasks: list[Task], trades: int, progress: Callable[[int], None]) -> Earned:
        total: Earned = {task.name: (0.0, 0) for task in tasks}
        least = markets = 0
        progress(0)
        while least < trades:
            batch = range(markets, markets + _further(markets, least, trades))
            sure = least
            for number in self._measured(tasks, batch):
                sure += min(n for _, n in self._earned(tasks, number).values())
                progress(min(sure, trades))
            for number in batch:
                own = self._earned(tasks, number)
                total = {name: (r + own[name][0], n + own[name][1]) for name, (r, n) in total.items()}
            markets = batch.stop
            name = min(total, key=lambda name: total[name][1])
            least = total[name][1]
            if least * MOST_MARKETS < trades * markets:
                raise DataError(
                    f"{name}: its policies trade {least} times on {markets} fresh markets, so more than "
                    f"{MOST_MARKETS:,} would be needed for {trades:,} trades: its truth cannot be found"
                )
        return {name: (r / n, n) for name, (r, n) in total.items()}

    def _measured(self, tasks: list[Task], numbers: range) -> Iterator[int]:
        """Each of these fresh markets when all of the tasks have been there; what is kept is not computed again."""
        lacking = {number: own for number in numbers if (own := self._lacking(tasks, number))}
        yield from (number for number in numbers if number not in lacking)
        yield from self._run((_measure, (self, own, number)) for number, own in lacking.items())

    def _lacking(self, tasks: list[Task], number: int) -> list[Task]:
        kept = _read(self._fresh(tasks[0], number))
        return [task for task in tasks if task.name not in kept]

    def _earned(self, tasks: list[Task], number: int) -> Earned:
        kept = _read(self._fresh(tasks[0], number))
        return {task.name: kept[task.name] for task in tasks}

    def _run(self, jobs: Iterable[tuple[Callable[..., Any], tuple[Any, ...]]]) -> Iterator[Any]:
        """Results as they come; when one fails, or nobody waits any more, no further job is begun."""
        pool = ProcessPoolExecutor(self.workers, get_context("spawn"), end_with_parent)
        try:
            for future in as_completed([pool.submit(job, *given) for job, given in jobs]):
                yield future.result()
        except BrokenProcessPool:
            raise DataError(
                "a process that worked on a world was killed: if memory ran out, lower --workers; run the same "
                "again, what is finished is kept"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)

    def _check_machinery(self) -> None:
        path = self.folder / "machinery.json"
        if not path.exists():
            put(path, machinery.checked(self.chosen))

    def _judged(self, task: Task) -> Path:
        return self.folder / "judged" / f"{task.name}.json"

    def bundles(self, task: Task) -> Path:
        return self.folder / "bundles" / task.name

    def _fresh(self, task: Task, number: int) -> Path:
        return self.folder / "fresh" / task.law / f"{number}.json"


def _judge(campaign: Campaign, task: Task) -> None:
    checks = machinery.read(campaign.folder / "machinery.json")
    found = judged(campaign.chosen, task, campaign.bundles(task), checks)
    put(campaign._judged(task), found.as_dict())


def _measure(campaign: Campaign, tasks: list[Task], number: int) -> int:
    worlds = {task.name: sorted(campaign.bundles(task).iterdir()) for task in tasks}
    path = campaign._fresh(tasks[0], number)
    put(path, _read(path) | earned(campaign.chosen, tasks[0].edge, tasks[0].scale, number, worlds))
    return number


def _further(markets: int, least: int, trades: int) -> int:
    """How many fresh markets to make next, when the least traded world has come so far on those made.

    >>> _further(0, 0, 50_000), _further(2, 8_000, 50_000), _further(13, 49_900, 50_000)
    (2, 11, 2)
    """
    wanted = -(-markets * (trades - least) // least) if least else 0
    return min(max(wanted, LEAST_AT_ONCE), MOST_AT_ONCE)


def put(path: Path, values: Any) -> None:
    """A JSON file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(values, indent=1) + "\n")
    os.replace(beside, path)


def _read(path: Path) -> Earned:
    kept = json.loads(path.read_text()) if path.exists() else {}
    return {name: (r, n) for name, (r, n) in kept.items()}


def _key(chosen: Settings) -> str:
    """12 hex digits over the settings and every source that a judgement may depend on."""
    about = chosen.model_dump(exclude={"tracking", "workers", "ledger"})
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for path in sorted([*kernel.PACKAGE.rglob("*.py"), *Path(__file__).parents[1].rglob("*.py")]):
        if path.parent.name not in BESIDE:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
