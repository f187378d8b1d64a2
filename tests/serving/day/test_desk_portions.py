"""The desk and whole portions of a feed, feeds that wait for each other, and a day that is begun from the store."""

import numpy as np

from mia_ml.core.moments import NONE
from serving.day.trading_day import record_of
from serving.intake import wire
from serving.intake.rows import Rows
from tests.serving.day.wall_days import changed
from tests.serving.listening import Listener, started


def rows_of(world, n, **values):
    """The first n prints as rows of a table."""
    trades = [e for e in world.events if type(e) is wire.Trade][:n]
    found = np.concatenate([record_of(changed(e, position=k, **values), 0, NONE)[1] for k, e in enumerate(trades, 1)])
    return Rows("trades", trades[0].symbol, found)


def test_rows_of_a_portion_that_are_none_of_the_day_are_refused_and_the_others_are_not(rolling, desk):
    rows = rows_of(rolling, 10)
    rows.records["price"][3] += 0.1
    other = Rows("trades", "ESZ9", rows_of(rolling, 14).records[10:])
    desk.take_portion("file", False, [rows, other])
    health = desk.feeds.feed("file")
    assert desk.resume_after("file") == 14
    assert health.events == 14
    assert dict(health.refused) == {
        "price off the tick grid": 1,
        "another contract than the one that is traded, ESH4": 4,
    }
    desk.take_portion("file", False, [Rows("trades", "ESH4", rows_of(rolling, n).records[n - 1 :]) for n in (16, 15)])
    printed = desk.day.take_prints()
    assert printed.tape["price"].size == 9 + 2
    assert (np.diff(printed.tape["ts_event"]) >= 0).all()
    assert printed.bars == []
    assert desk.day.take_prints().tape["price"].size == 0


def test_a_feed_that_is_about_to_leave_the_day_waits_for_one_that_has_not(rolling, tmp_path):
    desk = rolling.desk(tmp_path, hold_ms=3_600_000)
    assert not desk.awaits_others("one", rolling.days[0].close_ns + 1)
    rows = rows_of(rolling, 20)
    desk.take_portion("one", True, [rows])
    beyond = desk.day.arrivals.close_ns + 1
    assert not desk.awaits_others("one", beyond)  # there is nobody else
    desk.take_portion("two", True, [Rows("trades", "ESH4", rows_of(rolling, 25).records[20:])])
    assert desk.awaits_others("one", beyond)
    assert not desk.awaits_others("one", beyond - 1)
    assert not desk.awaits_others("three", beyond)
    desk.connected("two", False)
    desk.day.arrivals.merge._hold_ns = 0  # its silence has been long enough
    desk.tick()
    assert not desk.awaits_others("one", beyond)


def test_a_day_that_is_begun_in_its_middle_stands_on_what_the_store_has_of_it(rolling, tmp_path):
    """What the store's rows led to is told to nobody; what comes behind them is decided as if all had been heard."""
    listener = Listener()
    desk = rolling.desk(tmp_path, publish=[listener])
    at = int(np.searchsorted(desk.core.fleet.market.sessions["day"], rolling.days[0].day))
    head, rest = rolling.events[:4000], rolling.events[4000:6000]
    stored = {}
    for e in head:
        table, record = record_of(e, 0, NONE)
        stored.setdefault((table, e.symbol), []).append(record)
    rows = [Rows(table, symbol, np.concatenate(parts)) for (table, symbol), parts in stored.items()]
    desk.open_day(at, stored=rows)
    assert listener.lines == []
    reached = desk.day.rails[0].engine.last_close_ns
    desk.take("ws", rest, 0)
    wanted = [
        line for line, ts in zip(rolling.lines, rolling.research.rows["ts"].tolist(), strict=True) if ts > reached
    ]
    assert listener.of("mia-ml/1") == wanted[: len(listener.lines)]
    assert len(listener.lines) > 50
    before = list(listener.lines)
    started(rolling, tmp_path, listener)  # and a start leaves it at that
    assert listener.lines == before
