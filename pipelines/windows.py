"""The windows of the configured walk-forward, each by the name under which its results are kept."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TypeVar

import numpy as np

from mia_ml.core import moments
from mia_ml.core.errors import DataError
from mia_ml.core.moments import MINUTE
from mia_ml.datasets.days import Days
from mia_ml.evaluation.population import known_rows
from mia_ml.settings import Settings
from mia_ml.settings.validation import AnyValidation, NoValidation, WalkForward
from mia_ml.splits import walk_forward
from pipelines.rows import Sample

FINAL = "final"
Told = TypeVar("Told")


@dataclass(frozen=True)
class Named:
    """Trading days yyyymmdd, all inclusive. test_first_day, test_last_day: 0 for the final window, without a test."""

    name: str
    train_first_day: int
    train_last_day: int
    test_first_day: int = 0
    test_last_day: int = 0

    def train_rows(self, day: np.ndarray) -> tuple[int, int]:
        """The rows [first, last) of the training window; day: int64 [n] in order."""
        return _between(day, self.train_first_day, self.train_last_day)

    def test_rows(self, day: np.ndarray) -> tuple[int, int]:
        return _between(day, self.test_first_day, self.test_last_day)

    def __str__(self) -> str:
        first, last = moments.iso(self.train_first_day), moments.iso(self.train_last_day)
        tested = f", tested on {moments.iso(self.test_first_day)}..{moments.iso(self.test_last_day)}"
        return f"{self.name}: trained on {first}..{last}{tested if self.test_first_day else ''}"


def _between(day: np.ndarray, first: int, last: int) -> tuple[int, int]:
    return int(np.searchsorted(day, first, side="left")), int(np.searchsorted(day, last, side="right"))


def walk_forward_of(chosen: Settings) -> WalkForward:
    """The configured walk-forward, where one is known to be."""
    assert isinstance(chosen.validation, WalkForward)
    return chosen.validation


def embargo_ns(validation: WalkForward) -> int:
    return round(validation.embargo_min * MINUTE)


def splitter(validation: WalkForward) -> walk_forward.WalkForward:
    return walk_forward.WalkForward(
        validation.train, validation.test, anchored=validation.anchored, embargo_ns=embargo_ns(validation)
    )


def windows_of(validation: AnyValidation, days: np.ndarray) -> list[Named]:
    """The folds in time, each named by the first day of its test window, then the final window.

    None when no walk-forward is configured. days: int64, the trading days that are not sealed. Raises DataError when
    they do not hold a fold.
    """
    if isinstance(validation, NoValidation):
        return []
    windows = splitter(validation)
    folds = [Named(moments.iso(window.test_first_day), *window) for window in windows.windows(days)]
    return [*folds, Named(FINAL, *windows.final(days))]


def openings(days: Days) -> dict[int, int]:
    """When each trading day opens, ns UTC, by its date yyyymmdd."""
    return dict(zip(days.sessions["day"].tolist(), days.sessions["open_ns"].tolist(), strict=True))


def closings(days: Days) -> dict[int, int]:
    """When each trading day closes, ns UTC, by its date yyyymmdd."""
    return dict(zip(days.sessions["day"].tolist(), days.sessions["close_ns"].tolist(), strict=True))


def training_part(validation: WalkForward, sample: Sample, window: Named, opens: dict[int, int]) -> Sample:
    """The rows of a training window whose labels end, with the embargo, before the test window opens."""
    part = sample.part(*window.train_rows(sample.rows["day"]))
    if not window.test_first_day:
        return part
    return part.part(0, known_rows(part.labels, opens[window.test_first_day] - embargo_ns(validation)))


def side_by_side(windows: Sequence[Named], workers: int, told: Callable[[Named], Told]) -> Iterator[tuple[Named, Told]]:
    """Each window with what `told` says of it, in their order, from processes of their own.

    workers: how many at once, 0 is one a core. The processes end with the one that started them, however it ends, so
    that a study which they had open can be gone on with. Raises DataError when one of them was killed.
    """
    with ProcessPoolExecutor(workers or os.cpu_count(), get_context("spawn"), end_with_parent) as pool:
        try:
            yield from zip(windows, pool.map(told, windows), strict=True)
        except BrokenProcessPool:
            raise DataError(
                "a process that worked on a window was killed: if memory ran out, lower workers; run the same again, "
                "finished trials are kept"
            ) from None


def end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None

    def end() -> None:
        parent.join()
        os._exit(1)

    Thread(target=end, daemon=True).start()
