"""Arrivals as the tape that the engine runs: accepted records by table, late ones by when they came."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mia_ml.features import intake
from mia_ml.features.tape import Tape
from serving.intake import events
from serving.intake.events import LATE
from serving.intake.merge import FOREVER, key_of

MOST = 1 << 16
"""Records of a span. New memory for the columns of a whole day at once costs more than running them."""


def tape_of(found: dict[str, np.ndarray]) -> Tape:
    """found: RECORD arrays by table, accepted (reason 0) or late; others are left out. Each in order of `ts_event`."""
    tables: dict[str, Any] = {}
    late = [np.zeros(0, np.int64)]
    for table, records in found.items():
        reason = records["reason"]
        if reason.any():
            late.append(records["ts_recv"][reason == LATE])
            records = records[reason == 0]
        if records.size:
            columns = events.columns(table, records)
            columns.pop("ts_recv", None)  # who is late has been said already
            tables[table] = columns
    return intake.tape(**tables)._replace(late=np.sort(np.concatenate(late)))


def spans(found: dict[str, np.ndarray], most: int = MOST) -> Iterator[dict[str, np.ndarray]]:
    """The same, a span of time after the other, none with many more than `most` records of a table.

    found: each table in the order in which its records count.
    """
    keys = {table: key_of(records) for table, records in found.items()}
    longest = max(keys.values(), key=len, default=np.zeros(0, np.int64))
    begin = dict.fromkeys(found, 0)
    for until in [*longest[most - 1 : -1 : most].tolist(), FOREVER]:
        part = {}
        for table, records in found.items():
            end = int(np.searchsorted(keys[table], until, side="right"))
            if end > begin[table]:
                part[table] = records[begin[table] : end]
                begin[table] = end
        if part:
            yield part
