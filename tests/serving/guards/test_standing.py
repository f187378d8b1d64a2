"""Reasons stand from when they are given until they are taken back, or until the bars they spoil have closed."""

from hypothesis import given
from hypothesis import strategies as st

from serving.guards.standing import Standing

MINUTE = 60_000_000_000
GAP = "gap: 3 events missing between 7 and 11 of es"


def test_a_reason_keeps_its_beginning_and_takes_the_new_text():
    standing = Standing()
    assert not standing
    assert standing.add("stale:es", "31 s", 0)
    assert not standing.add("stale:es", "32 s", MINUTE)
    assert standing.lines() == ["32 s (since 1970-01-01T00:00:00Z)"]
    assert standing.clear("stale:es")
    assert not standing.clear("stale:es")
    assert not standing


def test_a_text_sets_and_an_empty_one_clears():
    standing = Standing()
    assert standing.set("disk", "no space left", 1)
    assert not standing.set("disk", "no space left", 2)
    assert "disk" in standing
    assert standing.set("disk", "", 3)
    assert not standing.set("disk", "", 4)


def test_a_gap_spoils_the_bars_that_hold_it():
    """The first event behind the hole comes in the grace of a bar: that bar and the next hold a part of it."""
    standing = Standing()
    behind = 10 * MINUTE + 100_000_000
    standing.add("gap:es", GAP, behind, until_ns=behind)
    assert standing.closed(10 * MINUTE) == ()
    assert standing.texts() == [GAP]
    assert standing.closed(11 * MINUTE) == ("gap:es",)
    assert not standing


def test_an_event_on_the_close_belongs_to_the_next_bar():
    standing = Standing()
    standing.add("gap:es", GAP, 10 * MINUTE, until_ns=10 * MINUTE)
    assert standing.closed(10 * MINUTE) == ()
    assert standing.closed(11 * MINUTE) == ("gap:es",)


def test_a_second_gap_holds_on():
    standing = Standing()
    standing.add("gap:es", GAP, 1, until_ns=5)
    standing.add("gap:es", GAP, 2, until_ns=9)
    standing.add("gap:es", GAP, 3, until_ns=6)
    assert standing.closed(9) == ()
    assert standing.closed(10) == ("gap:es",)


def test_what_is_not_bound_to_a_bar_outlives_bars():
    standing = Standing()
    standing.add("manual", "news at eight", 0)
    standing.add("gap:es", GAP, 0, until_ns=5)
    assert standing.closed(1 << 60) == ("gap:es",)
    assert standing.texts() == ["news at eight"]


KIND = st.sampled_from(["stale", "stale:a", "stale:b", "stale:c"])


@given(st.dictionaries(KIND, st.just("before")), st.dictionaries(KIND, st.just("now")))
def test_all_of_a_kind_are_replaced_and_no_other(before, now):
    standing = Standing()
    standing.add("staleness", "another kind", 0)
    standing.add("gap:a", GAP, 0)
    standing.replace("stale", before, 1)
    assert standing.replace("stale", now, 2) == (before.keys() != now.keys())
    assert sorted(standing.texts()) == sorted(["another kind", GAP, *now.values()])
    assert all(key in standing for key in now)
