"""Files that Sierra Chart is writing: trades of a `.scid` file, the book of the `.depth` files of each UTC day."""

import asyncio
import contextlib
import datetime
import re
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import numpy as np

from mia_ml.core.errors import SourceError
from mia_ml.core.moments import DAY
from mia_ml.core.tables import Batch, Reject
from mia_ml.sources.sierra import binary, depth, naming, scid
from serving.feeds.feed import MOST_ROWS, Arrival, BaseFeed, Portion
from serving.feeds.tailing import Tail

POLL_S = 0.05
PATIENCE = 20
"""Looks at a day's file that ends inside a record, once the next day's is there, before it is left."""
_BURST_US = 1_000_000
"""An order's fills lie within far less: reading from this much earlier gives every later fill its time."""
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)\.depth$", re.IGNORECASE)
_EPOCH = datetime.date(1970, 1, 1)


def _time_us(record: bytes) -> int:
    return int.from_bytes(record[:8], "little", signed=True)


class _Growing(BaseFeed):
    """What both kinds of file share: polling, converting, numbering."""

    def __init__(
        self,
        name: str,
        path: Path,
        symbol: str | None = None,
        price_multiplier: float = 1.0,
        since_ns: int = 0,
        poll_s: float = POLL_S,
    ) -> None:
        super().__init__(name)
        self._path = path
        self._symbol = symbol
        self._multiplier = price_multiplier
        self._since_ns = since_ns
        self._poll_s = poll_s

    async def _wait(self, trouble: str = "") -> None:
        if trouble:
            self.trouble = trouble
        await asyncio.sleep(self._poll_s)

    def _symbol_of(self, path: Path) -> str:
        return self._symbol or naming.symbol_of(path)

    def _portions(self, converter: binary.Converter, chunk: np.ndarray, base: int, after: int) -> list[Portion]:
        """Rows of the next records that lie behind a position. base: what their file's positions stand on."""
        portions: list[Portion] = []
        for item in converter.convert(chunk):
            if isinstance(item, Batch):
                positions = base + item.row
                keep = (positions > after) & (item.columns["ts_event"] >= self._since_ns)
                columns, positions = item.columns, positions
                if not keep.all():
                    columns = {name: values[keep] for name, values in columns.items()}
                    positions = positions[keep]
                for at in range(0, positions.size, MOST_ROWS):
                    part = {name: values[at : at + MOST_ROWS] for name, values in columns.items()}
                    portions.append((Arrival(item.table, item.symbol, part, positions[at : at + MOST_ROWS]),))
            elif isinstance(item, Reject) and base + item.row > after:
                self.rejects.add(item)
        return portions


class SierraTrades(_Growing):
    """The trades of a growing `.scid` file. A position is the record's number in the file, from 1.

    symbol: the contract; without it, what the file's name begins with. price_multiplier: points per stored price.
    since_ns: trades before it are left out. The file may not exist yet.
    """

    async def portions(self, after: int) -> AsyncIterator[Portion]:
        """See `Feed`; never ends. Raises SourceError when the file is of another kind, shrinks or is rewritten."""
        converter = scid.Trades(self._path, self._symbol_of(self._path), self._multiplier)
        tail = Tail(self._path, converter.layout)
        try:
            while not tail.begin():
                await self._wait(f"{self._path}: not there yet, or its header is not complete")
            self.connected, self.trouble = True, ""
            since_us = self._since_ns // 1000 - naming.EPOCH_US
            converter.records = tail.first_at(since_us - _BURST_US, _time_us) if self._since_ns else 0
            tail.skip(converter.records)
            while True:
                chunk = tail.read()
                if not chunk.size:
                    await self._wait()
                    continue
                for portion in self._portions(converter, chunk, 0, after):
                    yield portion
                    await asyncio.sleep(0)
        finally:
            self.connected = False
            tail.close()


class SierraDepth(_Growing):
    """The book of `.depth` files: one file, or a folder where each UTC day gets its own.

    A position is the UTC day (counted from 1970, 0 when the file's name has no date) times 2^32 plus the number of the
    record that ended the batch, so that older files may go. since_ns: files of UTC days before it are not read, nor
    are rows before it given. symbol: the contract; in a folder with files of several, the beginning of the names of
    those to follow.
    """

    @property
    def _alone(self) -> bool:
        return self._path.suffix.lower() == ".depth"

    async def portions(self, after: int) -> AsyncIterator[Portion]:
        """See `Feed`; never ends. A file is left when the next day's has begun and nothing more is in it.

        Raises SourceError when a file is of another kind, shrinks or is rewritten, and when the folder's files belong
        to several contracts.
        """
        day = max(after >> 32, self._since_ns // DAY) - 1
        try:
            while True:
                following = (_day_of(self._path), self._path) if self._alone else self._next(day)
                if following is None:
                    await self._wait(f"{self._path}: no .depth file yet")
                    continue
                day, path = following
                async with contextlib.aclosing(self._file(path, day, after)) as portions:
                    async for portion in portions:
                        yield portion
        finally:
            self.connected = False

    async def _file(self, path: Path, day: int, after: int) -> AsyncGenerator[Portion]:
        converter = depth.Book(path, self._symbol_of(path), self._multiplier)
        tail = Tail(path, converter.layout)
        try:
            while not tail.begin():
                await self._wait(f"{path}: not there yet, or its header is not complete")
            self.connected, self.trouble = True, ""
            quiet = 0
            while quiet <= PATIENCE:
                ended = self._has_successor(day)
                chunk = tail.read()
                if chunk.size:
                    for portion in self._portions(converter, chunk, day << 32, after):
                        yield portion
                        await asyncio.sleep(0)
                elif ended and not tail.left_over():
                    return
                else:
                    quiet += ended
                    await self._wait()
            self.gaps += 1
            self.trouble = f"{path}: the next day has begun, and this ends inside a record"
        finally:
            tail.close()

    def _has_successor(self, day: int) -> bool:
        """Whether the next file has a header. Asked before the last look at this one, so that nothing is missed."""
        following = None if self._alone else self._next(day)
        if following is None:
            return False
        tail = Tail(following[1], depth.LAYOUT)
        try:
            return tail.begin()
        finally:
            tail.close()

    def _next(self, day: int) -> tuple[int, Path] | None:
        """The first file of a later day in the folder."""
        try:
            found = [path for path in self._path.iterdir() if _DATE.search(path.name)]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SourceError(f"{self._path}: cannot be read: {error.strerror}") from error
        names = sorted({naming.symbol_of(path) for path in found})
        if len(names) > 1:
            wanted = (self._symbol or "").upper()
            if wanted not in names:
                raise SourceError(
                    f"{self._path}: depth files of {', '.join(names)}: give one of these as the feed's symbol"
                )
            found = [path for path in found if naming.symbol_of(path) == wanted]
        return min(((_day_of(path), path) for path in found if _day_of(path) > day), default=None)


def _day_of(path: Path) -> int:
    """The UTC day a file is named after, counted from 1970; 0 for none.

    >>> _day_of(Path("ESH22_FUT_CME.2022-01-24.depth"))
    19016
    """
    named = _DATE.search(path.name)
    return (datetime.date.fromisoformat(named[1]) - _EPOCH).days if named else 0
