"""The quick way of one event: of the only feed of prices, or a row of an index.

One compiled call takes a price through screening, engine and the scorer of the first version (`mia_ml.single`), and
before it the rows of an index that waited for it, which are in a queue of the same call; whoever else there is follows.
What is in the queue waits in the merge as well, like everything that waits: as long as nothing else does, and the
merge has not changed otherwise, the two are the same. Else the merge says what goes before a price.
"""

from mia_ml.features.live import Packer
from mia_ml.features.stream import copied
from mia_ml.features.tape import Tape
from mia_ml.single.kernels import SCREENED_OUT
from mia_ml.single.road import Queue, Road, Source
from serving.day.rail import Rail, Verdict
from serving.intake.arrivals import Arrivals, Lane
from serving.intake.merge import FOREVER
from serving.intake.tape import tape_of


class Quick:
    """arrivals: of the day. rails: what they are for; the list may change between two events."""

    def __init__(self, arrivals: Arrivals, rails: list[Rail]) -> None:
        self._arrivals = arrivals
        self._rails = rails
        self._packer = Packer()
        self._roads: dict[tuple[str, Lane | None], Road] = {}
        self._queue = Queue()
        self._known = 0
        """Changes of the merge when all that waited in it was in the queue."""

    def take(self, lane: Lane, table: str, position: int, ts: int) -> tuple[int, list[Verdict]]:
        """The price in a slot of the arrivals: its reason, 0 when it may enter, and what it closed."""
        arrivals, rails = self._arrivals, self._rails
        merge, rail, road = arrivals.merge, rails[0], self._road(table, lane)
        waited = ts >= merge.earliest
        if ts > rail.engine.close_ns or (merge.changes != self._known and not self._catch_up() and waited):
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
        arrivals, merge = self._arrivals, self._arrivals.merge
        known = (merge.changes == self._known or self._catch_up()) and not self._queue.is_full
        road = self._road(table, lane)
        reason = road.wait() if known else road.screen()
        arrivals.keep(lane, table, position, reason)
        if not reason:
            merge.add_row(table, copied(arrivals.slots[table]), counts)
            if known:
                self._known = merge.changes
        return reason

    def rehearse(self) -> list[Verdict]:
        """The close of the bar under way by the ways that it will take. Nothing is changed by it."""
        first = self._rails[0].rehearse(self._road("nothing", None))
        return first + [verdict for rail in self._rails[1:] for verdict in rail.rehearse()]

    def _catch_up(self) -> bool:
        """The merge has changed: whether nothing waits there, as in the queue."""
        self._queue.clear()
        if self._arrivals.merge.earliest == FOREVER:
            self._known = self._arrivals.merge.changes
        return self._known == self._arrivals.merge.changes

    def _take_apart(self, road: Road, lane: Lane, table: str, position: int, ts: int) -> tuple[int, list[Verdict]]:
        """The same a step at a time: a day that opens with it, or something before it that is not in the queue."""
        reason = road.screen()
        self._arrivals.keep(lane, table, position, reason)
        if reason:
            return reason, []
        self._arrivals.frontier = ts
        self._queue.clear()
        self._known = -1
        before = tape_of(self._arrivals.merge.release(ts))
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
        """Of the first rail's engine and its first version, whoever they are now."""
        rail = self._rails[0]
        road = self._roads.get((table, lane))
        if road is None or road.engine is not rail.engine or road.scorer is not rail.contenders[0].scorer:
            source, queue = None, None
            if lane is not None:
                screen = None if lane.screened else self._arrivals.screen_of(lane, table)
                source, queue = Source(table, self._arrivals.slots[table], screen, self._arrivals.session), self._queue
            road = Road(rail.engine, rail.contenders[0].scorer, self._packer.record, source, queue)
            self._roads[table, lane] = road
        return road
