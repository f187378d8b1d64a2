"""A histogram that costs a fraction of a microsecond an observation: bounds in 1-2-5 steps, counts, a sum."""

import bisect
from typing import Any

BOUNDS_US = tuple(float(step * 10**power) for power in range(8) for step in (1, 2, 5))[2:-2]
"""5 us to 10 s; a last bucket holds what is above."""


class Histogram:
    """Of durations in microseconds."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_US) + 1)
        self.sum_us = 0.0

    def observe(self, duration_us: float) -> None:
        self.counts[bisect.bisect_left(BOUNDS_US, duration_us)] += 1
        self.sum_us += duration_us

    @property
    def n(self) -> int:
        return sum(self.counts)

    def quantile(self, share: float) -> float | None:
        """Interpolated within its bucket; the last bound for one above it, None while there is nothing.

        >>> some = Histogram()
        >>> for duration in (6, 7, 30, 40): some.observe(duration)
        >>> some.quantile(0.5), some.quantile(1.0)
        (10.0, 50.0)
        """
        wanted, below = share * self.n, 0
        if not self.n:
            return None
        for i, count in enumerate(self.counts[:-1]):
            if count and below + count >= wanted:
                low = BOUNDS_US[i - 1] if i else 0.0
                return low + (BOUNDS_US[i] - low) * max(wanted - below, 0.0) / count
            below += count
        return BOUNDS_US[-1]

    def summary(self) -> dict[str, Any]:
        """As /api/state shows it: `counts` has one more than `bounds`."""
        quantiles = {"p50": self.quantile(0.5), "p99": self.quantile(0.99)}
        return {"bounds": list(BOUNDS_US), "counts": list(self.counts), **quantiles, "n": self.n}
