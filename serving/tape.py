"""Arrivals as the tape that the engine runs: accepted records by table, late ones by when they came."""

from typing import Any

import numpy as np

from mia_ml.features import intake
from mia_ml.features.tape import Tape
from serving import events
from serving.events import LATE


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
