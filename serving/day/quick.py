"""The quick way of one event of the only feed of prices.

One compiled call takes it through screening, engine and the scorer of the first version (`mia_ml.single`); whoever else
there is follows. Rows of an index that waited for it go just before it, one by one, since they are few.
"""

from mia_ml.features import live
from mia_ml.features.levels import OPTION, VIX
from mia_ml.features.live import Packer
from mia_ml.single.kernels import SCREENED_OUT
from mia_ml.single.road import Road, Source
from serving.day.rail import Rail, Verdict
from serving.intake import event_order as feed
from serving.intake import events
from serving.intake.arrivals import Arrivals, Lane
from serving.intake.events import RECORD
from serving.intake.merge import Found

FEW = 16
"""Portions of an index that wait, up to which they are made ready beforehand."""
Moment = tuple[int, int, int, tuple[float, ...]]
"""Of a row of an index: ns UTC, rank among those of one time, kind, and its fields unless it came late."""
_FIELDS = {live.OPTIONS: "options", live.VIX_VALUE: "vix"}
_INDEX = {
    table: (kind, [(RECORD[table].names or ()).index(name) for name in fields.names or ()])
    for table, kind, fields in (("options", live.OPTIONS, OPTION), ("vix", live.VIX_VALUE, VIX))
}
"""Kind of an index table, and where its fields stand in a RECORD."""
_CAME, _REASON, _TS = ((RECORD["vix"].names or ()).index(name) for name in ("ts_recv", "reason", "ts_event"))
_RANK = dict(zip(feed.KINDS, feed.RANKS, strict=True))


class Quick:
    """arrivals: of the day. rails: what they are for; the list may change between two events."""

    def __init__(self, arrivals: Arrivals, rails: list[Rail]) -> None:
        self._arrivals = arrivals
        self._rails = rails
        self._packer = Packer()
        self._roads: dict[tuple[str, Lane | None], Road] = {}
        self._due: list[Moment] = []
        self._seen = -1

    def take(self, lane: Lane, table: str, position: int, ts: int) -> tuple[int, list[Verdict]]:
        """The event in a slot of the arrivals: its reason, 0 when it may enter, and what it closed."""
        arrivals, rails = self._arrivals, self._rails
        rail, road = rails[0], self._road(table, lane)
        if ts < arrivals.merge.earliest and ts <= rail.engine.close_ns:
            closed = road.take()
            if closed < 0:
                arrivals.keep(lane, table, position, ts, closed - SCREENED_OUT)
                return closed - SCREENED_OUT, []
            arrivals.keep(lane, table, position, ts, 0)
            verdicts = rail.closed(road, closed) if closed else []
        else:
            reason = road.screen()
            arrivals.keep(lane, table, position, ts, reason)
            if reason:
                return reason, []
            verdicts = self._before(ts) + rail.open(ts)
            verdicts += rail.closed(road, road.run())
        if len(rails) > 1:
            verdicts += [verdict for rail in rails[1:] for verdict in rail.push(self._packer.record, ts)]
        return 0, verdicts

    def rehearse(self) -> list[Verdict]:
        """The close of the bar under way by the ways that it will take. Nothing is changed by it."""
        first = self._rails[0].rehearse(self._road("index", None))
        return first + [verdict for rail in self._rails[1:] for verdict in rail.rehearse()]

    def prepare(self) -> None:
        """Have the rows of an index that wait ready for the event that they wait for, if they are few: a feed far ahead
        of the prices is not gone through again with each row."""
        if self._arrivals.merge.arrived <= FEW:
            self._make_ready()

    def _make_ready(self) -> None:
        merge = self._arrivals.merge
        if self._seen != merge.changes and not merge.prices_wait:
            self._due, self._seen = moments_of(merge.waiting()), merge.changes

    def _before(self, ts: int) -> list[Verdict]:
        if self._arrivals.merge.earliest > ts:
            return []
        self._make_ready()
        road, packer, verdicts = self._road("index", None), self._packer, list[Verdict]()
        while self._due and self._due[0][0] <= ts:
            at, _, kind, values = self._due.pop(0)
            packer.moment(kind, at)
            if kind in _FIELDS:
                packer.record[_FIELDS[kind]][0, 0] = values
            if at > self._rails[0].engine.close_ns:
                verdicts += self._rails[0].push(packer.record, at)
            else:
                verdicts += self._rails[0].closed(road, road.run())
            verdicts += [verdict for rail in self._rails[1:] for verdict in rail.push(packer.record, at)]
        self._arrivals.merge.forgo(ts)
        self._seen = self._arrivals.merge.changes
        return verdicts

    def _road(self, table: str, lane: Lane | None) -> Road:
        """Of the first rail's engine and its first version, whoever they are now."""
        rail = self._rails[0]
        road = self._roads.get((table, lane))
        if road is None or road.engine is not rail.engine or road.scorer is not rail.contenders[0].scorer:
            source = None
            if lane is not None:
                screen = None if lane.screened else self._arrivals.screen_of(lane, table)
                source = Source(table, self._arrivals.slots[table], screen, self._arrivals.session)
            road = Road(rail.engine, rail.contenders[0].scorer, self._packer.record, source)
            self._roads[table, lane] = road
        return road


def moments_of(waiting: Found) -> list[Moment]:
    """Rows of an index in event order."""
    found: list[Moment] = []
    for table, records in waiting.items():
        kind, at = _INDEX[table]
        for record in records.tolist():
            ts, came, reason = record[_TS], record[_CAME], record[_REASON]
            if reason == events.LATE:
                found.append((came, _RANK[live.LATE], live.LATE, ()))
            else:
                found.append((ts, _RANK[kind], kind, tuple(record[k] for k in at)))
    return sorted(found, key=lambda each: each[:2])
