"""An event at a time by the quick way comes to what portions of any size come to."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.moments import MINUTE
from mia_ml.single.kernels import QUEUE
from serving.day.quick import Quick
from serving.intake.merge import FOREVER
from tests.serving.day.lived import (
    SEATS,
    START,
    Lived,
    assert_same,
    book,
    clock,
    first_leaves,
    goes,
    joins,
    moves_to_another_engine,
    options,
    rehearses,
    trade,
    unbegun_is_first,
    vix,
)
from tests.serving.intake.test_arrivals import GRACE, logged

S = 10**9
MAKE = {"trade": trade, "book": book, "options": options, "vix": vix}
ODD = {
    "trade": st.sampled_from(({"price": 5100.1}, {"price": 6000.0}, {"size": 0})),
    "book": st.sampled_from(({"bid": 5100.1}, {"bid": 6000.0}, {"size": -1})),
    "options": st.sampled_from(({"volume": -1.0}, {"volume": np.inf}, {"volume": None})),
    "vix": st.sampled_from(({"value": 0.0}, {"value": np.inf})),
}
VERSIONS = (joins("b"), joins("c"), first_leaves, unbegun_is_first, moves_to_another_engine)
BETWEEN = st.sampled_from((*VERSIONS, rehearses, goes("two"), goes("ws"), goes("indices")))
KINDS = st.sampled_from((*["trade", "book"] * 8, *["vix", "options"] * 3, "burst", "burst", "clock", "else"))
AWRY = st.sampled_from((*[0] * 12, -1, -S, -30 * MINUTE))


@st.composite
def streams(draw):
    """The latest moment that is no future, and events of several feeds, mostly in order, with everything wrong that can
    be; and what else happens."""
    latest = draw(st.sampled_from((FOREVER, START + 3600 * S)))
    out, ts, position = [], START, 0
    for kind in draw(st.lists(KINDS, min_size=20, max_size=50)):
        ts += draw(st.sampled_from((0, 0, 1, S, 20 * S, MINUTE)))
        if kind == "clock":
            out.append(clock(ts + draw(st.sampled_from((0, 0, -S, 30 * S, MINUTE)))))
        elif kind == "else":
            out.append(draw(BETWEEN))
        elif kind == "burst":
            feed, offs = draw(st.sampled_from(("ws", "indices"))), draw(st.sampled_from(((0,), (0, 1), (0, S, 20 * S))))
            n = draw(st.sampled_from((2, 5, QUEUE, QUEUE + 1, 30)))
            for off in sorted(offs[k % len(offs)] for k in range(n)):
                position += 1
                out.append((feed, draw(st.sampled_from((vix, options)))(position, ts + off)))
        else:
            position += 1
            index = kind in ("vix", "options")
            feed = draw(st.sampled_from(("ws", "indices", "indices") if index else (*["ws"] * 20, "two")))
            when = ts + draw(AWRY) + (draw(st.sampled_from((0, 0, S))) if index else 0)
            if latest != FOREVER and draw(st.integers(0, 19)) == 0:
                when = latest + 1
            came = draw(st.sampled_from((*[None] * 8, when, when + GRACE, when + GRACE + 1, when + MINUTE + GRACE)))
            odd = draw(ODD[kind]) if draw(st.integers(0, 9)) == 0 else {}
            out.append((feed, MAKE[kind](position, when, came, **odd)))
    return latest, out


def in_both(step, one, other):
    """An event the quick way and as a portion, or whatever else happens between events."""
    if callable(step):
        step(one)
        step(other)
    else:
        one.one(*step)
        other.portion(step[0], [step[1]])


@settings(max_examples=50, deadline=None)
@given(streams(), st.sampled_from(SEATS), st.booleans())
def test_whatever_comes_the_quick_way_and_portions_of_one_come_to_the_same(stream, seats, under_way):
    latest, steps = stream
    one, other = Lived(seats, under_way, latest), Lived(seats, under_way, latest)
    for step in steps:
        in_both(step, one, other)
        assert one.said == other.said
        assert one.day.arrivals.frontier == other.day.arrivals.frontier
        assert one.day.arrivals.merge.numbers().tolist() == other.day.arrivals.merge.numbers().tolist()
    for day in (one, other):
        day.end()
    assert_same(one, other)
    for table, records in logged(other.day.arrivals).items():
        assert logged(one.day.arrivals)[table].tobytes() == records.tobytes()


RANK = {vix: 1, options: 2, trade: 3, book: 4}
"""Among events of one time; those that are late come before."""


def in_order(rng, n):
    """Prices of one feed in the order of event time, late ones when they came; rows of an index of two feeds, some of
    them before their time. Now and then a clock, or a change of versions."""
    found, ts = [], START
    for _ in range(n):
        ts += int(rng.choice((0, 1, S, 20 * S, MINUTE), p=(0.2, 0.1, 0.4, 0.2, 0.1)))
        late = (ts // MINUTE + 1) * MINUTE + GRACE + int(rng.integers(0, 90)) * S
        makes = [(trade, book)[int(rng.integers(2))]]
        makes += [(vix, options)[k] for k in rng.integers(0, 2, rng.choice((0, 1, 3, 24), p=(0.8, 0.1, 0.07, 0.03)))]
        for make in makes:
            at = ts if make in (trade, book) else ts - int(rng.choice((0, 0, 1, S, 90 * S)))
            is_late = rng.random() < 0.04
            found.append((late, 0, make, at, late) if is_late else (at, RANK[make], make, at, None))
    found.sort(key=lambda each: each[:2])
    coming, last = [], {vix: -1, options: -1}
    for place, (when, rank, *event) in enumerate(found):
        turn = place
        if rank in (1, 2):
            turn = last[event[0]] = max(last[event[0]], place - int(rng.choice((0, 0, 3, 40))))
        coming.append((turn, place, when, *event))
    coming.sort(key=lambda each: each[:2])
    for position, (turn, place, when, make, ts, came) in enumerate(coming, 1):
        if turn == place and rng.random() < 0.03:
            yield clock(when - int(rng.choice((0, S))))
        if rng.random() < 0.01:
            yield (joins("b"), joins("c"), first_leaves, rehearses)[int(rng.integers(4))]
        yield "ws" if make in (trade, book) or rng.random() < 0.5 else "indices", make(position, ts, came)


def portions(steps, rng, most, share):
    """The steps, consecutive events of a feed joined to lists of up to `most` in a share of the cases."""
    for alike, group in itertools.groupby(steps, lambda step: step if callable(step) else step[0]):
        left = list(group)
        while left:
            n = 1 if callable(alike) or rng.random() > share else int(rng.integers(1, most + 1))
            yield left[0] if callable(alike) else (alike, [e for _, e in left[:n]])
            left = left[n:]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(SEATS), st.booleans())
def test_in_order_portions_of_any_size_and_single_events_among_them_come_to_the_same(seed, seats, under_way):
    rng = np.random.default_rng(seed)
    one, other = Lived(seats, under_way), Lived(seats, under_way)
    steps = list(in_order(rng, 80))
    for step in portions(steps, rng, 6, 0.1):
        if callable(step):
            step(one)
        elif len(step[1]) == 1:
            one.one(step[0], step[1][0])
        else:
            one.portion(*step)
    for step in portions(steps, rng, 60, 0.8):
        step(other) if callable(step) else other.portion(*step)
    for day in (one, other):
        day.end()
        assert day.day.arrivals.merge.numbers().size == 0
    assert_same(one, other)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(SEATS))
def test_what_waits_is_used_once(seed, seats):
    """Volumes of options add up in the bars of the day."""
    one = Lived(seats, under_way=False)
    for step in in_order(np.random.default_rng(seed), 80):
        step(one) if callable(step) else one.one(*step)
    one.end()
    rows = logged(one.day.arrivals).get("options")
    expected = 0.0 if rows is None else rows["call_volume"][rows["reason"] == 0].sum()
    for rail in one.day.rails:
        state = rail.engine.arrays["state"][0]
        assert state["bars"]["call_volume"][state["first"] : state["count"]].sum() == expected


def at(seconds):
    return START + round(seconds * S)


ROWS = [make(10 + 2 * k + n, at(4 + k)) for k in range(3) for n, make in enumerate((options, vix))]
"""At 4, 5 and 6 seconds."""
ALL, SOME = [("ws", row) for row in ROWS], [("ws", row) for row in ROWS[:3]]
MANY = [("ws", options(10 + k, at(4 + k // QUEUE))) for k in range(QUEUE + 3)]
LATE_ROW, LATE_PRICE = ("ws", vix(20, at(-90), at(5))), ("ws", trade(41, at(-90), at(6)))
BEGUN = [("ws", trade(1, at(1))), ("ws", book(2, at(2))), ("ws", trade(3, at(3)))]
FIVE = ("ws", trade(40, at(5)))
TWO = [("two", book(4, at(3.5))), *ALL, ("ws", trade(39, at(4.5))), goes("two"), FIVE, ("ws", trade(42, at(5.5)))]
AHEAD = [
    step
    for k in range(6)
    for step in (
        ("indices", vix(1 + k, at(k + 1.5))),
        ("ws", trade(1 + 2 * k, at(k))),
        ("ws", book(2 + 2 * k, at(k + 0.9))),
    )
]
"""A feed of an index is ahead of the prices: a row of it always waits."""
ENDED = [("ws", trade(90, at(8))), ("ws", book(91, at(70))), ("ws", trade(92, at(130)))]
EXAMPLES = {
    "rows wait for a price": ([*BEGUN, *ALL, FIVE, ("ws", book(41, at(5.5)))], 1, 0),
    "rows of another feed": ([*BEGUN, *(("indices", row) for row in ROWS), FIVE], 1, 0),
    "more rows than there is room for": ([*BEGUN, *MANY, ("ws", trade(40, at(4)))], 1, 1),
    "rows before the first price": ([*ALL, FIVE], 1, 0),
    "an index ahead of the prices": (AHEAD, 1, 0),
    "a late row": ([*BEGUN, ALL[0], LATE_ROW, *ALL[2:], FIVE], 2, 1),
    "a late price, which another one lets go": ([*BEGUN, ALL[0], LATE_PRICE, *ALL[4:]], 3, 0),
    "a clock": ([*BEGUN, *ALL, clock(at(5)), FIVE], 1, 0),
    "a version joins a rail": ([*BEGUN, *SOME, joins("b")], 1, 0),
    "a version comes with a rail": ([*BEGUN, *SOME, joins("c")], 1, 0),
    "the first version leaves": ([joins("c"), *BEGUN, *SOME, first_leaves], 1, 0),
    "the first version has not begun the day": ([*BEGUN, *SOME, unbegun_is_first, ALL[4]], 1, 1),
    "it begins before the rows go": ([*BEGUN, *SOME, unbegun_is_first, ("ws", trade(39, at(3.5)))], 1, 1),
    "the first engine is another": ([*BEGUN, *SOME, moves_to_another_engine], 1, 0),
    "a close is rehearsed": ([*BEGUN, *ALL, rehearses, FIVE], 1, 0),
    "of two feeds of prices one goes": ([*BEGUN, *TWO], 4, 0),
}
"""Steps, how many events of them take the other way, and how many prices a step at a time."""


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("seats", [[["a"]], [["a"], ["c"]]], ids=["one rail", "two rails"])
@pytest.mark.parametrize("under_way", [False, True], ids=["not begun", "under way"])
def test_all_that_can_takes_the_quick_way(name, seats, under_way, monkeypatch):
    steps, apart, in_steps = EXAMPLES[name]
    taken = []
    a_step_at_a_time = Quick._take_apart
    monkeypatch.setattr(Quick, "_take_apart", lambda *given: taken.append(given) or a_step_at_a_time(*given))
    one, other = Lived(seats, under_way), Lived(seats, under_way)
    for step in [*steps, *ENDED]:
        in_both(step, one, other)
    assert_same(one.end(), other.end())
    assert (one.apart, len(taken)) == (apart, in_steps)
    assert one.day.arrivals.merge.numbers().size == 0
