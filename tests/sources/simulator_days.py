"""Reads simulated days for the tests next door."""

import numpy as np

from mia_ml.core.tables import Batch, Columns, FileDone
from mia_ml.sources import simulator

Tables = dict[tuple[str, str], Columns]


def read_days(world: simulator.World, first: int = 0, last: int | None = None) -> list[tuple[FileDone, Tables]]:
    """Each day's closing item and its whole tables by (table, symbol)."""
    days, parts = [], {}
    for item in simulator.read(world, first, last):
        if isinstance(item, Batch):
            parts.setdefault((item.table, item.symbol), []).append(item)
            continue
        tables = {
            key: {name: np.concatenate([b.columns[name] for b in batches]) for name in batches[0].columns}
            for key, batches in parts.items()
        }
        assert isinstance(item, FileDone)
        rows = np.concatenate([batch.row for batches in parts.values() for batch in batches])
        assert np.array_equal(np.sort(rows), np.arange(1, item.records + 1))
        days.append((item, tables))
        parts = {}
    return days


def table(tables: Tables, name: str) -> Columns:
    """The one table of a name."""
    (found,) = [columns for (kind, _), columns in tables.items() if kind == name]
    return found


def digest(days: list[tuple[FileDone, Tables]]) -> list[str]:
    """One fingerprint a day, over names, dtypes and bytes."""
    import hashlib

    out = []
    for done, tables in days:
        h = hashlib.sha256(repr(done).encode())
        for key, columns in tables.items():
            for name, column in columns.items():
                h.update(repr((key, name, column.dtype)).encode())
                h.update(repr(column.tolist()).encode() if column.dtype == object else column.tobytes())
        out.append(h.hexdigest())
    return out
