"""What an arrival is judged by, as said in words and one at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.moments import MINUTE, NONE
from mia_ml.single.arrival import BEHIND, CAME, FUTURE, LATE, ORIGIN, REASON, TS, judge, words_of
from mia_ml.store import rules
from serving.intake.events import RECORD, TABLES

NOON = 1_710_244_800_000_000_000
S, GRACE = 10**9, 250_000_000
FOREVER = np.iinfo(np.int64).max
END = NOON + MINUTE + GRACE
"""From then on what happened in the minute of NOON is late."""


def closed(ts):
    """When the bar of a moment has closed."""
    return (ts // MINUTE + 1) * MINUTE + GRACE


def in_words(ts, came, is_index, by_clock, frontier, latest):
    """Reason, when it came, from when it counts."""
    if ts > latest:
        return FUTURE, came, ts
    known_from = max(ts, frontier + 1)
    if is_index and by_clock:
        return 0, came, max(known_from, came) if came != NONE and came >= closed(known_from) else known_from
    if came != NONE and came >= closed(ts):
        return LATE, max(came, frontier), ts
    if is_index:
        return 0, came, known_from
    return BEHIND if ts < frontier else 0, came, ts


def arrivals(*moments, table="vix"):
    """Records of (ts, came)."""
    records = np.zeros(len(moments), RECORD[table])
    for record, (ts, came) in zip(records, moments, strict=True):
        record["ts_event"], record["ts_recv"] = ts, came
    records["number"], records["feed"], records["position"] = 7, 3, np.arange(len(moments))
    return records


def told(records):
    return [tuple(found) for found in records[["reason", "ts_recv", "ts_event"]].tolist()]


STEPS = st.sampled_from((0, 1, -1, S, -S, MINUTE - 1, MINUTE, -MINUTE, 600 * MINUTE))


@st.composite
def circumstances(draw):
    """Moments of arrivals, and the frontier and the latest that they are judged by."""
    frontier = draw(st.sampled_from((NONE, NOON - MINUTE, NOON - 1, NOON, NOON + S, NOON + 7 * MINUTE)))
    latest = draw(st.sampled_from((FOREVER, NOON, NOON + 2 * MINUTE)))
    moments = []
    for _ in range(draw(st.integers(0, 12))):
        ts = draw(st.sampled_from((NOON, frontier, latest)))
        ts = min(max(ts, NOON - 900 * MINUTE), NOON + 900 * MINUTE) + draw(STEPS)
        of = draw(st.sampled_from((NONE, ts, closed(ts), closed(ts), closed(max(ts, frontier + 1)), frontier)))
        moments.append((ts, NONE if of == NONE else of + draw(STEPS)))
    return moments, frontier, latest


@settings(max_examples=300, deadline=None)
@given(circumstances(), st.sampled_from(TABLES), st.booleans(), st.booleans())
def test_many_are_judged_as_one_at_a_time_and_as_the_words_say(case, table, is_index, by_clock):
    moments, frontier, latest = case
    many = arrivals(*moments, table=table)
    before = many.copy()
    judge(words_of(many), is_index, by_clock, frontier, latest, GRACE)
    assert told(many) == [in_words(*each, is_index, by_clock, frontier, latest) for each in moments]
    one_by_one = before.copy()
    for k in range(len(moments)):
        judge(words_of(one_by_one[k : k + 1]), is_index, by_clock, frontier, latest, GRACE)
    assert many.tobytes() == one_by_one.tobytes()
    for name in ("reason", "ts_recv", "ts_event"):
        many[name] = before[name]
    assert many.tobytes() == before.tobytes()


@settings(max_examples=100, deadline=None)
@given(circumstances())
def test_by_the_clock_no_row_of_an_index_is_late_or_behind(case):
    moments, frontier, _ = case
    records = arrivals(*moments)
    judge(words_of(records), True, True, frontier, FOREVER, GRACE)
    assert (records["reason"] == 0).all()
    assert (records["ts_event"] > frontier).all()
    assert (records["ts_recv"] < closed(records["ts_event"])).all()


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ((NOON, NONE), (0, NONE, NOON)),
        ((NOON + S, END - 1), (0, END - 1, NOON + S)),
        ((NOON + S, END), (LATE, END, NOON + S)),
        ((NOON - 1, NOON + GRACE - 1), (BEHIND, NOON + GRACE - 1, NOON - 1)),
        ((NOON - 1, NOON + GRACE), (LATE, NOON + GRACE, NOON - 1)),
        ((NOON - 9 * MINUTE, NOON - 5 * MINUTE), (LATE, NOON, NOON - 9 * MINUTE)),  # not before where the engine is
        ((NOON + 9 * MINUTE, NONE), (0, NONE, NOON + 9 * MINUTE)),
        ((NOON + 9 * MINUTE + 1, NOON + 20 * MINUTE), (FUTURE, NOON + 20 * MINUTE, NOON + 9 * MINUTE + 1)),
    ],
)
@pytest.mark.parametrize("by_clock", [False, True])
def test_a_price_by_its_two_clocks_and_the_engine_s(moment, expected, by_clock):
    records = arrivals(moment, table="trades")
    judge(words_of(records), False, by_clock, NOON, NOON + 9 * MINUTE, GRACE)
    assert told(records) == [expected]


@pytest.mark.parametrize(
    ("moment", "live", "replayed"),
    [
        ((NOON + S, NONE), (0, NONE, NOON + S), (0, NONE, NOON + S)),
        ((NOON, NONE), (0, NONE, NOON + 1), (0, NONE, NOON + 1)),
        ((NOON - 60 * MINUTE, NONE), (0, NONE, NOON + 1), (0, NONE, NOON + 1)),
        ((NOON - 60 * MINUTE, NOON + S), (0, NOON + S, NOON + 1), (LATE, NOON + S, NOON - 60 * MINUTE)),
        ((NOON - 60 * MINUTE, NOON - S), (0, NOON - S, NOON + 1), (LATE, NOON, NOON - 60 * MINUTE)),
        ((NOON + S, END - 1), (0, END - 1, NOON + S), (0, END - 1, NOON + S)),
        ((NOON + S, END), (0, END, END), (LATE, END, NOON + S)),
        ((NOON + 9 * MINUTE + 1, NONE), (FUTURE, NONE, NOON + 9 * MINUTE + 1), None),
    ],
)
def test_a_row_of_an_index_live_and_replayed(moment, live, replayed):
    for by_clock, expected in ((True, live), (False, replayed or live)):
        records = arrivals(moment)
        judge(words_of(records), True, by_clock, NOON, NOON + 9 * MINUTE, GRACE)
        assert told(records) == [expected]


@pytest.mark.parametrize("table", TABLES)
def test_every_record_has_the_judged_fields_where_they_are_looked_for(table):
    names = RECORD[table].names
    assert names[: len(ORIGIN) + 1] == (*(name for name, _ in ORIGIN), "ts_event")
    assert [names[place] for place in (CAME, REASON, TS)] == ["ts_recv", "reason", "ts_event"]
    record = np.zeros(2, RECORD[table])
    words_of(record)[1] = np.arange(len(names))
    assert [record[name].view(np.int64)[1] for name in names] == list(range(len(names)))
    assert not record[0].tobytes().strip(b"\0")


def test_no_reason_is_one_of_the_screening():
    assert min(LATE, BEHIND, FUTURE) >= len(rules.REASONS)
