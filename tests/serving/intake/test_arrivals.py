"""What is judged on the way to the engine: the two ways in agree with each other and with ingest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core import calendar
from mia_ml.core.moments import MINUTE, NONE
from mia_ml.core.tables import Batch
from mia_ml.single.road import Road, Source
from mia_ml.store import rules
from mia_ml.store.rules import Rules
from mia_ml.store.screen import Screen
from serving.intake import events, wire
from serving.intake.arrivals import Arrivals
from serving.intake.events import BEHIND, FUTURE, LATE, RECORD
from serving.intake.journal import DayLog
from serving.intake.merge import FOREVER
from tests.single import through

SESSION = calendar.load("cme_globex", 2023, 2024).at(20240312)
OPEN, CLOSE = int(SESSION["open_ns"]), int(SESSION["close_ns"])
GRACE, HOLD, S = 250_000_000, 10**9, 1_000_000_000
THROUGH = through.engine(), through.scorer(), through.event()


def arrivals(tmp, contract="ESM4", limits=None, latest=FOREVER):
    log = DayLog(tmp, 20240312)  # in memory: nothing is flushed here
    log.about.contract = contract
    out = Arrivals(log, SESSION, limits or Rules(), GRACE, HOLD)
    out.latest_ns = latest
    out.closed(OPEN - 3600 * S)
    return out


def logged(of):
    return {table: np.frombuffer(bytes(data), RECORD[table]) for table, data in of.log._buffers.items() if data}


def trade(position, ts, price=5100.0, size=1, side=1, came=NONE):
    record = np.zeros(1, RECORD["trades"])
    record["position"], record["ts_event"], record["ts_recv"] = position, ts, came
    record["price"], record["size"], record["side"], record["sequence"] = price, size, side, position
    return "trades", record


def book(position, ts, bid=5100.0, ask=5100.25, size=5, came=NONE):
    record = np.zeros(1, RECORD["book"])
    record["position"], record["ts_event"], record["ts_recv"] = position, ts, came
    for level in range(5):
        record[f"bid_px_{level:02d}"], record[f"ask_px_{level:02d}"] = bid - level / 4, ask + level / 4
        record[f"bid_sz_{level:02d}"] = record[f"ask_sz_{level:02d}"] = size
    return "book", record


def vix(position, ts, value=13.0):
    record = np.zeros(1, RECORD["vix"])
    record["position"], record["ts_event"], record["ts_recv"], record["value"] = position, ts, NONE, value
    return "vix", record


def quick(into, lane, table, record):
    """By the quick way where there is one; what goes on, with the rows of an index that waited for it."""
    e, came = event(table, record[0]), int(record["ts_recv"][0])
    if table == "vix":
        counts = into.index(lane, table, e, came)
        if counts is not None:
            reason = screened(into, lane, table)
            into.keep(lane, table, e.position, reason)
            if not reason:
                into.merge.add_row(table, into.slots[table].copy(), counts)
            return True, {}
    elif (into.trade if table == "trades" else into.book)(lane, e, came):
        reason = screened(into, lane, table)
        into.keep(lane, table, e.position, reason)
        if reason:
            return True, {}
        into.frontier = e.ts_event
        return True, into.merge.release(e.ts_event) | {table: record}
    record["feed"] = lane.number
    return False, into.portion(lane, {table: record}, 0)


def event(table, e):
    """A RECORD as the event that a feed would have sent; an absent price is None there."""
    about = {"position": int(e["position"]), "symbol": "ESM4", "ts_event": int(e["ts_event"])}
    if table == "vix":
        return wire.Vix(**about, value=e["value"].item())
    if table == "trades":
        names = ("price", "size", "side", "sequence")
        return wire.Trade(**about, **{name: e[name].item() for name in names})
    levels = {
        name: [e[f"{name}_{k:02d}"].item() for k in range(5)] for name in ("bid_px", "ask_px", "bid_sz", "ask_sz")
    }
    for name in ("bid_px", "ask_px"):
        levels[name] = [None if price != price else price for price in levels[name]]
    return wire.Book(**about, **levels)


def screened(into, lane, table):
    screen = None if lane.screened else into.screen_of(lane, table)
    return Road(*THROUGH, Source(table, into.slots[table], screen, into.session)).screen()


PRICE = st.sampled_from((5100.0, 5100.25, 5099.5, 5101.0, 5100.1, 5400.0, 5401.0, 4800.0, np.nan, np.inf, -np.inf))
LATEST = OPEN + 3600 * S


@st.composite
def streams(draw, faults=True):
    """Events of one feed, mostly in order, with everything wrong that can be."""
    out, ts = [], OPEN - 2 * S
    for position in range(1, draw(st.integers(2, 40))):
        ts += draw(st.sampled_from((0, 1, S, 20 * S, MINUTE, 10 * MINUTE)))
        when = ts
        if faults:
            when += draw(st.sampled_from((0, 0, 0, 0, 0, 0, -1, -S, -30 * MINUTE, -600 * MINUTE, LATEST - ts + S)))
        came = draw(st.sampled_from((NONE, NONE, when, when + GRACE, when + GRACE + 1, when + MINUTE + GRACE)))
        came = came if faults else NONE
        kind = draw(st.sampled_from(("trades", "trades", "book", "book", "vix")))
        if kind == "trades":
            size = draw(st.sampled_from((1, 1, 3, 0, -2)))
            out.append(trade(position, when, draw(PRICE), size, draw(st.sampled_from((-1, 0, 1, 7))), came))
        elif kind == "book":
            bid = draw(PRICE)
            ask = bid + draw(st.sampled_from((0.25, 0.25, 0.5, 0.0, -0.25, np.nan)))
            out.append(book(position, when, bid, ask, draw(st.sampled_from((5, 5, 5, 0, -1))), came))
        else:
            out.append(vix(position, when, draw(st.sampled_from((13.0, 0.0, np.nan)))))
    return out


def copies(stream):
    return [(table, record.copy()) for table, record in stream]


@settings(max_examples=40, deadline=None)
@given(stream=streams(), latest=st.sampled_from((FOREVER, LATEST)))
def test_the_quick_way_and_portions_leave_the_same_records_and_let_the_same_on(stream, latest):
    one, two = arrivals("one", latest=latest), arrivals("two", latest=latest)
    a, b = one.lane("ws", False), two.lane("ws", False)
    went = []
    for (table, record), (_, other) in zip(copies(stream), copies(stream), strict=True):
        _, released = quick(one, a, table, record)
        expected = two.portion(b, {table: other}, 0)
        went.append((released, expected))
        assert one.frontier == two.frontier
        assert a.position == b.position
    found, wanted = logged(one), logged(two)
    assert found.keys() == wanted.keys()
    for table, records in wanted.items():
        assert found[table].tobytes() == records.tobytes()
    for released, expected in went:
        assert released.keys() == expected.keys()
        for table, records in expected.items():
            assert np.array_equal(released[table]["position"], records["position"])
            assert np.array_equal(released[table]["ts_event"], records["ts_event"])


@settings(max_examples=40, deadline=None)
@given(stream=streams(faults=False), data=st.data())
def test_portions_of_any_size_leave_the_same_reasons_as_ingest(stream, data):
    into = arrivals("one")
    lane = into.lane("ws", False)
    left = copies(stream)
    while left:
        n = data.draw(st.integers(1, len(left)))
        found = {}
        for table, record in left[:n]:
            found.setdefault(table, []).append(record)
        into.portion(lane, {table: np.concatenate(parts) for table, parts in found.items()}, 0)
        left = left[n:]
    for table, records in logged(into).items():
        whole = np.concatenate([record for own, record in stream if own == table])
        columns = events.columns(table, whole)
        symbol = "VIX" if table == "vix" else "ESM4"
        screened = Screen(table, symbol, Rules()).check(Batch(table, symbol, columns, "f", whole["position"]))
        assert records["reason"].tolist() == screened.reason.tolist()
        assert records["position"].tolist() == whole["position"].tolist()
    numbers = sorted(int(n) for records in logged(into).values() for n in records["number"])
    assert numbers == list(range(1, len(stream) + 1))


def only(into):
    """A feed that has brought a price, so that the quick way is open to it."""
    lane = into.lane("ws", False)
    _, record = trade(1, OPEN + S)
    into.portion(lane, {"trades": record}, 0)
    return lane


def test_the_only_feed_of_prices_has_the_quick_way_from_its_second_price_on(tmp_path):
    into = arrivals(tmp_path)
    lane = into.lane("ws", False)
    assert quick(into, lane, *trade(1, OPEN + S))[0] is False
    assert quick(into, lane, *trade(2, OPEN + S))[0] is True
    assert quick(into, lane, *book(3, OPEN + 2 * S))[0] is True
    assert quick(into, lane, *vix(4, OPEN + 2 * S))[0] is True
    other = into.lane("other", False)
    assert quick(into, other, *vix(7, OPEN + 2 * S))[0] is True
    assert quick(into, other, *trade(8, OPEN + 3 * S))[0] is False
    assert quick(into, lane, *trade(5, OPEN + 4 * S))[0] is False  # now there are two


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (trade(2, OPEN + S - 1), BEHIND),
        (trade(2, OPEN + 2 * S, came=OPEN + MINUTE + GRACE), LATE),
        (trade(2, OPEN + 2 * S, came=OPEN + MINUTE + GRACE - 1), 0),
        (trade(2, LATEST + 1), FUTURE),
        (trade(2, LATEST), 0),
        (trade(2, OPEN + 2 * S, price=5100.1), rules.OFF_GRID),
        (trade(2, OPEN + 2 * S, size=0), rules.SIZE),
        (trade(2, OPEN + 2 * S, side=4), rules.SIDE),
        (trade(2, OPEN + 2 * S, price=np.nan), rules.NON_FINITE),
        (trade(2, OPEN + 2 * S, price=6000.0), rules.JUMP),
        (book(2, OPEN + 2 * S, bid=5101.0), rules.CROSSED),
    ],
)
@pytest.mark.parametrize("way", ["quick", "portion"])
def test_every_reason_is_written_down_and_nothing_refused_goes_on(tmp_path, event, reason, way):
    into = arrivals(tmp_path, latest=LATEST)
    lane = only(into)
    table, record = event[0], event[1].copy()
    if way == "quick":
        _, released = quick(into, lane, table, record)
    else:
        released = into.portion(lane, {table: record}, 0)
    assert logged(into)[table][-1]["reason"] == reason
    assert bool(released) == (reason == 0)
    assert into.frontier == (int(record["ts_event"][0]) if reason == 0 else OPEN + S)
    assert lane.position == 2


def test_a_screened_feed_is_not_screened_again_but_is_held_to_time(tmp_path):
    into = arrivals(tmp_path)
    lane = into.lane("tables", True)
    into.portion(lane, {"trades": trade(1, OPEN + S)[1]}, 0)
    assert quick(into, lane, *trade(2, OPEN + 2 * S, price=6000.0))[0]
    into.portion(lane, {"trades": trade(3, OPEN + 2 * S, price=6000.1)[1]}, 0)
    into.portion(lane, {"trades": trade(4, OPEN + S)[1]}, 0)
    assert logged(into)["trades"]["reason"].tolist() == [0, 0, 0, BEHIND]


def test_each_feed_is_screened_by_itself(tmp_path):
    into = arrivals(tmp_path)
    one, two = into.lane("one", False), into.lane("two", False)
    into.portion(one, {"trades": trade(1, OPEN + S, price=5100.0)[1]}, 0)
    into.portion(two, {"trades": trade(1, OPEN + S, price=5700.0)[1]}, 0)  # its first price: no jump
    into.portion(two, {"trades": trade(2, OPEN + 2 * S, price=5100.0)[1]}, 0)
    assert logged(into)["trades"]["reason"].tolist() == [0, 0, rules.JUMP]


@pytest.mark.parametrize("way", ["quick", "portion"])
def test_a_row_of_an_index_after_its_moment_counts_from_when_it_came(tmp_path, way):
    into = arrivals(tmp_path)
    lane = only(into)
    table, record = vix(2, OPEN - 60 * S)
    released = quick(into, lane, table, record)[1] if way == "quick" else into.portion(lane, {table: record}, 0)
    assert released == {}  # it waits for the next price
    assert logged(into)["vix"]["ts_event"].tolist() == [OPEN + S + 1]
    assert quick(into, lane, *trade(3, OPEN + S))[0] is True  # a price before it does not wait for it
    _, released = quick(into, lane, *trade(4, OPEN + 2 * S))
    assert {table: found["position"].tolist() for table, found in released.items()} == {"trades": [4], "vix": [2]}


@pytest.mark.parametrize("way", ["quick", "portion"])
def test_live_a_row_of_an_index_is_never_late_but_new_when_it_comes(tmp_path, way):
    into = arrivals(tmp_path, latest=LATEST)
    lane = only(into)
    for position, ts, came in ((2, OPEN - 3600 * S, OPEN + 2 * S), (3, OPEN + 30 * S, OPEN + MINUTE + S)):
        table, record = vix(position, ts)
        record["ts_recv"] = came
        quick(into, lane, table, record) if way == "quick" else into.portion(lane, {table: record}, 0)
    assert logged(into)["vix"]["reason"].tolist() == [0, 0]
    assert logged(into)["vix"]["ts_event"].tolist() == [OPEN + S + 1, OPEN + MINUTE + S]


def test_nothing_goes_on_before_a_price_has_said_the_contract(tmp_path):
    into = arrivals(tmp_path, contract="")
    lane = into.lane("indices", False)
    assert into.portion(lane, {"vix": vix(1, OPEN - 600 * S)[1]}, 0) == {}
    assert into.release(2 * HOLD) == {}
    assert into.release(2 * HOLD, CLOSE) == {}
    into.log.about.contract = "ESM4"
    released = into.portion(into.lane("ws", False), {"trades": trade(1, OPEN + S)[1]}, 2 * HOLD)
    assert sorted(released) == ["trades", "vix"]


def test_what_a_clock_has_closed_takes_nothing_more(tmp_path):
    into = arrivals(tmp_path)
    lane = only(into)
    into.closed(OPEN + MINUTE)
    into.closed(OPEN)
    quick(into, lane, *trade(2, OPEN + 30 * S))
    quick(into, lane, *trade(3, OPEN + MINUTE))
    assert logged(into)["trades"]["reason"].tolist() == [0, BEHIND, 0]


def test_a_late_event_counts_no_earlier_than_where_the_engine_is(tmp_path):
    into = arrivals(tmp_path)
    lane = only(into)
    into.closed(OPEN + 5 * MINUTE)
    table, record = trade(2, OPEN + 2 * S, came=OPEN + 3 * MINUTE)  # this machine's clock had run ahead
    into.portion(lane, {table: record}, 0)
    assert logged(into)["trades"][-1][["reason", "ts_recv"]].tolist() == (LATE, OPEN + 5 * MINUTE)


def test_an_empty_table_in_a_portion_changes_nothing(tmp_path):
    into = arrivals(tmp_path)
    lane = only(into)
    assert into.portion(lane, {"book": np.zeros(0, RECORD["book"])}, 0) == {}
    assert into.number == 1


def test_nobody_waits_for_a_feed_that_has_gone(tmp_path):
    into = arrivals(tmp_path)
    one, two = only(into), into.lane("two", False)
    assert into.portion(two, {"trades": trade(1, OPEN + 2 * S)[1]}, 0) == {}  # `one` has not come so far
    into.leave(one)
    assert into.release(HOLD - 1) == {}
    assert into.release(HOLD)["trades"]["position"].tolist() == [1]
    assert into.portion(two, {"trades": trade(2, OPEN + 3 * S)[1]}, HOLD)["trades"]["position"].tolist() == [2]
    assert quick(into, two, *trade(3, OPEN + 4 * S))[0] is True
    into.leave(two)
    assert quick(into, two, *trade(4, OPEN + 5 * S))[0] is False
