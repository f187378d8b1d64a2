"""Label sets as markets make them and worse: ends out of order, ties, gaps, instants, one label that outlives all."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from mia_ml.core.errors import DataError

SETS = 1_000
STEP_NS = 10  # between moments, so that a test can put one in between

Found = TypeVar("Found")


@dataclass(frozen=True)
class Labels:
    """Rows in order of t0. trading_days, opens_ns: days without a row among them."""

    t0_ns: np.ndarray
    t1_ns: np.ndarray
    days: np.ndarray
    trading_days: np.ndarray
    opens_ns: np.ndarray
    embargo_ns: int

    def pairs(self, related: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        """What holds between each row and each other, [n, n], of their t0, t1 and the other's t0, t1."""
        return related(self.t0_ns[:, None], self.t1_ns[:, None], self.t0_ns, self.t1_ns)

    def overlap(self) -> np.ndarray:
        return self.pairs(lambda t0, t1, other_t0, other_t1: (t0 <= other_t1) & (other_t0 <= t1))

    def follows(self) -> np.ndarray:
        """The row starts within the embargo after the other's end."""
        return self.pairs(lambda t0, t1, _, end: (t0 >= end) & (t0 - end <= self.embargo_ns) & (self.embargo_ns > 0))

    def precedes(self) -> np.ndarray:
        """The row ends within the embargo before the other's start."""
        return self.pairs(lambda _, t1, start, end: (t1 <= start) & (start - t1 <= self.embargo_ns))


def labels(seed: int) -> Labels:
    rng = np.random.default_rng(seed)
    n, moments = int(rng.integers(24, 60)), int(rng.integers(30, 240))
    t0 = np.sort(rng.integers(0, moments, n))  # ties wherever there are more rows than moments
    t0[rng.integers(0, n) :] += int(rng.integers(0, 2)) * moments // 2  # a gap
    lengths = rng.integers(0, rng.choice([2, 6, moments // 8]), n)
    lengths[rng.random(n) < 0.1] = 0
    if rng.random() < 0.5:
        lengths[rng.integers(n)] = 3 * moments
    per_day = moments // int(rng.integers(8, 14))
    day = t0 // per_day
    dates = np.datetime64("2023-12-20") + np.arange(int(day.max()) + 1)
    numbers = np.array([int(str(date).replace("-", "")) for date in dates])
    traded = np.array([number for number in range(numbers.size) if number in set(day) or rng.random() < 0.5])
    return Labels(
        t0 * STEP_NS,
        (t0 + lengths) * STEP_NS,
        numbers[day],
        numbers[traded],
        traded * per_day * STEP_NS,
        int(rng.integers(0, 6)) * STEP_NS,
    )


def accepted(split: Callable[[Labels], Found], sets: int = SETS) -> Iterator[tuple[Labels, Found]]:
    """Label sets that can be split, each with its folds: where one label outlives all, some cannot."""
    count = 0
    for seed in itertools.count():
        assert seed < 4 * sets, f"{count} of {seed} label sets could be split"
        one = labels(seed)
        try:
            folds = split(one)
        except DataError:
            continue
        yield one, folds
        count += 1
        if count == sets:
            return
