"""What a feed is: a source of market events that can be asked again for everything behind a position.

A feed numbers its events. The numbers (positions) increase in event order, are the same each time the source is read,
and need not be consecutive. Whoever restarts asks `portions(after)` with the last position it has safe and misses
nothing, and nothing comes twice. A source that keeps state (a book, the fills of one order) is read from its start
again, and what is not behind `after` is dropped.

To write one: subclass `BaseFeed`, set `screened`, write `portions` as an async generator, and hand out rows in portions
of at most `MOST_ROWS` with `await asyncio.sleep(0)` in between, so that the other tasks of the loop are not held up.
Work of more than some milliseconds belongs into a thread (`serving.feeds.replaying.in_thread`).
`tests/serving/feeds/contract.py` is what every feed must pass.

Event order is that of `features.tape`: by time, then bars < late < vix < options < trades < book, then as the source
has them. Rows of a table that run backwards in time stay where the source has them: they are refused downstream, as
ingest refuses them.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mia_ml.core.tables import Columns, Reject

MOST_ROWS = 4096
"""Of one portion, over all of its tables."""
MOST_REJECTS = 1000
"""Held for whoever drains them."""


@dataclass(frozen=True)
class Arrival:
    """Rows of one table and symbol from a feed, in its order.

    table: of `serving.intake.events.TABLES`. columns: canonical, with the dtypes of `core.tables.SCHEMAS`, each [n];
    sorted by `ts_event`, except that a late row stands where it arrived (`ts_recv`). positions: int64 [n], from 1,
    increasing; those of another Arrival of the same portion lie between them where its events do.
    """

    table: str
    symbol: str
    columns: Columns
    positions: np.ndarray


Portion = tuple[Arrival, ...]
"""One span of event time: all events of the feed in it. The next portion holds later (or equal) ones."""


class Rejects(list[Reject]):
    """Vendor rows that could not become canonical ones, for the service to take; at most `MOST_REJECTS` are held.

    total: all that there ever were.

    >>> rejects = Rejects()
    >>> for row in range(MOST_REJECTS + 5):
    ...     rejects.add(Reject("a.scid", row, "no price", ""))
    >>> rejects.total, len(rejects.drain()), len(rejects)
    (1005, 1000, 0)
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def add(self, reject: Reject) -> None:
        self.total += 1
        if len(self) < MOST_REJECTS:
            self.append(reject)

    def drain(self) -> list[Reject]:
        """What is held, which then is held no more."""
        taken = self[:]  # a thread may add meanwhile
        del self[: len(taken)]
        return taken


class Feed(Protocol):
    """A source of events.

    name: stable across restarts, [A-Za-z0-9._-]{1,40}. screened: True for canonical rows that an ingest has screened,
    False for raw vendor rows. rejects: what was refused before it was a
    row; what is read again is refused again. connected: whether its source is there
    now. gaps: how often it is known to have missed events. trouble: the last thing that went wrong, one line, or
    nothing; the feed goes on.
    """

    name: str
    screened: bool
    rejects: Rejects
    connected: bool
    gaps: int
    trouble: str

    def portions(self, after: int) -> AsyncIterator[Portion]:
        """The events behind position `after` (0: all), then those still to come, or the end of a replay.

        Raises MiaError with one line when the source can give no more: a file that was rewritten, a key that is not
        accepted. Closing the iterator closes whatever it has open. One iterator at a time.
        """


class BaseFeed:
    """The attributes of a Feed that has just been made."""

    screened = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.rejects = Rejects()
        self.connected = False
        self.gaps = 0
        self.trouble = ""
