"""Average uniqueness: how much of an event's life it does not share (Lopez de Prado 2018, sections 4.3 and 4.4).

With c(t) the number of lives [t0, t1] that hold the moment t,

    u_i = 1 / (t1_i - t0_i) * integral of 1 / c(t) dt over [t0_i, t1_i]

in (0, 1], 1 for a life that is alone. The book counts bars; this is the same average in clock time, which tick and bar
labels share. A life of one moment has u = 1 / c(t0).

>>> average_uniqueness(np.array([0, 2]), np.array([4, 6])).tolist()    # two of four alone, two shared by two
[0.75, 0.75]
>>> average_uniqueness(np.array([0, 0, 10]), np.array([4, 2, 11])).tolist()
[0.75, 0.5, 1.0]
"""

import numpy as np

from mia_ml.core.errors import DataError
from mia_ml.core.kernel import kernel


@kernel
def _sweep(t0_ns, t1_ns, by_start, by_end, uniqueness):
    """From boundary to boundary: `shared` is the integral of 1 / c(t) since c was last 0."""
    shared, now, count = 0.0, np.int64(0), 0
    before = np.zeros(t0_ns.size)  # `shared` at each start
    i = j = 0
    while j < t0_ns.size:
        then = t1_ns[by_end[j]]
        if i < t0_ns.size:
            then = min(then, t0_ns[by_start[i]])
        shared = shared + (then - now) / count if count > 0 else 0.0
        now = then
        while i < t0_ns.size and t0_ns[by_start[i]] == now:
            before[by_start[i]] = shared
            count += 1
            i += 1
        there = count
        while j < t0_ns.size and t1_ns[by_end[j]] == now:
            k = by_end[j]
            length = now - t0_ns[k]
            uniqueness[k] = (shared - before[k]) / length if length > 0 else 1.0 / there
            count -= 1
            j += 1


def average_uniqueness(t0_ns: np.ndarray, t1_ns: np.ndarray) -> np.ndarray:
    """u of each life, float64 [n], in any order. Raises DataError for a life that ends before it starts."""
    t0_ns, t1_ns = np.ascontiguousarray(t0_ns, np.int64), np.ascontiguousarray(t1_ns, np.int64)
    if t0_ns.shape != t1_ns.shape:
        raise DataError(f"lives: {t0_ns.size} starts and {t1_ns.size} ends: give one of each an event")
    if (t1_ns < t0_ns).any():
        row = int(np.argmax(t1_ns < t0_ns))
        raise DataError(f"lives: event {row} ends at {t1_ns[row]} ns, before its start {t0_ns[row]}: swap t0 and t1")
    uniqueness = np.zeros(t0_ns.size)
    by_start, by_end = np.argsort(t0_ns, kind="stable"), np.argsort(t1_ns, kind="stable")
    _sweep(t0_ns, t1_ns, by_start, by_end, uniqueness)
    return uniqueness
