"""The quick way of one event: of the only feed of prices, or a row of an index.

One compiled call takes a price through screening, engine and the scorer of the first version (`mia_ml.single`), and
before it the rows of an index that waited for it, which are in a queue of the same call; whoever else there is follows.
What is in the queue waits in the merge as well, like everything that waits. When the merge has changed otherwise the
queue is filled again; where it cannot hold all that waits, the merge says what goes before a price.
"""

import numpy as np

from mia_ml.features.live import Packer
from mia_ml.features.stream import copied
from mia_ml.features.tape import Tape
from mia_ml.single.kernels import QUEUE, SCREENED_OUT
from mia_ml.single.road import Queue, Road, Source
from serving.day.rail import Rail, Verdict
from serving.intake.arrivals import Arrivals, Lane
from serving.intake.events import PRICED, RECORD
from serving.intake.tape import tape_of

_NOTHING = "nothing"
"""In place of a table, of the road that rehearsals take."""


class Quick:
    """arrivals: of the day. rails: what they are for; the list may change between two events."""

    def __init__(self, arrivals: Arrivals, rails: list[Rail]) -> None:
        self._arrivals = arrivals
        self._rails = rails
        self._packer = Packer()
        self._roads: dict[tuple[str, Lane | None], Road] = {}
        self._queue = Queue()
        self._again = {table: np.zeros(1, RECORD[table]) for table in RECORD if table not in PRICED}
        self._is_whole = True
        """Whether all that waits in the merge is in the queue."""
        self._known = 0
        """Changes of the merge when that was said."""

    def take(self, lane: Lane, table: str, position: int, ts: int) -> tuple[int, list[Verdict]]:
        """The price in a slot of the arrivals: its reason, 0 when it may enter, and what it closed."""
        arrivals, rails = self._arrivals, self._rails
        merge, rail, road = arrivals.merge, rails[0], self._road(table, lane)
        if merge.changes != self._known:
            self._fill()
        waited = ts >= merge.earliest
        if ts > rail.engine.close_ns or (waited and not self._is_whole):
            return self._take_apart(road, lane, table, position, ts)
        closed = road.take()
        if closed < 0:
            arrivals.keep(lane, table, position, closed - SCREENED_OUT)
            return closed - SCREENED_OUT, []
        verdicts = rail.closed(road, closed) if closed else []
        arrivals.keep(lane, table, position, 0)
        arrivals.frontier = ts
        if len(rails) > 1:
            verdicts += self._others(tape_of(merge.release(ts)) if waited else None, ts)
        elif waited:
            merge.forgo(ts)
        if waited:
            self._known = merge.changes
        return 0, verdicts

    def wait(self, lane: Lane, table: str, position: int, counts: int) -> int:
        """The row of an index in a slot, which counts from a moment on: its reason, 0 when it waits for a price."""
        arrivals, merge, road = self._arrivals, self._arrivals.merge, self._road(table, lane)
        if merge.changes != self._known:
            self._fill()
        holds = self._is_whole and not self._queue.is_full
        reason = road.wait() if holds else road.screen()
        arrivals.keep(lane, table, position, reason)
        if not reason:
            merge.add_row(table, copied(arrivals.slots[table]), counts)
            self._is_whole, self._known = holds, merge.changes
        return reason

    def rehearse(self) -> list[Verdict]:
        """The close of the bar under way by the ways that it will take. Nothing is changed by it."""
        first = self._rails[0].rehearse(self._road(_NOTHING, None))
        return first + [verdict for rail in self._rails[1:] for verdict in rail.rehearse()]

    def _fill(self) -> None:
        """Have in the queue what waits in the merge, if it can be there."""
        self._queue.clear()
        rows = self._arrivals.merge.index_rows(QUEUE)
        for table, record in rows or ():
            self._again[table][:] = record
            self._road(table, None).wait()
        self._is_whole, self._known = rows is not None, self._arrivals.merge.changes

    def _take_apart(self, road: Road, lane: Lane, table: str, position: int, ts: int) -> tuple[int, list[Verdict]]:
        """The same a step at a time: a day that opens with it, or something before it that is not in the queue."""
        reason = road.screen()
        self._arrivals.keep(lane, table, position, reason)
        if reason:
            return reason, []
        self._arrivals.frontier = ts
        before = tape_of(self._arrivals.merge.release(ts))
        self._fill()
        first = self._rails[0]
        verdicts = first.run(before) + first.open(ts)
        verdicts += first.closed(road, road.run())
        return 0, verdicts + self._others(before, ts)

    def _others(self, before: Tape | None, ts: int) -> list[Verdict]:
        """What an event at `ts` closes on the other rails, and what goes before it."""
        verdicts = []
        for rail in self._rails[1:]:
            if before is not None:
                verdicts += rail.run(before)
            verdicts += rail.push(self._packer.record, ts)
        return verdicts

    def _road(self, table: str, lane: Lane | None) -> Road:
        """Of the first rail's engine and its first version, whoever they are now. Without a lane: of rows that were
        screened when they came."""
        rail = self._rails[0]
        road = self._roads.get((table, lane))
        if road is None or road.engine is not rail.engine or road.scorer is not rail.contenders[0].scorer:
            source, queue = None, None
            if table != _NOTHING:
                screen = self._arrivals.screen_of(lane, table) if lane is not None and not lane.screened else None
                slot = self._again[table] if lane is None else self._arrivals.slots[table]
                source, queue = Source(table, slot, screen, self._arrivals.session), self._queue
            road = Road(rail.engine, rail.contenders[0].scorer, self._packer.record, source, queue)
            self._roads[table, lane] = road
        return road
