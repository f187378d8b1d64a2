"""Several feeds as one tape: whatever way they come in, what goes on is the sorted tape, whole and once."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.moments import NONE
from serving.intake.events import LATE, PRICED, RECORD
from serving.intake.merge import FOREVER, Merge, key_of

HOLD = 100


def records(table, times, start, came=None):
    out = np.zeros(len(times), RECORD[table])
    out["ts_event"] = times
    out["number"] = np.arange(start, start + len(times))
    out["ts_recv"] = NONE
    if came is not None:
        late = np.array([at is not None for at in came])
        out["reason"][late] = LATE
        out["ts_recv"][late] = [at for at in came if at is not None]
    return out


@st.composite
def arrivals(draw):
    """Portions (lane, table, times, came) of up to four lanes, each in event order, in some interleaving."""
    lanes = []
    for lane in range(draw(st.integers(1, 4))):
        table = draw(st.sampled_from(("trades", "book", "vix", "options")))
        times = sorted(draw(st.lists(st.integers(0, 60), min_size=1, max_size=12)))
        portions = []
        while times:
            n = draw(st.integers(1, len(times)))
            came = [draw(st.none() | st.just(ts + 7)) if table in PRICED else None for ts in times[:n]]
            portions.append((lane, table, times[:n], came))
            times = times[n:]
        lanes.append(portions)
    mixed = []
    while any(lanes):
        k = draw(st.sampled_from([k for k, portions in enumerate(lanes) if portions]))
        mixed.append(lanes[k].pop(0))
    return mixed


def keyed(found):
    """Key and number of each record."""
    return sorted(
        pair for own in found.values() for pair in zip(key_of(own).tolist(), own["number"].tolist(), strict=True)
    )


def reached_of(portions):
    """Up to where every lane that brought prices has come."""
    reached = {}
    for lane, table, times, came in portions:
        on_time = [ts for ts, at in zip(times, came, strict=True) if at is None]
        if table in PRICED and on_time:
            reached[lane] = max(on_time[-1], reached.get(lane, NONE))
    return min(reached.values(), default=NONE)


@settings(max_examples=80, deadline=None)
@given(arrivals())
def test_within_the_hold_what_goes_on_is_the_sorted_tape(portions):
    merge, number, out, everything = Merge(10**9), 1, [], []
    for n, (lane, table, times, came) in enumerate(portions, 1):
        own = records(table, times, number, came)
        number += own.size
        everything += keyed({table: own})
        merge.add(table, own, now_ns=n)
        if table in PRICED and (own["reason"] == 0).any():
            merge.reach(lane, int(own["ts_event"][own["reason"] == 0].max()), now_ns=n)
        safe = merge.safe(now_ns=n)
        assert safe == reached_of(portions[:n])
        released = merge.release(safe)
        batch = keyed(released)
        for found in released.values():
            assert found.size
            assert (np.diff(key_of(found)) >= 0).all()
        out.append(batch)
        waiting = sorted(set(everything) - {each for part in out for each in part})
        assert all(key > safe for key, _ in waiting)  # nothing that may go on waits
        assert merge.earliest == (waiting[0][0] if waiting else FOREVER)
        assert sorted(merge.numbers()) == sorted(k for _, k in waiting)
    out.append(keyed(merge.release(FOREVER)))
    assert sorted(each for part in out for each in part) == sorted(everything)  # whole, and once


@settings(max_examples=60, deadline=None)
@given(arrivals())
def test_lanes_that_began_together_come_out_in_order_of_time(portions):
    merge, number, keys = Merge(10**9), 1, []
    for lane in {lane for lane, table, *_ in portions if table in PRICED}:
        merge.reach(lane, -1, now_ns=0)
    for lane, table, times, came in portions:
        batch, own = [], records(table, times, number, came)
        number += own.size
        merge.add(table, own, now_ns=0)
        if table in PRICED:
            merge.reach(lane, int(own["ts_event"].max()), now_ns=0)
        for name, found in merge.release(merge.safe(now_ns=0)).items():
            if name in PRICED:  # rows of an index and late events are put behind what went on before they get here
                batch += found["ts_event"][found["reason"] == 0].tolist()
        keys += sorted(batch)
    assert keys == sorted(keys)


def test_a_row_of_an_index_goes_on_with_the_first_price_that_is_not_earlier():
    merge = Merge(HOLD)
    merge.add("trades", records("trades", [10], 1), 0)
    merge.reach(0, 10, 0)
    assert list(merge.release(merge.safe(0))) == ["trades"]
    merge.add("vix", records("vix", [15], 2), 0)
    assert merge.release(merge.safe(0)) == {}
    merge.add("trades", records("trades", [14], 3), 0)
    merge.reach(0, 14, 0)
    assert list(merge.release(merge.safe(0))) == ["trades"]
    merge.add("trades", records("trades", [15], 4), 0)
    merge.reach(0, 15, 0)
    assert sorted(merge.release(merge.safe(0))) == ["trades", "vix"]


def test_a_late_event_goes_on_when_prices_have_come_to_its_arrival():
    merge = Merge(HOLD)
    merge.add("trades", records("trades", [10, 11], 1, [50, None]), 0)
    merge.reach(0, 11, 0)
    assert merge.release(merge.safe(0))["trades"]["number"].tolist() == [2]
    merge.add("trades", records("trades", [49], 3), 0)
    merge.reach(0, 49, 0)
    assert merge.release(merge.safe(0))["trades"]["number"].tolist() == [3]
    merge.add("trades", records("trades", [51], 4), 0)
    merge.reach(0, 51, 0)
    assert merge.release(merge.safe(0))["trades"]["number"].tolist() == [1, 4]


def two_lanes():
    merge = Merge(HOLD)
    merge.reach(0, 5, now_ns=0)
    merge.reach(1, 5, now_ns=0)
    merge.add("trades", records("trades", [20], 1), now_ns=10)
    merge.reach(0, 20, now_ns=10)
    return merge


def test_a_silent_lane_is_waited_for_no_longer_than_the_hold():
    merge = two_lanes()
    assert merge.safe(now_ns=10 + HOLD - 1) == 5
    assert merge.safe(now_ns=10 + HOLD) == 20


def test_a_lane_that_speaks_is_waited_for_until_it_has_been_silent_as_long():
    merge = two_lanes()
    merge.reach(1, 7, now_ns=60)
    assert merge.awaited(20, 60 + HOLD - 1) == [1]
    assert merge.safe(now_ns=60 + HOLD - 1) == 7
    assert merge.awaited(20, 60 + HOLD) == []
    assert merge.safe(now_ns=60 + HOLD) == 20


def test_nobody_waits_for_a_lane_that_has_left():
    merge = two_lanes()
    merge.leave(1)
    merge.leave(7)
    assert merge.safe(now_ns=HOLD - 1) == 5
    assert merge.safe(now_ns=HOLD) == 20
    assert merge.lanes == 1
    merge.leave(1)


def test_a_lane_that_is_back_at_once_has_not_left():
    merge = two_lanes()
    merge.leave(1)
    merge.reach(1, 6, now_ns=50)
    assert merge.safe(now_ns=HOLD) == 6
    assert merge.lanes == 2


def test_what_waited_for_nobody_is_forgotten_with_what_went_on():
    merge = two_lanes()
    assert merge.release(20)
    merge.add("trades", records("trades", [30], 2), now_ns=50)
    merge.reach(0, 30, now_ns=50)
    assert merge.safe(now_ns=10 + HOLD) == 5  # the first one's patience does not let the second go


def test_rows_of_an_index_alone_wait_for_a_price_however_long():
    merge = Merge(HOLD)
    merge.add("vix", records("vix", [15], 1), now_ns=0)
    assert merge.safe(now_ns=HOLD - 1) == NONE
    assert merge.safe(now_ns=1000 * HOLD) == NONE


@settings(max_examples=50, deadline=None)
@given(arrivals(), st.integers(-1, 70))
def test_to_forgo_leaves_what_to_release_leaves(portions, until):
    one, other = Merge(HOLD), Merge(HOLD)
    for merge in (one, other):
        for at, (lane, table, times, came) in enumerate(portions):
            merge.add(table, records(table, times, 100 * at + 1, came), 0)
            if table in PRICED:
                merge.reach(lane, times[-1], 0)
    released, seen = one.release(until), other.changes
    if released:
        other.forgo(until)
    assert (other.changes > seen) == bool(released)
    assert (one.earliest, one.prices_wait) == (other.earliest, other.prices_wait)
    assert one.numbers().tolist() == other.numbers().tolist()
    rest = [merge.release(FOREVER - 1) for merge in (one, other)]
    assert {t: r.tobytes() for t, r in rest[0].items()} == {t: r.tobytes() for t, r in rest[1].items()}


def test_rows_of_an_index_are_told_one_by_one_when_nothing_else_waits():
    merge = Merge(HOLD)
    assert merge.index_rows(0) == []
    merge.add("vix", records("vix", [15, 17], 1), now_ns=0)
    merge.add_row("options", records("options", [16], 3), 16)
    told = merge.index_rows(3)
    assert [(table, int(row["ts_event"][0]), row.size) for table, row in told] == [
        ("vix", 15, 1),
        ("vix", 17, 1),
        ("options", 16, 1),
    ]
    assert merge.index_rows(2) is None
    merge.add("vix", records("vix", [18], 4, came=[19]), now_ns=0)
    assert merge.index_rows(9) is None


def test_prices_that_wait_are_no_rows_of_an_index():
    merge = Merge(HOLD)
    merge.add("trades", records("trades", [5], 1), now_ns=0)
    assert merge.index_rows(9) is None
