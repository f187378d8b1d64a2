"""The webhook: in order, at least once, the same key for the same decision, and whoever is slow holds up nobody."""

import asyncio
import contextlib
import json

import pytest

from mia_ml.core.errors import DataError
from mia_ml.settings.serve import Webhook
from serving.app import webhook
from tests.serving import fake_desk
from tests.serving.app.running import eventually, run


class Receiver:
    """answers: HTTP statuses of the next requests, 200 when there are none left, 0 to hang up."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.keys: list[int] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []

    @contextlib.asynccontextmanager
    async def listening(self):
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.IncompleteReadError), contextlib.closing(writer):
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                    body = await reader.readexactly(int(headers["content-length"]))
                    self.requests.append((headers, body))
                    self.keys.append(int(headers["idempotency-key"]))
                    status = self.answers.pop(0) if self.answers else 200
                    if not status:
                        return
                    writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\nlocation: /elsewhere\r\n\r\n" % status)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        finally:
            server.close()


@contextlib.asynccontextmanager
async def posting(desk, url, folder, secret=""):
    poster = webhook.Poster(desk, Webhook(url=url, timeout_s=0.5), folder, secret, pauses_s=(0.01, 0.02))
    task = asyncio.create_task(poster.run())
    await asyncio.sleep(0.01)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_decisions_that_act_arrive_in_order_whatever_the_receiver_does(tmp_path):
    async def scenario():
        desk, receiver = fake_desk.FakeDesk(), Receiver(500, 0, 429, 302, 200, 410, 503)
        desk.decide()  # before the webhook was there
        async with receiver.listening() as url, posting(desk, url, tmp_path, "hush"):
            for act in (True, False, True, True, False):
                desk.decide(act=act)
                desk.decide(role="shadow")  # which nobody is told of
            await eventually(lambda: json.loads((tmp_path / webhook.NAME).read_text())["number"] == 11)
            assert receiver.keys == [2, 2, 2, 2, 2, 6, 8, 8]
            headers, body = receiver.requests[-1]
            assert body == desk.journal[7]
            time_s = int(headers["x-mia-signature"].split(",")[0].removeprefix("t="))
            assert headers["x-mia-signature"] == webhook.signature(b"hush", time_s, body)
            assert desk.metrics.webhook_failures.labels("410")._value.get() == 1

    run(scenario())


def test_a_restart_sends_what_was_not_confirmed(tmp_path):
    async def scenario():
        desk, receiver = fake_desk.FakeDesk(), Receiver(200, *[500] * 1000)
        async with receiver.listening() as url:
            async with posting(desk, url, tmp_path):
                for _ in range(3):
                    desk.decide()
                await eventually(lambda: receiver.keys.count(2) > 1)
            receiver.answers.clear()
            receiver.keys.clear()
            desk.decide()
            async with posting(desk, url, tmp_path):
                await eventually(lambda: receiver.keys == [2, 3, 4])
                desk.decide()
                await eventually(lambda: receiver.keys == [2, 3, 4, 5])

    run(scenario())


def test_who_is_not_there_holds_up_nobody(tmp_path):
    async def scenario():
        desk = fake_desk.FakeDesk()
        async with posting(desk, "http://127.0.0.1:1/", tmp_path) as task:
            for _ in range(100):
                desk.decide()
            await eventually(lambda: desk.metrics.webhook_failures.labels("ConnectError")._value.get() > 2)
            assert not task.done()
        assert json.loads((tmp_path / webhook.NAME).read_text())["number"] == 0

    run(scenario())


def test_a_cursor_that_is_none_is_refused(tmp_path):
    async def scenario():
        (tmp_path / webhook.NAME).write_text("{}")
        async with posting(fake_desk.FakeDesk(), "http://127.0.0.1:1/", tmp_path) as task:
            await asyncio.wait({task})
            assert isinstance(task.exception(), DataError)

    run(scenario())
