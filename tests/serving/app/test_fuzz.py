"""A hostile feed, a hundred thousand messages strong, gets its errors and costs nobody else anything."""

import asyncio
import json
import os
import signal

from hypothesis import given
from hypothesis import strategies as st

from serving.intake import wire
from tests.serving import fake_desk
from tests.serving.app import hostile, running
from tests.serving.app.test_server import process

COUNT = int(os.environ.get("MIA_FUZZ", "100000"))
HONEST_NS = 10**15
"""Event times of the honest feed begin here, far behind any other."""


async def attack(s: running.Served, messages: list[tuple[bytes | str, str]]) -> dict[str, int]:
    """Send them all, read all answers; how many there were of each type."""
    counts = {"ack": 0, "error": 0}
    async with s.feed("hostile", max_queue=None) as feed:
        await feed.recv()
        await running.answer(feed, hostile.trade(1 << 61))  # no position is new behind this one

        async def read() -> None:
            for message, expected in messages:
                answer = json.loads(await feed.recv())
                kind = answer["type"]
                counts[kind] += 1
                assert expected != hostile.ERROR or kind == "error", message
                assert expected != hostile.NOTHING or kind == "ack", message
                if kind == "ack":
                    assert answer["accepted"] == 0, message
                else:
                    assert answer["error"], message
                    assert "\n" not in answer["error"], message
                    assert not answer["error"].startswith("internal"), message
                    assert not answer["retry"], message

        reading = asyncio.create_task(read())
        for number, (message, _) in enumerate(messages):
            await feed.send(message)
            if number % 50 == 0:
                await asyncio.sleep(0)
                if reading.done():
                    break
        await reading
    return counts


async def be_honest(s: running.Served, until: asyncio.Task) -> int:
    """Send one trade after another; how many were taken."""
    position = 0
    async with s.feed("honest") as feed:
        await feed.recv()
        while not until.done():
            position += 1
            told = await running.answer(feed, running.trade(position, ts_event=HONEST_NS + position))
            assert told == {"type": "ack", "position": position, "accepted": 1, "duplicates": 0, "refused": []}
            await asyncio.sleep(0.001)
    return position


def test_hostile_messages_cost_nobody_else_anything(tmp_path):
    async def scenario():
        messages = list(hostile.messages(1, COUNT, fake_desk.limits().message_bytes))
        async with process(tmp_path, decide_every=1) as (service, s), s.listener(0) as listener:
            heard: list[tuple[int, int]] = []

            async def listen():
                async for message in listener:
                    told = json.loads(message)
                    if told["type"] == "decision":
                        heard.append((told["number"], told["live"]["ts_event"]))

            listening = asyncio.create_task(listen())
            attacking = asyncio.create_task(attack(s, messages))
            honest = await be_honest(s, attacking)
            counts = await attacking
            await running.eventually(lambda: len(heard) > honest)
            assert sum(counts.values()) == len(messages) == COUNT
            assert counts["error"] > 0.6 * COUNT
            assert [number for number, _ in heard] == list(range(1, len(heard) + 1))
            times = [ts_event for _, ts_event in heard if ts_event >= HONEST_NS]
            assert times == [HONEST_NS + position for position in range(1, honest + 1)]
            assert honest > 20
            service.send_signal(signal.SIGTERM)
            assert await service.wait() == 0
            await listening
        assert "unexpected error" not in (tmp_path / "log").read_text()
        assert "Traceback" not in (tmp_path / "log").read_text()

    running.run(scenario())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=5),
)
FIELD = st.sampled_from([*hostile.FIELDS, "bid_px", "bid_sz", "value", "open", "call_wall", "x"])
NEAR = st.dictionaries(FIELD, JSON | st.sampled_from(["trade", "book", "options", "vix", "bar", "clock"]))


@given(st.binary() | st.text() | JSON.map(json.dumps) | NEAR.map(json.dumps) | st.lists(NEAR).map(json.dumps))
def test_whatever_is_decoded_is_events_or_one_line(message):
    try:
        events = wire.decode(message)
    except wire.BadMessage as bad:
        line = str(bad)
    else:
        line = "-"
        assert events
        for event in events:
            assert isinstance(event, wire.Event)
            assert wire.decode(wire.encode(event)) == [event]
    assert line
    assert "\n" not in line
