"""Many worlds, judged side by side in processes of their own, and the truth about each. What is finished is kept.

    FOLDER/KEY/machinery.json            checks that are the code's, made once
    FOLDER/KEY/judged/WORLD.json         what the judge said
    FOLDER/KEY/bundles/WORLD/WINDOW/     its policies
    FOLDER/KEY/fresh/EDGE-SCALE/N.json   what these earned on the N-th fresh market

KEY stands for the settings and the code that judges: with others everything is made anew. A file appears whole or not
at all, so a campaign that was killed goes on where it was.
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
from pipelines.worlds.truth import earned
from pipelines.worlds.world import Task, judged

Progress = Callable[[str, int, int], None]
"""What is being done, how many are done, of how many."""


BESIDE = ("cli", "reports", "registry", "tracking", "ledger", "catalogue")
"""Rooms that a world's judgement does not depend on."""


@dataclass(frozen=True)
class Campaign:
    """params: the settings' file. folder: of these settings and this code."""

    params: Path
    folder: Path
    chosen: Settings
    workers: int

    @classmethod
    def of(cls, params: Path, folder: Path, workers: int = 0) -> "Campaign":
        """Raises ConfigError on settings that no world can be made of."""
        chosen = settings.load(params)
        if chosen.source.kind != "simulate" or chosen.validation.kind != "walk_forward":
            raise ConfigError(f"{params}: worlds are simulated and walked forward, see conf/experiment/worlds.yaml")
        Task("planted", 1.0, 0).world(chosen)
        return cls(params, folder / _key(chosen), chosen, workers or os.cpu_count() or 1)

    def judge(self, tasks: Iterable[Task], progress: Progress) -> list[dict[str, Any]]:
        """What the judge says of each, in their order."""
        tasks = list(tasks)
        missing = [task for task in tasks if not self._judged(task).exists()]
        if missing:
            self._check_machinery()
        done = len(tasks) - len(missing)
        progress("worlds judged", done, len(tasks))
        jobs = ((_judge, (self, task)) for task in missing)
        for finished, _ in enumerate(self._run(jobs), done + 1):
            progress("worlds judged", finished, len(tasks))
        return [json.loads(self._judged(task).read_text()) for task in tasks]

    def truths(self, tasks: Iterable[Task], trades: int, progress: Progress) -> dict[str, tuple[float, int]]:
        """Mean net R of each world's policies over at least so many fresh trades, and how many they were."""
        tasks = list(tasks)
        groups: dict[tuple[str, float], list[Task]] = {}
        for task in tasks:
            groups.setdefault((task.edge, task.scale), []).append(task)
        found: dict[str, tuple[float, int]] = {}
        for number, own in enumerate(groups.values()):
            found |= self._truths(own, trades, lambda done, of: progress(f"fresh trades, law {number + 1}", done, of))  # noqa: B023
        return found

    def _truths(
        self, tasks: list[Task], trades: int, progress: Callable[[int, int], None]
    ) -> dict[str, tuple[float, int]]:
        total = {task.name: (0.0, 0) for task in tasks}
        chunk = 0
        while (least := min(n for _, n in total.values())) < trades:
            progress(least, trades)
            seen = max(1, chunk)
            wanted = max(self.workers, -(-seen * (trades - least) // max(least, 1))) if least else self.workers
            batch = range(chunk, chunk + min(wanted, 16 * self.workers))
            for own in self._chunks(tasks, batch):
                total = {name: (r + own[name][0], n + own[name][1]) for name, (r, n) in total.items()}
            chunk = batch.stop
            if not any(n for _, n in total.values()):
                raise DataError(
                    f"{tasks[0].name}: its policies never trade on fresh markets: there is no truth to find"
                )
        progress(trades, trades)
        return {name: (r / n, n) for name, (r, n) in total.items()}

    def _chunks(self, tasks: list[Task], numbers: range) -> Iterator[dict[str, tuple[float, int]]]:
        """Each fresh market's sums for all of the tasks; what is kept of it is not computed again."""
        names = [task.name for task in tasks]
        missing = [(number, lacking) for number in numbers if (lacking := self._lacking(tasks, number))]
        for _ in self._run((_measure, (self, lacking, number)) for number, lacking in missing):
            pass
        for number in numbers:
            kept = json.loads(self._fresh(tasks[0], number).read_text())
            yield {name: tuple(kept[name]) for name in names}

    def _lacking(self, tasks: list[Task], number: int) -> list[Task]:
        path = self._fresh(tasks[0], number)
        kept = json.loads(path.read_text()) if path.exists() else {}
        return [task for task in tasks if task.name not in kept]

    def _run(self, jobs: Iterable[tuple[Callable[..., None], tuple[Any, ...]]]) -> Iterator[None]:
        with ProcessPoolExecutor(self.workers, get_context("spawn"), end_with_parent) as pool:
            try:
                for future in as_completed([pool.submit(job, *given) for job, given in jobs]):
                    yield future.result()
            except BrokenProcessPool:
                raise DataError(
                    "a process that worked on a world was killed: if memory ran out, lower --workers; run the same "
                    "again, what is finished is kept"
                ) from None

    def _check_machinery(self) -> None:
        path = self.folder / "machinery.json"
        if not path.exists():
            put(path, machinery.checked(self.chosen))

    def _judged(self, task: Task) -> Path:
        return self.folder / "judged" / f"{task.name}.json"

    def bundles(self, task: Task) -> Path:
        return self.folder / "bundles" / task.name

    def _fresh(self, task: Task, number: int) -> Path:
        return self.folder / "fresh" / f"{task.edge}-{task.scale:.2f}" / f"{number}.json"


def _judge(campaign: Campaign, task: Task) -> None:
    checks = machinery.read(campaign.folder / "machinery.json")
    found = judged(campaign.chosen, task, campaign.bundles(task), checks)
    put(campaign._judged(task), found.as_dict())


def _measure(campaign: Campaign, tasks: list[Task], number: int) -> None:
    worlds = {task.name: sorted(campaign.bundles(task).iterdir()) for task in tasks}
    path = campaign._fresh(tasks[0], number)
    kept = json.loads(path.read_text()) if path.exists() else {}
    put(path, kept | earned(campaign.chosen, tasks[0].edge, tasks[0].scale, number, worlds))


def put(path: Path, values: Any) -> None:
    """A JSON file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(values, indent=1) + "\n")
    os.replace(beside, path)


def _key(chosen: Settings) -> str:
    """12 hex digits over the settings and every source that a judgement may depend on."""
    about = chosen.model_dump(exclude={"tracking", "workers", "ledger"})
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    package, stages = kernel.PACKAGE, Path(__file__).parents[1]
    for path in sorted([*package.rglob("*.py"), *stages.rglob("*.py")]):
        if path.relative_to(path.parents[1]).parts[0] not in BESIDE:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
