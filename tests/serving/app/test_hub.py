"""Who listens gets each decision once, in order, and the publisher never waits."""

import asyncio

import pytest

from serving.app.hub import Hub, Listener
from serving.app.metrics import Metrics


@pytest.fixture
def hub() -> Hub:
    return Hub(3, Metrics())


def behind(frame: bytes) -> bool:
    """Of a listener that takes nothing at once."""
    return False


def line(number: int) -> bytes:
    return b'{"number":%d}' % number


def waiting(listener: Listener) -> list[int]:
    """Cursors of all that is waiting for it."""

    async def all_of_it() -> list[int]:
        listener.close()
        found = []
        while (message := await listener.next()) is not None:
            found.append(message[0])
        return found

    return asyncio.run(all_of_it())


def test_what_a_listener_has_had_from_the_journal_is_passed_over(hub):
    listener = hub.join(5, pytest.fail, behind)
    for number in (4, 5, 6, 7, 7):
        hub.publish(number, line(number))
    assert waiting(listener) == [6, 7]


def test_a_full_queue_lets_go_once_and_nobody_else_is_touched(hub):
    gone = []
    slow, quick = hub.join(0, gone.append, behind), hub.join(0, pytest.fail, behind)
    for number in range(1, 7):
        hub.publish(number, line(number))
        assert asyncio.run(quick.next()) == (number, f'{{"type":"decision","number":{number}}}')
    assert (gone, len(hub), waiting(slow)) == ([slow], 1, [])


def test_a_status_gives_way(hub):
    listener = hub.join(0, pytest.fail, behind)
    hub.status("first")
    hub.status("dropped")
    assert asyncio.run(listener.next()) == (0, "first")
    hub.publish(1, line(1))
    hub.status("dropped")
    assert waiting(listener) == [1]
    hub.status("after the end")
    assert waiting(listener) == []


def test_who_reads_the_journal_is_woken(hub):
    news = hub.watch()
    hub.publish(1, line(1))
    assert news.is_set()
    news.clear()
    hub.unwatch(news)
    hub.publish(2, line(2))
    assert not news.is_set()


def test_who_waits_for_nothing_is_sent_at_once_and_else_in_turn(hub):
    """A frame overtakes nothing: what is being sent, or waits, goes first."""
    taken: list[bytes] = []
    writable = True

    def push(frame: bytes) -> bool:
        if writable:
            taken.append(frame)
        return writable

    async def listen() -> None:
        nonlocal writable
        listener = hub.join(0, pytest.fail, push)
        hub.publish(1, line(1))  # it has not asked yet: something may be on its way
        assert (taken, await listener.next()) == ([], (1, '{"type":"decision","number":1}'))
        asking = asyncio.create_task(listener.next())
        await asyncio.sleep(0)
        hub.publish(2, line(2))
        hub.status("so")
        hub.publish(2, line(2))
        assert [frame[2:] for frame in taken] == [b'{"type":"decision","number":2}', b"so"]
        assert (listener.cursor, asking.done()) == (2, False)
        writable = False
        hub.publish(3, line(3))
        writable = True
        hub.publish(4, line(4))  # not before 3
        hub.status("dropped")
        assert (await asking, await listener.next()) == (
            (3, '{"type":"decision","number":3}'),
            (4, '{"type":"decision","number":4}'),
        )
        asking = asyncio.create_task(listener.next())
        await asyncio.sleep(0)
        listener.close()
        hub.publish(5, line(5))
        assert (await asking, len(taken)) == (None, 2)

    asyncio.run(listen())
