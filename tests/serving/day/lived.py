"""A trading day that is fed an event at a time or in portions, what may happen on it, and its events."""

import functools

import numpy as np

from mia_ml.core import calendar
from mia_ml.core.moments import MINUTE, NONE
from serving.day import swap
from serving.day.rail import CHAMPION, SHADOW, Contender, Rail, key_of
from serving.day.trading_day import TABLE_OF, TradingDay, record_of
from serving.intake import wire
from serving.intake.merge import FOREVER
from serving.intake.tape import tape_of
from tests.features import market
from tests.scoring import small
from tests.serving.intake.test_arrivals import CLOSE, HOLD, OPEN, SESSION, arrivals, logged
from tests.single import through

YESTERDAY = calendar.load("cme_globex", 2023, 2024).at(20240311)
START = OPEN + 1020 * MINUTE
OTHER = {"order_book_imbalance": {"top_weight": 0.3, "deep_weight": 0.7}}
SEATS = ([["a"]], [["a", "b"]], [["a"], ["c"]], [["a", "b"], ["c"]])
"""Versions on their rails: `b` has the features of `a`, `c` has others."""


# days and who is at work on them


@functools.cache
def content(name):
    plain = small.content(None)
    threshold = {**plain.confluence["threshold"], "base": 0.1 if name == "b" else 0.05}
    features = {**plain.features, **(OTHER if name == "c" else {})}
    return small.content(None, features=features, confluence={**plain.confluence, "threshold": threshold})


def contender(name):
    return Contender(name, "0" * 64, CHAMPION if name == "a" else SHADOW, "", content(name), content(name).scorer())


def rail_of(names, under_way):
    """Versions whose engine has seen the end of the day before, and two hours of this one if it is under way."""
    snapshot, rows = _seen(names[0], under_way)
    rail = Rail(through.engine(content(names[0]).engine_params()), [], [rows])
    rail.engine.restore(snapshot)
    for name in names:
        rail.join(contender(name))
    return rail


@functools.cache
def _seen(name, under_way):
    built = through.engine(content(name).engine_params())
    days = [market.tables(3, YESTERDAY, start_minute=1200, price=5100.0)]
    if under_way:
        days.append(market.tables(5, SESSION, start_minute=900, minutes=120, price=5100.0))
    rows = built.run(market.tape(*days), START if under_way else int(YESTERDAY["close_ns"]))
    return built.snapshot(), rows[rows["day"] == SESSION["day"]]


class Lived:
    """A trading day from START on, and what each version said of it. apart: how many events did not take the quick way.

    seats: names of versions by rail. under_way: whether it has begun.
    """

    def __init__(self, seats, under_way=True, latest=FOREVER):
        rails = [rail_of(names, under_way) for names in seats]
        into = arrivals("", "", latest=latest)
        into.closed(START if under_way else NONE)
        self.day = TradingDay(into, rails, "ES", lambda day, contract: None)
        self.said, self.apart, self.now, self.under_way = {}, 0, 0, under_way

    def one(self, feed, e):
        """As `Desk` takes one."""
        if not (lane := self._lane(feed, e)):
            return
        came, reason, verdicts = NONE if e.ts_recv is None else e.ts_recv, -1, []
        if type(e) is wire.Trade:
            reason, verdicts = self.day.trade(lane, e, came)
        elif type(e) is wire.Book:
            reason, verdicts = self.day.book(lane, e, came)
        else:
            reason = self.day.index(lane, e, came)
        if reason < 0:
            self.apart += 1
            table, record = record_of(e, lane.number, came)
            verdicts = self.day.portion(lane, {table: record}, self.now)
        self.hear(verdicts)

    def portion(self, feed, events):
        found = {}
        for e in events:
            if lane := self._lane(feed, e):
                table, record = record_of(e, lane.number, NONE if e.ts_recv is None else e.ts_recv)
                found.setdefault(table, []).append(record)
        if found:
            portion = {table: np.concatenate(parts) for table, parts in found.items()}
            self.hear(self.day.portion(self.day.lanes[feed], portion, self.now))

    def hear(self, verdicts):
        for by in verdicts:
            self.said.setdefault(by.contender.version, []).append(by.row.tobytes() + by.decision.tobytes())

    def end(self):
        self.hear(self.day.clock(CLOSE, self.now))
        return self

    def _lane(self, feed, e):
        lane = self.day.lanes.get(feed) or self.day.lane(feed, False)
        return None if self.day.refuses(TABLE_OF[type(e)], e.symbol, e.ts_event) else lane


def numbered(lived):
    """The numbers of all arrivals in a log, and the log without them."""
    found = {table: records.copy() for table, records in logged(lived.day.arrivals).items()}
    numbers = sorted(n for records in found.values() for n in records["number"].tolist())
    for records in found.values():
        records["number"] = 0
    return numbers, {table: records.tobytes() for table, records in found.items()}


def assert_same(one, other):
    assert one.said == other.said
    assert numbered(one) == numbered(other)
    assert one.day.arrivals.frontier == other.day.arrivals.frontier
    assert one.day.prints == other.day.prints
    assert len(one.day.rails) == len(other.day.rails)
    for own, theirs in zip(one.day.rails, other.day.rails, strict=True):
        assert own.engine.snapshot() == theirs.engine.snapshot()
        assert own.today().tobytes() == theirs.today().tobytes()
        scorers = [[by.scorer.snapshot() for by in rail.contenders] for rail in (own, theirs)]
        assert scorers[0] == scorers[1]


# what may happen between two events


def clock(until):
    return lambda lived: lived.hear(lived.day.clock(until, lived.now))


def rehearses(lived):
    for by in lived.day.rehearse():
        lived.said.setdefault(f"{by.contender.version} rehearsed", []).append(by.row.tobytes() + by.decision.tobytes())


def joins(name):
    """A version on the rail of its features, or on one of its own that has caught up."""

    def go(lived):
        rails = lived.day.rails
        if any(by.version == name for rail in rails for by in rail.contenders):
            return
        rail = next((rail for rail in rails if rail.key == key_of(content(name))), None)
        if rail is not None:
            rail.join(contender(name))
            return
        waits = lived.day.arrivals.merge.numbers()
        seen = {table: part[~np.isin(part["number"], waits)] for table, part in logged(lived.day.arrivals).items()}
        rails.append(rail_of([name], lived.under_way))
        rails[-1].run(tape_of(swap._sorted(seen)), rails[0].engine.last_close_ns)

    return go


def first_leaves(lived):
    rails = lived.day.rails
    if sum(len(rail.contenders) for rail in rails) > 1:
        rails[0].contenders = rails[0].contenders[1:]
        if not rails[0].contenders:
            del rails[0]


def goes(feed):
    """A feed has gone, and was waited for long enough."""

    def go(lived):
        if feed in lived.day.lanes:
            lived.day.arrivals.leave(lived.day.lanes[feed])
        lived.now += 2 * HOLD
        lived.hear(lived.day.wait_over(lived.now))

    return go


def unbegun_is_first(lived):
    """The rail of a version that has seen nothing of the day."""
    lived.day.rails.insert(0, rail_of(["c"], False))


def moves_to_another_engine(lived):
    """The first rail, to a copy of its own."""
    first = lived.day.rails[0]
    copy = through.engine(first.contenders[0].content.engine_params())
    copy.restore(first.engine.snapshot())
    lived.day.rails[0] = Rail(copy, first.contenders, first.rows)


# events


def trade(position, ts, came=None, price=None, size=1):
    price = 5100 + position % 5 / 4 if price is None else price
    return wire.Trade(
        position=position, symbol="ESM4", ts_event=ts, ts_recv=came, price=price, size=size, side=(-1) ** position
    )


def book(position, ts, came=None, bid=None, size=5):
    bid = 5100 + position % 3 / 4 if bid is None else bid
    return wire.Book(
        position=position,
        symbol="ESM4",
        ts_event=ts,
        ts_recv=came,
        bid_px=[*(bid - k / 4 for k in range(4)), None],
        ask_px=[bid + (k + 1) / 4 for k in range(5)],
        bid_sz=[size, 1 + position % 7, 3, 2, 0],
        ask_sz=[1 + position % 5, 4, 4, 4, 4],
    )


def options(position, ts, came=None, volume=None):
    walls = {"underlying_px": 5060.0, "call_wall": 5080.0 + position % 9, "put_wall": 5040.0}
    flow = {"call_volume": float(position) if volume is None else volume, "put_volume": 3.0}
    return wire.Options(position=position, symbol="SPX", ts_event=ts, ts_recv=came, net_gex=1e9, **walls, **flow)


def vix(position, ts, came=None, value=None):
    value = 13 + position / 64 if value is None else value
    return wire.Vix(position=position, symbol="VIX", ts_event=ts, ts_recv=came, value=value)
