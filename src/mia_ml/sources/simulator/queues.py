"""The visible order book: five queues a side on consecutive ticks that revert to their mean size.

The log of a queue is an Ornstein-Uhlenbeck process in time (half-life under a second), seen when it is touched, so the
book looks alike at any message rate. Its mean leans with `lean`, the log ratio by which bids outweigh asks: makers
leave the side that is about to be wrong.

state of a side: sizes[5] (contracts), touched[5] (ns). `depth` is the mean size of a best queue in contracts.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.core.tables import LEVELS

SHAPE = np.array([1.0, 1.7, 2.0, 2.1, 2.2])
"""Mean size by level over that of the best."""
MEMORY_S = 1.2
SPREAD = 0.65
"""Standard deviation of a log queue."""


@kernel
def touch(rng, sizes, touched, level, now, depth, lean):
    """An order joins or leaves a queue: its size moves towards the mean, by one contract at least."""
    keep = np.exp(-(now - touched[level]) * 1e-9 / MEMORY_S)
    mean = np.log(depth * SHAPE[level]) + (lean if level == 0 else 0.4 * lean)
    log_size = mean + keep * (np.log(sizes[level]) - mean) + SPREAD * np.sqrt(1.0 - keep * keep) * rng.standard_normal()
    size = max(1, int(np.exp(log_size) + 0.5))
    if size == sizes[level]:
        size += 1 if size == 1 or log_size > mean - SPREAD else -1
    sizes[level] = size
    touched[level] = now


@kernel
def fresh(rng, sizes, touched, level, now, depth, lean):
    """A queue that came into view."""
    sizes[level] = 1
    touched[level] = now - np.int64(60_000_000_000)
    touch(rng, sizes, touched, level, now, depth, lean)


@kernel
def retreat(rng, sizes, touched, ticks, now, depth, lean):
    """The best `ticks` queues are gone; deeper ones move up and new ones come into view."""
    for level in range(LEVELS):
        if level + ticks < LEVELS:
            sizes[level] = sizes[level + ticks]
            touched[level] = touched[level + ticks]
        else:
            fresh(rng, sizes, touched, level, now, depth, lean)


@kernel
def advance(rng, sizes, touched, ticks, now, depth, lean):
    """New best queues `ticks` nearer; the others move down and out of view."""
    for level in range(LEVELS - 1, -1, -1):
        if level >= ticks:
            sizes[level] = sizes[level - ticks]
            touched[level] = touched[level - ticks]
        else:
            fresh(rng, sizes, touched, level, now, depth, lean)
