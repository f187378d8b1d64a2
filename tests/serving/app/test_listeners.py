"""Decisions out: to everybody, in order, once, also to who comes in the middle of them; and who is slow is let go."""

import asyncio
import json
import random

import pytest
from websockets.exceptions import InvalidStatus

from serving.app import connections, sockets
from tests.serving import fake_desk
from tests.serving.app import running


def test_everybody_gets_the_line_of_the_journal(tmp_path):
    async def scenario():
        async with running.serving(tmp_path) as s, s.listener() as one, s.listener() as two:
            for listener in (one, two):
                assert json.loads(await listener.recv())["type"] == "status"
            s.desk.decide(7)
            texts = [await listener.recv() for listener in (one, two)]
            assert texts[0] == texts[1] == '{"type":"decision",' + s.desk.journal[0].decode()[1:]
            told = json.loads(await one.recv())
            assert (told["type"], told["decisions"]["number"], told["listeners"]) == ("status", 1, 2)

    running.run(scenario())


@pytest.mark.parametrize("seed", range(3))
def test_a_cursor_has_neither_gap_nor_doubling(tmp_path, seed):
    async def scenario():
        rng = random.Random(seed)
        last = 600
        async with running.serving(tmp_path) as s:
            for _ in range(150):
                s.desk.decide()

            async def publish():
                while len(s.desk.journal) < last:
                    for _ in range(rng.randint(1, 8)):
                        s.desk.decide()
                    await asyncio.sleep(rng.choice([0, 0, 0.001, 0.003]))

            async def listen(since):
                async with s.listener(since) as listener:
                    found = await running.numbers(listener, last)
                assert found == list(range(since + 1, len(found) + since + 1))

            publishing = asyncio.create_task(publish())
            listening = []
            for _ in range(12):
                listening.append(asyncio.create_task(listen(rng.randint(0, len(s.desk.journal)))))
                await asyncio.sleep(rng.choice([0, 0.002, 0.005]))
            await asyncio.gather(publishing, *listening)
            await running.eventually(lambda: len(s.desk.hub) == 0)

    running.run(scenario())


@pytest.mark.parametrize(("since", "status"), [("x", 400), ("-1", 400), ("1e3", 400), ("9" * 20, 400), ("5", 409)])
def test_a_cursor_that_cannot_be_is_refused(tmp_path, since, status):
    async def scenario():
        async with running.serving(tmp_path) as s:
            with pytest.raises(InvalidStatus) as refused:
                await s.socket(f"/ws/decisions?since={since}", "read").__aenter__()
            assert refused.value.response.status_code == status

    running.run(scenario())


def test_who_does_not_read_is_let_go_and_comes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "CLOSE_S", 0.1)
    cut, cuts = sockets.WebSocket.cut, []
    monkeypatch.setattr(sockets.WebSocket, "cut", lambda socket: cuts.append(cut(socket)))

    async def scenario():
        async with running.serving(tmp_path) as s, s.listener(0) as quick:
            slow = await s.listener(0, max_queue=1).__aenter__()
            await slow.recv()
            slow.transport.pause_reading()
            await running.eventually(lambda: len(s.desk.hub) == 2)
            while len(s.desk.hub) == 2:
                last = s.desk.decide(padding=200_000)
                assert await running.numbers(quick, last) == [last]
            assert s.desk.metrics.let_go._value.get() == 1
            await running.eventually(lambda: len(cuts) == 1)
            slow.transport.resume_reading()
            assert (await running.until_closed(slow))[0] == running.CUT_OFF
            await running.eventually(lambda: len(s.desk.hub) == 1)

    running.run(scenario())


def test_who_is_slow_is_told_where_to_come_back(tmp_path):
    async def scenario():
        async with running.serving(tmp_path) as s, s.listener(0, max_queue=None) as slow:
            await slow.recv()
            await running.eventually(lambda: len(s.desk.hub) == 1)
            last = 0
            while len(s.desk.hub):  # it gets no turn in between, until the system takes no more for it
                s.desk.decide()
                last += 1
            code, reason, messages = await running.until_closed(slow)
            found = [message["number"] for message in messages if message["type"] == "decision"]
            assert (code, reason) == (1013, f"too slow: come back with since={len(found)}")
            assert found == list(range(1, len(found) + 1))
            async with s.listener(len(found)) as again:
                assert await running.numbers(again, last) == list(range(len(found) + 1, last + 1))

    running.run(scenario())


def test_places_are_limited_and_a_listener_says_nothing(tmp_path):
    async def scenario():
        desk = fake_desk.FakeDesk(fake_desk.limits(listeners=1))
        async with running.serving(tmp_path, desk) as s:
            async with s.listener() as listener:
                with pytest.raises(InvalidStatus) as refused:
                    await s.listener().__aenter__()
                assert refused.value.response.status_code == 503
                assert json.loads(refused.value.response.body)["retry"] is True
                await listener.send("hello")
                await listener.wait_closed()
                assert listener.close_code == 1008
            await running.eventually(lambda: len(s.desk.hub) == 0)
            async with s.listener() as listener:
                await listener.recv()

    running.run(scenario())
