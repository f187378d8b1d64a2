"""Feeds: what is missing is counted exactly, and a feed is stale when it should bring events and does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mia_ml.core import calendar
from serving.guards.feed_health import HALF_LIFE_S, FeedHealth, Feeds

NS = 1_000_000_000
CALENDAR = calendar.load("cme_globex", 2023, 2024)
FRIDAY, TUESDAY = CALENDAR.at(20231222), CALENDAR.at(20231226)  # a weekend and Christmas between
OPEN, CLOSE = int(FRIDAY["open_ns"]), int(FRIDAY["close_ns"])
NOON = OPEN + 17 * 3600 * NS


def feeds(since_ns=0):
    return Feeds(CALENDAR.sessions, stale_s=30.0, since_ns=since_ns)


def bring(feed, ts_ns, now_ns=None, priced=True, count=1):
    feed.connected = True
    return feed.took(count, feed.position + count, ts_ns, ts_ns if now_ns is None else now_ns, priced)


@given(st.sets(st.integers(1, 60), min_size=1), st.lists(st.integers(1, 60)))
def test_missing_positions_are_counted_in_any_portions(positions, cuts):
    there = np.array(sorted(positions))
    feed, gaps = FeedHealth("es"), []
    for part in np.split(there, np.unique(np.searchsorted(there, cuts))):
        if part.size:
            gaps.append(feed.took(part.size, int(part[-1]), 0, 0, False))
    found = [gap for gap in gaps if gap is not None]
    assert feed.missing == sum(gap.missing for gap in found) == there[-1] - there.size
    assert (feed.events, feed.gaps, feed.position) == (there.size, len(found), there[-1])


def test_a_gap_says_what_is_missing():
    feed = FeedHealth("es", position=7)
    assert str(feed.took(1, 11, 0, 0, True)) == "gap: 3 events missing between 7 and 11 of es"
    assert str(feed.took(1, 13, 0, 0, True)) == "gap: 1 event missing between 11 and 13 of es"
    assert feed.took(2, 15, 0, 0, True) is None


def test_a_hole_that_a_later_portion_fills_is_told_once():
    """A row that came late may stand in the portion of its own day, in front of rows with lower positions."""
    feed = FeedHealth("es", position=7)
    assert feed.took(2, 10, 0, 0, True).missing == 1
    assert feed.took(2, 11, 0, 0, True) is None
    assert feed.took(1, 9, 0, 0, True) is None
    assert feed.position == 11


def test_a_feed_that_resumes_has_no_hole_in_front_of_it():
    feed = feeds().feed("es", 1000)
    assert feed.took(1, 1001, 0, 0, True) is None


@given(st.integers(1, 50), st.floats(0.5, 200))
def test_a_steady_feed_reads_its_rate_and_forgets_it(count, portions_a_second):
    feed, step = FeedHealth("es"), round(NS / portions_a_second)
    now = NOON
    for _ in range(round(12 * HALF_LIFE_S * portions_a_second)):
        now += step
        bring(feed, now, count=count)
    rate = count * NS / step
    assert feed.per_second(now + step // 2) == pytest.approx(rate, rel=0.01)
    assert feed.per_second(now + step // 2 + round(HALF_LIFE_S * NS)) == pytest.approx(rate / 2, rel=0.01)


def test_a_silent_feed_is_stale_until_an_event_comes():
    kept = feeds()
    bring(kept.feed("es"), NOON)
    assert kept.stale(NOON + 30 * NS) == {}
    assert kept.stale(NOON + 300 * NS) == {"stale:es": "feed es: no priced event for 300 s, 30 s are borne"}
    bring(kept.feed("es"), NOON + 301 * NS)
    assert kept.stale(NOON + 302 * NS) == {}


def test_each_priced_feed_is_judged_and_no_other():
    kept = feeds()
    for name in ("trades", "book"):
        bring(kept.feed(name), NOON)
    bring(kept.feed("vix"), NOON, priced=False)
    bring(kept.feed("book"), NOON + 60 * NS)
    bring(kept.feed("trades"), NOON + 60 * NS, priced=False)
    assert set(kept.stale(NOON + 60 * NS)) == {"stale:trades"}


def test_a_feed_that_delivers_late_is_stale():
    kept = feeds()
    bring(kept.feed("es"), NOON, now_ns=NOON + 31 * NS)
    assert set(kept.stale(NOON + 31 * NS)) == {"stale:es"}


def test_an_old_event_makes_no_feed_older():
    kept = feeds()
    bring(kept.feed("es"), NOON)
    bring(kept.feed("es"), NOON - 100 * NS, now_ns=NOON)
    assert kept.stale(NOON) == {}
    assert kept.feed("es").plain(NOON)["age_s"] == 0.0


def test_nothing_is_stale_while_the_exchange_is_closed():
    kept = feeds()
    bring(kept.feed("es"), CLOSE - 3600 * NS)
    assert kept.stale(CLOSE - 1) != {}
    for moment in (CLOSE, CLOSE + 3600 * NS, CLOSE + 24 * 3600 * NS, int(TUESDAY["open_ns"]) - 1):
        assert kept.stale(moment) == {}


def test_after_the_open_the_first_event_has_its_time():
    kept, opening = feeds(), int(TUESDAY["open_ns"])
    bring(kept.feed("es"), CLOSE - 1)
    assert kept.stale(opening + 30 * NS) == {}
    assert set(kept.stale(opening + 31 * NS)) == {"stale:es"}


def test_a_feed_that_left_is_forgotten_with_the_next_open():
    kept, opening = feeds(), int(TUESDAY["open_ns"])
    bring(kept.feed("old"), CLOSE - 60 * NS)
    kept.feed("old").connected = False
    assert set(kept.stale(CLOSE - 1)) == {"stale:old"}
    bring(kept.feed("new"), opening + NS)
    assert kept.stale(opening + 20 * NS) == {}
    assert set(kept.stale(opening + 40 * NS)) == {"stale:new"}


def test_no_feed_at_all_is_a_reason():
    kept = feeds(since_ns=NOON)
    assert kept.stale(NOON + 30 * NS) == {}
    assert kept.stale(NOON + 31 * NS) == {"stale": "no feed: no priced event for 31 s, 30 s are borne"}
    bring(kept.feed("vix"), NOON + 31 * NS, priced=False)
    assert set(kept.stale(NOON + 31 * NS)) == {"stale"}


def test_the_end_of_the_calendar_is_no_holiday():
    last = int(CALENDAR.sessions["close_ns"][-1])
    assert feeds().stale(last)["stale"].startswith("the calendar ends with 202412")


def test_the_state_message_has_what_the_page_shows():
    kept = feeds()
    assert kept.feed("es").plain(NOON)["age_s"] is None
    bring(kept.feed("es"), NOON, count=3)
    kept.feed("es").refuse("late: its bar had closed")
    kept.feed("es").refuse("duplicate", 2)
    kept.feed("es").repeated(4)
    kept.feed("es").took(1, 9, NOON + NS, NOON + NS, True)
    assert kept.plain(NOON + 2 * NS) == [
        {
            "name": "es",
            "connected": True,
            "position": 9,
            "events": 4,
            "per_second": pytest.approx(0.25, abs=0.03),
            "last_ts_event": NOON + NS,
            "last_ts_recv": NOON + NS,
            "age_s": 1.0,
            "refused": {"duplicate": 2, "late: its bar had closed": 1},
            "duplicates": 4,
            "gaps": 1,
            "missing": 5,
        }
    ]
