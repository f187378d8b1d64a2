"""How an event is judged when it arrives, whether one comes or a million: by its own two clocks and the engine's.

    late      its bar had closed when it came (`features.intake.is_late`): it counts from when it came, and as no more
              than that something was missing
    future    beyond what the clock of this machine allows
    behind    earlier than what the engine has seen

A row of an index says when a figure was known, so it is never behind: it counts from just after what the engine has
seen, and while time passes by the clock a late one counts from when it came.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.core.moments import NONE
from mia_ml.features.intake import is_late

ORIGIN = (
    ("number", "i8"),  # of the arrival in its trading day, over all tables, from 1
    ("feed", "i8"),  # its number among the day's feeds
    ("position", "i8"),  # in that feed, increasing
    ("ts_recv", "i8"),  # ns UTC, NONE where nobody stamped it
    ("reason", "i8"),  # 0 accepted, else why not: `store.rules` or below
)
"""The fields that the record of any arrival begins with; the next one is `ts_event`."""
CAME, REASON, TS = 3, 4, 5
"""Places of the fields that are judged, all fields being of eight bytes."""
LATE, BEHIND, FUTURE = 64, 65, 66


@kernel
def judge(words, is_index, by_clock, frontier, latest, grace_ns):
    """Fill the reasons of arrivals, and move what counts from another moment than its own.

    words: int64 [n, fields], reasons 0. is_index: rows of options or VIX, which are moved; by_clock: to when they came
    if they are late. frontier: the latest moment that the engine has been told of. latest: beyond it lies the future.
    """
    for i in range(len(words)):
        word = words[i]
        if word[TS] > latest:
            word[REASON] = FUTURE
            continue
        if is_index and by_clock:
            word[TS] = max(word[TS], frontier + 1)
            if is_late(word[TS], word[CAME], grace_ns):
                word[TS] = max(word[TS], word[CAME])
        if word[CAME] != NONE and is_late(word[TS], word[CAME], grace_ns):
            word[REASON] = LATE
            word[CAME] = max(word[CAME], frontier)
        elif is_index:
            word[TS] = max(word[TS], frontier + 1)
        elif word[TS] < frontier:
            word[REASON] = BEHIND


def words_of(records: np.ndarray) -> np.ndarray:
    """Contiguous records of eight-byte fields as int64 [n, fields], in their own memory."""
    return records.view(np.int64).reshape(records.size, records.dtype.itemsize // 8)
