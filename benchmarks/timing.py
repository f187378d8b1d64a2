"""Medians of interleaved repetitions, so that what else the machine does meets all sides alike."""

import gc
import statistics
import time
from collections.abc import Callable

REPETITIONS = 9


def medians(*sides: Callable[[], object], repetitions: int = REPETITIONS) -> list[float]:
    """Seconds that each side takes. One unmeasured call of each comes first: it compiles and warms the caches."""
    for side in sides:
        side()
    taken: list[list[float]] = [[] for _ in sides]
    for _ in range(repetitions):
        for side, times in zip(sides, taken, strict=True):
            gc.collect()
            start = time.perf_counter()
            side()
            times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in taken]
