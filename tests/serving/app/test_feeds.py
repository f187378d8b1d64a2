"""Events in: each message its answer, in order, whatever it is, and nothing lost on the way."""

import asyncio
import contextlib
import json

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from serving.app import feeds
from tests.serving import fake_desk
from tests.serving.app import running
from tests.serving.app.running import answer, trade


def test_messages_are_answered_one_by_one_in_order(tmp_path):
    async def scenario():
        async with running.serving(tmp_path) as s, s.feed() as feed:
            assert json.loads(await feed.recv()) == {"type": "hello", "feed": "one", "resume_after": 0}
            for position in range(1, 301):  # pipelined
                await feed.send(trade(position) if position % 3 else b"no JSON")
            for position in range(1, 301):
                told = json.loads(await feed.recv())
                assert told["type"] == ("ack" if position % 3 else "error")
                assert told.get("position", position) == position
            many = b"[" + b",".join(trade(position) for position in range(299, 349 + feeds.PORTION)) + b"]"
            told = await answer(feed, many)
            assert (told["accepted"], told["duplicates"]) == (feeds.PORTION + 49, 1)
            assert (await answer(feed, trade(2000, size=0)))["refused"] == [
                {"position": 2000, "reason": "a trade of no size", "value": ""}
            ]
            assert s.desk.on == {"one": True}
        await running.eventually(lambda: s.desk.on == {"one": False})

    running.run(scenario())


def test_text_that_is_no_utf8_and_bytes_are_answered(tmp_path):
    async def scenario():
        async with running.serving(tmp_path) as s, s.feed() as feed:
            await feed.recv()
            await feed.send(b"\xff\xfe{", text=True)
            assert json.loads(await feed.recv())["type"] == "error"
            assert (await answer(feed, trade(1)))["type"] == "ack"

    running.run(scenario())


def test_what_is_too_long_is_answered_and_far_too_long_ends_the_connection(tmp_path):
    async def scenario():
        async with running.serving(tmp_path) as s, s.feed() as feed, s.http("feed") as client:
            await feed.recv()
            most = s.desk.limits.message_bytes
            assert (await answer(feed, b" " * (most - 300) + trade(1)))["type"] == "ack"
            assert (await answer(feed, b" " * most + trade(2)))["error"] == "a message of more than 65,536 bytes"
            assert (await answer(feed, trade(3)))["type"] == "ack"
            for content in (b" " * (most + 1), piecewise(most + 1)):
                refused = await client.post("/api/events", headers={"x-feed": "two"}, content=content)
                assert (refused.status_code, refused.json()["error"]) == (413, "a body of more than 65,536 bytes")
            await feed.send(b" " * (feeds.OVERSIZE * most + 1))
            assert (await running.until_closed(feed))[0] == 1009
            async with s.feed() as again:
                assert json.loads(await again.recv())["resume_after"] == 3

    running.run(scenario())


async def piecewise(size):
    for _ in range(size // 4096 + 1):
        yield b" " * 4096


def test_a_message_in_too_many_pieces_ends_the_connection(tmp_path):
    async def scenario():
        async with running.serving(tmp_path) as s, s.feed() as feed:
            await feed.recv()
            await feed.send([bytes([byte]) for byte in trade(1)])
            assert json.loads(await feed.recv())["type"] == "ack"
            with contextlib.suppress(ConnectionClosedError):
                await feed.send([b" "] * 3000)
            assert (await running.until_closed(feed))[0] == 1009

    running.run(scenario())


def test_one_connection_a_name(tmp_path):
    async def scenario():
        async with running.serving(tmp_path) as s, s.feed() as feed:
            await feed.recv()
            with pytest.raises(InvalidStatus) as refused:
                await s.feed().__aenter__()
            assert refused.value.response.status_code == 409
            line = "feed 'one' is connected already: one connection a name"
            assert json.loads(refused.value.response.body)["error"] == line
            async with s.feed("two") as other:
                assert json.loads(await other.recv())["feed"] == "two"
            assert (await answer(feed, trade(1)))["type"] == "ack"
            await feed.close()
            async with s.feed() as again:
                assert json.loads(await again.recv())["resume_after"] == 1

    running.run(scenario())


def test_there_are_no_more_names_than_allowed(tmp_path):
    async def scenario():
        desk = fake_desk.FakeDesk(fake_desk.limits(feeds=2))
        line = "feed 'three': events came under 2 names already (serve.limits.feeds): go on under one of them"
        async with running.serving(tmp_path, desk) as s, s.feed() as feed, s.http("feed") as client:
            await feed.recv()
            for name, status in (("two", 200), ("three", 409), ("two", 200)):
                found = await client.post("/api/events", headers={"x-feed": name}, content=trade(status))
                assert found.status_code == status
            with pytest.raises(InvalidStatus) as refused:
                await s.feed("three").__aenter__()
            assert json.loads(refused.value.response.body)["error"] == line
            assert desk.taken.keys() == {"two"}
            assert (await answer(feed, trade(1)))["type"] == "ack"

    running.run(scenario())


@pytest.mark.parametrize("name", ["", "a b", "x" * 41, "../x"])
def test_a_feed_has_a_name(tmp_path, name):
    async def scenario():
        async with running.serving(tmp_path) as s, s.http("feed") as client:
            with pytest.raises(InvalidStatus) as refused:
                await s.feed(name).__aenter__()
            assert refused.value.response.status_code == 400
            found = await client.post("/api/events", headers={"x-feed": name}, content=trade(1))
            assert (found.status_code, s.desk.taken) == (400, {})

    running.run(scenario())


def test_what_could_not_be_taken_is_not_overtaken(tmp_path):
    async def scenario():
        async with running.serving(tmp_path) as s, s.feed() as feed, s.http("feed") as client:
            await feed.recv()
            s.desk.broken.append(fake_desk.disk_full())
            for position in (1, 2, 3):
                await feed.send(trade(position))
            await feed.send(b'{"kind":"clock","ts_event":9}')
            told = [json.loads(await feed.recv()) for _ in range(4)]
            assert [(one["type"], one["retry"]) for one in told] == [("error", True)] * 4
            assert told[0]["error"] == "the disk takes no more: free some space"
            assert told[1]["error"] == "send again from position 1, which could not be taken"
            posted = await client.post("/api/events", headers={"x-feed": "one"}, content=trade(2))
            assert (posted.status_code, posted.json()["retry"]) == (503, True)
            assert s.desk.taken == {}
            for position in (1, 2, 3):
                assert (await answer(feed, trade(position)))["accepted"] == 1
            posted = await client.post("/api/events", headers={"x-feed": "one"}, content=trade(4))
            assert (posted.status_code, posted.json()["accepted"]) == (200, 1)

    running.run(scenario())


def test_an_error_nobody_foresaw_is_told_without_its_cause(tmp_path, caplog):
    async def scenario():
        async with running.serving(tmp_path) as s, s.feed() as feed:
            await feed.recv()
            s.desk.broken.append(KeyError("inner secret"))
            told = await answer(feed, trade(1))
            assert told["error"].startswith("internal error ")
            assert told["error"].split()[2].rstrip(":") in caplog.text
            assert "inner secret" in caplog.text
            assert (await answer(feed, trade(1)))["type"] == "ack"

    running.run(scenario())


def test_who_is_too_fast_waits_and_loses_nothing(tmp_path):
    async def scenario():
        desk = fake_desk.FakeDesk(fake_desk.limits(messages_per_s=100))
        async with running.serving(tmp_path, desk) as s, s.feed() as feed:
            await feed.recv()
            began_s = asyncio.get_running_loop().time()
            for position in range(1, 131):
                await feed.send(trade(position))
            for position in range(1, 131):
                assert json.loads(await feed.recv())["position"] == position
            assert asyncio.get_running_loop().time() - began_s > 0.25

    running.run(scenario())
