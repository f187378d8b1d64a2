"""Replay of recorded Databento files: raw rows, merged into event order over all files of a folder."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from mia_ml.core.errors import SourceError
from mia_ml.core.moments import NONE, NS
from mia_ml.core.tables import Batch, FileDone, Reject
from mia_ml.sources.databento import reader
from serving.feeds import merge, replaying

HORIZON_NS = NS
"""How far behind the latest event of its file a row may come and still find its place: files are in the order of
receipt, and a book row stands behind the messages of its event."""
_NEVER = 1 << 62


class DbnFeed(replaying.Recording):
    """The rows of a DBN file or a folder of them, of any schema that `sources.databento` reads.

    Positions count the events of all files. A file that cannot be read to its end gives what came before; `trouble`
    names it. grace_ns: what arrived later than its bar's close and this comes when it arrived.
    """

    def __init__(self, name: str, path: Path, grace_ns: int, pace: float = 1.0) -> None:
        super().__init__(name, pace)
        self._path = path
        self._grace_ns = grace_ns

    def _blocks(self) -> Iterator[merge.Block]:
        streams = []
        for file in reader.open_files([self._path]):
            if isinstance(file, FileDone):
                self._done(file)
            else:
                starts_ns = file.starts_ns - HORIZON_NS if file.starts_ns < _NEVER else NONE
                streams.append(merge.Stream(starts_ns, partial(self._chunks, file)))
        if not streams and self.trouble:
            raise SourceError(self.trouble)
        yield from merge.merged(streams)

    def _chunks(self, file: reader.MarketFile) -> Iterator[merge.Chunk]:
        timing = merge.Timing(self._grace_ns)
        latest = NONE + HORIZON_NS
        for items in file.blocks():
            found = []
            for item in items:
                if isinstance(item, Batch):
                    latest = max(latest, int(item.columns["ts_event"].max()))
                    found.append(timing.rows(item.table, item.symbol, item.columns))
                elif isinstance(item, Reject):
                    self.rejects.add(item)
                else:
                    self._done(item)
            yield found, latest - HORIZON_NS

    def _done(self, file: FileDone) -> None:
        if file.error:
            self.trouble = file.error
