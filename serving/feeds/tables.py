"""Replay of canonical tables: the trading days of a folder, as `datasets.days` reads them, with options and VIX."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from mia_ml.core.errors import DataError
from mia_ml.core.moments import NONE
from mia_ml.core.tables import Columns
from mia_ml.datasets import contract as table_contract
from mia_ml.datasets import days
from mia_ml.store import parquet
from serving.feeds import merge, replaying

ROWS_A_CHUNK = 1 << 15


class TablesFeed(replaying.Recording):
    """The front contract's rows of every day below a folder, with the index rows of those days.

    A folder of options and VIX alone gives all of their rows. Positions count the events of the folder. grace_ns: as
    the engine's: what arrived later than its bar's close and this comes when it arrived.
    """

    screened = True

    def __init__(
        self, name: str, root: Path, instrument: str, calendar_name: str, grace_ns: int, pace: float = 1.0
    ) -> None:
        super().__init__(name, pace)
        self._root = root
        self._instrument, self._calendar = instrument, calendar_name
        self._grace_ns = grace_ns

    def _blocks(self) -> Iterator[merge.Block]:
        yield from merge.merged(self._streams())

    def _streams(self) -> list[merge.Stream]:
        found = parquet.inventory(self._root)
        tables = {table for table, *_ in found}
        if not tables:
            raise DataError(f"{self._root}: no table in this folder; mia ingest writes them")
        if not tables - set(days.INDEX):
            files: dict[tuple[str, str], list[Path]] = {}
            for table, symbol, _, path in found:
                files.setdefault((table, symbol), []).append(path)
            return [merge.Stream(NONE, partial(self._chunks, *key, paths)) for key, paths in files.items()]
        planned = days.plan(self._root, self._instrument, self._calendar, days.is_native(self._root))
        streams = []
        for day in planned.days:
            for table in day.prices:
                streams.append(merge.Stream(day.after_ns, partial(self._priced, day, table)))
            for table, paths in day.indices.items():
                span = (day.after_ns, day.close_ns)
                read = partial(self._chunks, table, days.INDEX[table], paths, span)
                streams.append(merge.Stream(day.after_ns, read))
        return streams

    def _priced(self, day: days.Day, table: str) -> Iterator[merge.Chunk]:
        columns = parquet.read_file(day.prices[table], table)
        span = (day.after_ns, day.close_ns)
        table_contract.check(day.prices[table], table, columns, day.tick, span, day.open_ns)
        return self._cut(table, day.contract, columns)

    def _chunks(
        self, table: str, symbol: str, paths: Sequence[Path], span: tuple[int, int] | None = None
    ) -> Iterator[merge.Chunk]:
        """Rows of index files, all or those in (after, until]."""
        parts = [parquet.read_file(path, table) for path in paths]
        names = [name for name in parts[0] if all(name in part for part in parts)] if parts else []
        columns = {name: np.concatenate([part[name] for part in parts]) for name in names}
        if span is not None and names:
            inside = (columns["ts_event"] > span[0]) & (columns["ts_event"] <= span[1])
            columns = {name: values[inside] for name, values in columns.items()}
        return self._cut(table, symbol, columns) if names else iter(())

    def _cut(self, table: str, symbol: str, columns: Columns) -> Iterator[merge.Chunk]:
        ts = columns["ts_event"]
        if (ts[1:] < ts[:-1]).any():
            row = int(np.flatnonzero(ts[1:] < ts[:-1])[0]) + 2
            raise DataError(f"{self._root}: {table} of {symbol}: row {row}: time runs backwards; sort it by ts_event")
        rows = merge.Timing(self._grace_ns).rows(table, symbol, columns)
        for at in range(0, rows.when.size, ROWS_A_CHUNK):
            part = rows.part(slice(at, at + ROWS_A_CHUNK))
            yield [part], int(part.when[-1])
