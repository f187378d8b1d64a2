"""Feeds bring their portions to the desk: a full disk makes them wait, an error of one stops no other."""

import asyncio

import pytest

from mia_ml.core.errors import SourceError
from mia_ml.core.tables import Reject
from serving.feeds import feeding
from serving.feeds.feed import Arrival, BaseFeed
from serving.intake import events
from serving.unavailable import Unavailable
from tests.serving import live_world
from tests.serving.day.test_parity import rows_of

pytestmark = pytest.mark.anyio
MANY = 6000


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


class Recorded(BaseFeed):
    """Gives `given`, portions or what to raise, one after another."""

    screened = True

    def __init__(self, name, given):
        super().__init__(name)
        self.given = given
        self.asked = []
        self.connected = True

    async def portions(self, after):
        self.asked.append(after)
        for one in self.given:
            await asyncio.sleep(0)
            if isinstance(one, Reject):
                self.rejects.add(one)
            elif isinstance(one, Exception):
                raise one
            else:
                yield one
        self.connected = False


def portions(world, size=700):
    return [
        tuple(Arrival(r.table, r.symbol, events.columns(r.table, r.records), r.records["position"]) for r in rows)
        for rows in (rows_of(world.messages[k : min(k + size, MANY)]) for k in range(0, MANY, size))
    ]


@pytest.fixture
def desk(rolling, tmp_path):
    return rolling.desk(tmp_path)


def decided(state):
    return [live_world.decision_of(line) for line in live_world.on_disk(state)]


async def test_what_comes_while_nothing_can_be_written_is_taken_once_when_it_can(rolling, desk, tmp_path, monkeypatch):
    monkeypatch.setattr(feeding, "RETRY_S", 0.001)
    write, refused = desk.journal.write, []

    def full(*given):
        if len(refused) < 5 and desk.journal.number >= 100 * len(refused):
            refused.append(1)
            raise Unavailable("disk full")
        return write(*given)

    desk.journal.write = full
    await feeding.run(Recorded("es", portions(rolling)), desk)
    assert len(refused) == 5
    assert desk.resume_after("es") == MANY
    assert decided(tmp_path) == rolling.lines[: desk.journal.number]
    assert desk.journal.number > 300


async def test_a_day_that_cannot_end_makes_the_next_wait(rolling, desk, tmp_path, monkeypatch):
    monkeypatch.setattr(feeding, "RETRY_S", 0.001)
    refused = []

    class Full(live_world.Nobody):
        def end(self, day, bars):
            if len(refused) < 3:
                refused.append(day.day)
                raise Unavailable("disk full")

    desk._follower = Full()
    first = len(live_world.events_of(rolling.days[0]))
    rows = rows_of(rolling.messages[first - 50 : first + 50])
    given = [tuple(Arrival(r.table, r.symbol, events.columns(r.table, r.records), r.records["position"]) for r in rows)]
    await feeding.run(Recorded("es", given), desk)
    assert refused == [rolling.days[0].day] * 3
    assert desk.day.day == rolling.days[1].day
    assert desk.resume_after("es") == first + 50


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SourceError("feed bad: es.scid: row 7: not\na price"), "feed bad: feed bad: es.scid: row 7: not a price"),
        (OSError(5, "Input/output error", "es.scid"), "feed bad: [Errno 5] Input/output error: 'es.scid'"),
        (RuntimeError("inside"), "feed bad: it stopped on an error of the service itself, which is in its log"),
    ],
)
async def test_an_error_of_a_feed_stands_against_acting_and_the_others_go_on(rolling, desk, error, said):
    good, bad = Recorded("es", portions(rolling)[:3]), Recorded("bad", [error])
    await asyncio.gather(feeding.run(bad, desk), feeding.run(good, desk))
    assert desk.core.acting.standing.texts() == [said]
    assert desk.resume_after("es") == 2100
    assert not desk.feeds.feed("bad").connected


async def test_a_feed_goes_on_behind_what_is_written_down_and_nobody_waits_for_one_that_has_left(
    rolling, desk, tmp_path
):
    feed = Recorded("es", portions(rolling))
    await feeding.run(feed, desk)
    desk.close()
    again = live_world.reopened(rolling.desk(tmp_path))
    other = Recorded("es", [])
    await feeding.run(other, again)
    assert (feed.asked, other.asked) == ([0], [MANY])
    assert not again.feeds.feed("es").connected
    assert again.day.lanes["es"].number in again.day.arrivals.merge._gone


async def test_a_feed_that_is_stopped_is_closed_and_gone(desk):
    class Endless(Recorded):
        async def portions(self, after):
            try:
                await asyncio.sleep(1000)
                yield ()
            finally:
                self.given.append("closed")

    feed = Endless("es", [])
    running = asyncio.create_task(feeding.run(feed, desk))
    await asyncio.sleep(0)
    assert desk.feeds.feed("es").connected
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert feed.given == ["closed"]
    assert not desk.feeds.feed("es").connected


async def test_rejects_are_counted_with_their_reasons(rolling, desk):
    rejects = [Reject("es.scid", 3, "no price", ""), Reject("es.scid", 4, "no price", "", table="trades")]
    await feeding.run(Recorded("es", [*rejects, *portions(rolling)[:1], rejects[0]]), desk)
    assert desk.feeds.feed("es").refused == {"record: no price": 2, "trades: no price": 1}


def test_what_a_feed_says_of_itself_is_looked_at(desk):
    feed, standing = Recorded("es", []), desk.core.acting.standing
    feeding.look(feed, desk)
    assert desk.feeds.feed("es").connected
    assert not standing
    feed.connected, feed.trouble = False, "connection lost"
    feed.rejects.add(Reject("es.scid", 3, "no price", ""))
    feeding.look(feed, desk)
    assert not desk.feeds.feed("es").connected
    assert desk.feeds.feed("es").refused == {"record: no price": 1}
    assert standing.texts() == ["feed es: connection lost"]
    feed.connected, feed.trouble = True, ""
    feeding.look(feed, desk)
    assert not standing


def test_events_that_a_source_has_missed_are_a_gap_until_the_bar_is_over(desk):
    feed, standing = Recorded("es", []), desk.core.acting.standing
    feed.gaps = 2
    for _ in range(2):
        feeding.look(feed, desk)
    assert desk.feeds.feed("es").gaps == 2
    assert standing.texts() == ["gap: the source of es has missed events"]
    standing.closed(desk.now_ns() + 1)
    feeding.look(feed, desk)
    assert not standing
    feed.gaps = 3
    feeding.look(feed, desk)
    assert standing
