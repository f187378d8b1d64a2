"""Recorded events handed out at the pace they happened, or a multiple of it, or as fast as they are taken."""

import abc
import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import TypeVar

import numpy as np

from mia_ml.core.moments import NS
from serving.feeds.feed import MOST_ROWS, BaseFeed, Portion
from serving.feeds.merge import Block

SMOOTH_S = 0.02
"""Wall time that a paced portion spans at most: events come this much after their moment or less."""

T = TypeVar("T")


async def in_thread(steps: Iterator[T]) -> AsyncGenerator[T]:
    """What an iterator yields, each step taken in a thread. Closing this closes it, when its step is over."""
    try:
        while True:
            step = asyncio.ensure_future(asyncio.to_thread(next, steps, None))
            try:
                found = await asyncio.shield(step)
            except asyncio.CancelledError:
                await asyncio.wait([step])
                raise
            if found is None:
                return
            yield found
    finally:
        close = getattr(steps, "close", None)
        if close is not None:
            close()


async def replay(blocks: Iterator[Block], after: int, pace: float) -> AsyncGenerator[Portion]:
    """The events behind a position. pace: times real time by event time from the first of them; 0 waits for nothing."""
    clock = asyncio.get_running_loop().time
    began_s, began_ns = 0.0, None
    async with contextlib.aclosing(in_thread(blocks)) as read:
        async for block in read:
            for first, end in _cuts(block, after, pace):
                if pace:
                    due_ns = int(block.when[end - 1 - block.first])
                    if began_ns is None:
                        began_s, began_ns = clock(), int(block.when[first - block.first])
                    await asyncio.sleep(max(0.0, began_s + (due_ns - began_ns) / (NS * pace) - clock()))
                else:
                    await asyncio.sleep(0)
                yield block.part(first, end)


def _cuts(block: Block, after: int, pace: float) -> Iterator[tuple[int, int]]:
    """Where portions begin and end, in positions."""
    skipped = max(0, after + 1 - block.first)
    if skipped >= block.when.size:
        return
    edges = np.arange(skipped, block.when.size, MOST_ROWS)
    if pace:
        span = block.when // max(1, int(SMOOTH_S * pace * NS))
        edges = np.union1d(edges, np.flatnonzero(span[1:] != span[:-1]) + 1)
        edges = edges[edges >= skipped]
    ends = np.append(edges[1:], block.when.size)
    for first, end in zip(edges.tolist(), ends.tolist(), strict=True):
        yield block.first + first, block.first + end


class Recording(BaseFeed, abc.ABC):
    """A feed whose events are all there already; a kind of it says in `_blocks` which they are.

    pace: times real time, 0 as fast as they are taken.
    """

    def __init__(self, name: str, pace: float) -> None:
        super().__init__(name)
        self._pace = pace

    async def portions(self, after: int) -> AsyncIterator[Portion]:
        """See `Feed`. Raises MiaError where the recording cannot be read, or breaks its contract."""
        self.connected = True
        try:
            async with contextlib.aclosing(replay(self._blocks(), after, self._pace)) as portions:
                async for portion in portions:
                    yield portion
        finally:
            self.connected = False

    @abc.abstractmethod
    def _blocks(self) -> Iterator[Block]:
        """All of them, in order."""
