"""Decisions to everybody who listens: the publisher never waits.

One to whom nothing is on its way is sent a decision at once, as a frame that is made once for all. Else it waits in
the listener's queue. One whose queue is full is let go, with the number of the last decision that it was sent: it comes
back with `since` and misses nothing. Decisions that a listener has had already, from the journal, are passed over by
their number, so that going from the journal to live makes neither a gap nor a doubling: a decision is in the journal
before it is published. A status is dropped where something else is waiting: the next one says more.
"""

import asyncio
import collections
from collections.abc import Callable
from typing import NamedTuple

from serving.app import sockets
from serving.app.metrics import Metrics

Push = Callable[[bytes], bool]
"""Sends a frame at once, or says that it cannot."""


class Message(NamedTuple):
    """number: of a decision, 0 for a status. frame: the text as it goes over a WebSocket."""

    number: int
    text: str
    frame: bytes

    @classmethod
    def of(cls, number: int, text: str) -> "Message":
        return cls(number, text, sockets.frame(text.encode()))


class Listener:
    """One who listens. most: messages it may be behind. cursor: number of the last decision it has been sent, kept by
    who sends. let_go: called with it, once, when it is further behind than that."""

    def __init__(self, most: int, cursor: int, let_go: "Callable[[Listener], None]", push: Push) -> None:
        self.cursor = cursor
        self._most = most
        self._let_go = let_go
        self._push = push
        self._idle = False
        """Whether nothing is on its way to it."""
        self._waiting: collections.deque[tuple[int, str]] = collections.deque()
        self._offered = cursor
        self._open = True
        self._news = asyncio.Event()

    def offer(self, message: Message) -> bool:
        """False when it is let go for it. A decision that it has been offered before is passed over."""
        number = message.number
        if number <= self._offered:
            return True
        if self._idle and self._push(message.frame):
            self._offered = self.cursor = number
            return True
        if len(self._waiting) >= self._most:
            self._waiting.clear()
            self.close()
            self._let_go(self)
            return False
        self._offered = number
        self._put(number, message.text)
        return True

    def glance(self, message: Message) -> bool:
        """Offer a status; False when it was dropped."""
        if self._waiting:
            return False
        if not (self._idle and self._push(message.frame)):
            self._put(self._offered, message.text)
        return True

    def close(self) -> None:
        """It is given what is waiting, and nothing more."""
        self._open = self._idle = False
        self._news.set()

    async def next(self) -> tuple[int, str] | None:
        """The next message and the cursor that it makes; None when there will be none."""
        while not self._waiting:
            if not self._open:
                return None
            self._news.clear()
            self._idle = True
            await self._news.wait()
        return self._waiting.popleft()

    def _put(self, number: int, text: str) -> None:
        self._idle = False
        if self._open:
            self._waiting.append((number, text))
            self._news.set()


class Hub:
    """Where decisions are published. queue: messages a listener may be behind."""

    def __init__(self, queue: int, metrics: Metrics) -> None:
        self._queue = queue
        self._metrics = metrics
        self._listeners: set[Listener] = set()
        self._watchers: set[asyncio.Event] = set()

    def __len__(self) -> int:
        return len(self._listeners)

    def publish(self, number: int, line: bytes) -> None:
        """A decision as its line in the journal, which has it already. number: greater than any before."""
        message = Message.of(number, decision(line))
        for listener in list(self._listeners):
            if not listener.offer(message):
                self._metrics.let_go.inc()
                self.leave(listener)
        for news in self._watchers:
            news.set()

    def status(self, text: str) -> None:
        """To those who are up to date."""
        message = Message.of(0, text)
        for listener in self._listeners:
            if not listener.glance(message):
                self._metrics.status_dropped.inc()

    def join(self, cursor: int, let_go: Callable[[Listener], None], push: Push) -> Listener:
        """A listener from now on, who has had the decisions up to number `cursor`: between the last look at the
        journal and this call nothing may be awaited."""
        listener = Listener(self._queue, cursor, let_go, push)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def close(self) -> None:
        """Every listener is given what is waiting for it, and nothing more."""
        for listener in self._listeners:
            listener.close()

    def watch(self) -> asyncio.Event:
        """Set whenever something is published, for one who reads the journal at leisure."""
        news = asyncio.Event()
        self._watchers.add(news)
        return news

    def unwatch(self, news: asyncio.Event) -> None:
        self._watchers.discard(news)


def decision(line: bytes) -> str:
    """A line of the journal as it is sent.

    >>> decision(b'{"number":17,"version":"mia-ml/3"}')
    '{"type":"decision","number":17,"version":"mia-ml/3"}'
    """
    return '{"type":"decision",' + line.strip().removeprefix(b"{").decode()
