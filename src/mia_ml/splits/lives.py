"""Purge and embargo by each event's own life (Lopez de Prado 2018, Advances in Financial Machine Learning, 7.4).

A life [t0, t1] is a closed interval of int64 nanoseconds: the label has read the event at t1. A training row overlaps
a test set when its life and that of some test row share at least one moment, an end that is another's start included.
Ends need not be sorted: the test lives are merged into disjoint intervals, then every row asks for the last one that
starts before its own end. O(n log n), exact.

For test rows that follow each other in t0 this is the same as asking for the whole stretch from their first t0 to their
latest t1: a row that starts in a gap after the last test row's start lies in the life that ends latest.
"""

import numpy as np

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.core.moments import utc

EARLIEST, LATEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


def checked(t0_ns: np.ndarray, t1_ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends [n] as int64 ns. Raises DataError on other types, unequal lengths, an end before its start.

    >>> checked(np.array([5, 6]), np.array([9, 3]))
    Traceback (most recent call last):
    mia_ml.core.errors.DataError: row 1 lives from 1970-01-01T00:00:00.000000006Z to 1970-01-01T00:00:00.000000003Z: \
an end is never before its start
    """
    starts, ends = np.asarray(t0_ns), np.asarray(t1_ns)
    for name, values in (("t0_ns", starts), ("t1_ns", ends)):
        if values.ndim != 1 or values.dtype.kind not in "iu":
            raise DataError(f"{name} is {values.dtype} of shape {values.shape}: give int64 ns UTC, one per row")
    if starts.size != ends.size:
        raise DataError(f"{starts.size} starts and {ends.size} ends: every row has one life [t0, t1]")
    starts, ends = starts.astype(np.int64), ends.astype(np.int64)
    backwards = np.flatnonzero(ends < starts)
    if backwards.size:
        row = backwards[0]
        raise DataError(
            f"row {row} lives from {utc(starts[row])} to {utc(ends[row])}: an end is never before its start"
        )
    return starts, ends


def checked_embargo(embargo_ns: int) -> None:
    """Raises ConfigError unless the embargo is a whole number of ns, 0 or more."""
    if isinstance(embargo_ns, bool) or not isinstance(embargo_ns, int | np.integer) or embargo_ns < 0:
        raise ConfigError(f"embargo_ns is {embargo_ns!r}: a whole number of nanoseconds, 0 for none")


def merged(starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The union of closed intervals as disjoint ones in order.

    >>> [part.tolist() for part in merged(np.array([8, 0, 3, 1]), np.array([9, 5, 4, 2]))]
    [[0, 8], [5, 9]]
    """
    order = np.argsort(starts, kind="stable")
    starts, reached = starts[order], np.maximum.accumulate(ends[order])
    opens = np.ones(starts.size, bool)
    opens[1:] = starts[1:] > reached[:-1]
    closes = np.roll(opens, -1)
    return starts[opens], reached[closes]


def overlapping(t0_ns: np.ndarray, t1_ns: np.ndarray, test_t0_ns: np.ndarray, test_t1_ns: np.ndarray) -> np.ndarray:
    """Mask [n] of the rows whose life shares a moment with that of any test row.

    >>> overlapping(np.array([0, 4, 6]), np.array([3, 5, 9]), np.array([3, 4]), np.array([3, 4]))
    array([ True,  True, False])
    """
    if not test_t0_ns.size:
        return np.zeros(t0_ns.size, bool)
    starts, ends = merged(test_t0_ns, test_t1_ns)
    before = np.searchsorted(starts, t1_ns, side="right") - 1
    return (before >= 0) & (ends[before] >= t0_ns)


def following(t0_ns: np.ndarray, test_t0_ns: np.ndarray, test_t1_ns: np.ndarray, embargo_ns: int) -> np.ndarray:
    """Mask [n] of the rows that start during the life of a test row or at most `embargo_ns` after it.

    >>> following(np.array([4, 5, 7, 8]), np.array([0]), np.array([5]), 2)
    array([ True,  True,  True, False])
    """
    until = np.minimum(test_t1_ns, LATEST - embargo_ns) + embargo_ns
    return overlapping(t0_ns, t0_ns, test_t0_ns, until)
