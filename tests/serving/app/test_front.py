"""What every answer has, and that every refusal is one line of JSON."""

import asyncio
import json

import pytest
from websockets.exceptions import InvalidStatus

from serving.app import front, sockets
from tests.serving import fake_desk
from tests.serving.app import running


def test_every_refusal_is_one_line_of_json_with_the_headers_of_safety(tmp_path):
    async def scenario():
        async with running.serving(tmp_path) as s, s.http("read") as client, s.http("admin") as admin:
            s.desk.state = lambda: 1 / 0
            for status, answer in [
                (404, await client.get("/nothing")),
                (404, await client.get("/../tokens.json")),
                (404, await client.get("/docs")),
                (404, await client.get("/openapi.json")),
                (405, await client.post("/health")),
                (405, await client.get("/api/admin/reload")),
                (422, await client.get("/api/decisions?since=x")),
                (422, await client.get("/api/decisions?limit=99999999")),
                (422, await client.get("/api/statement?day=1")),
                (400, await client.get("/api/statement?day=20200101")),
                (422, await admin.post("/api/admin/stand-down", content=b'{"on": 1, "reason": "x"}')),
                (422, await admin.post("/api/admin/stand-down", content=b"\xff")),
                (413, await admin.post("/api/admin/stand-down", content=b" " * 10_001)),
                (400, await client.get("/health", headers={"host": "attacker.example:8400"})),
                (500, await client.get("/api/state")),
            ]:
                assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
                assert answer.json()["error"].splitlines() == [answer.json()["error"]]
                assert "Traceback" not in answer.text
                assert "division" not in answer.text
                for name, value in front.HEADERS.items():
                    assert answer.headers[name] == value
                assert "server" not in answer.headers
                assert "access-control-allow-origin" not in answer.headers

    running.run(scenario())


def test_an_unknown_error_is_in_the_log_under_the_name_that_was_told(tmp_path, caplog):
    async def scenario():
        async with running.serving(tmp_path) as s, s.http("read") as client:
            s.desk.state = lambda: 1 / 0
            name = (await client.get("/api/state")).json()["error"].split()[2].rstrip(":")
            assert f"unexpected error {name}" in caplog.text
            assert "ZeroDivisionError" in caplog.text
            with pytest.raises(InvalidStatus) as refused:
                await s.listener().__aenter__()
            assert refused.value.response.status_code == 500
            s.desk.state = lambda: {"decisions": {"number": 0}}
            s.desk.decisions = lambda since, limit: 1 / 0
            async with s.listener() as listener:
                assert (await running.until_closed(listener))[0] == 1011

    running.run(scenario())


def test_what_is_read(tmp_path):
    async def scenario():
        async with running.serving(tmp_path, fake_desk.FakeDesk(decide_every=1)) as s, s.http("read") as client:
            async with s.http("feed") as feeder:
                body = b"[" + b",".join(running.trade(position) for position in (1, 2, 3)) + b"]"
                posted = await feeder.post("/api/events", headers={"x-feed": "one"}, content=body)
                assert posted.json()["accepted"] == 3
            lines = (await client.get("/api/decisions?since=1&limit=1")).text
            assert [json.loads(line)["number"] for line in lines.splitlines()] == [2]
            assert (await client.get("/api/decisions")).headers["content-type"] == "application/x-ndjson"
            assert (await client.get("/api/state")).json()["decisions"]["number"] == 3
            assert (await client.get("/api/statement?day=20231227")).json() == {"day": 20231227}
            assert "<title>live</title>" in (await client.get("/")).text
            assert (await client.get("/ready")).json() == {"ready": True, "why": []}
            s.desk.why = ["the golden tape is being replayed"]
            ready = await client.get("/ready")
            assert (ready.status_code, ready.json()) == (503, {"ready": False, "why": s.desk.why})
            assert (await client.get("/health")).json() == {"status": "ok"}

    running.run(scenario())


def test_while_the_desk_starts_it_is_said(tmp_path):
    async def scenario():
        desk = fake_desk.FakeDesk()
        desk.starting, desk.why = True, ["starting"]
        async with running.serving(tmp_path, desk) as s, s.http("read") as client:
            for socket in (s.feed(), s.listener(), s.listener(0)):
                with pytest.raises(InvalidStatus) as refused:
                    await socket.__aenter__()
                assert refused.value.response.status_code == 503
                assert json.loads(refused.value.response.body)["retry"] is True
            assert (await client.get("/metrics")).status_code == 200
            assert (await client.get("/ready")).status_code == 503
            assert (await client.get("/health")).status_code == 200
            desk.starting = False
            async with s.feed() as feed:
                assert json.loads(await feed.recv())["resume_after"] == 0

    running.run(scenario())


def test_what_an_operator_does(tmp_path):
    async def scenario():
        async with running.serving(tmp_path) as s, s.http("admin") as client:
            assert (await client.post("/api/admin/reload")).json() == {"moved": False}
            asked = {"on": True, "reason": "lunch\nbreak"}
            assert (await client.post("/api/admin/stand-down", json=asked)).json()["reason"] == "lunch break"
            assert s.desk.standing == ["lunch break"]
            await client.post("/api/admin/stand-down", json={"on": False, "reason": "over"})
            assert s.desk.standing == []

    running.run(scenario())


@pytest.mark.parametrize("head", ["endless line", "endless headers", "slow", "upgrade with a long header"])
def test_a_head_without_end_is_cut_off(tmp_path, monkeypatch, head):
    monkeypatch.setattr(sockets, "HEAD_S", 0.3 if head == "slow" else 1000)

    async def scenario():
        async with running.serving(tmp_path) as s, s.http() as client:
            host, port = s.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write({"endless line": b"GET /", "slow": b"GET / HTTP/1.1\r\n"}.get(head, b"GET / HTTP/1.1\r\n"))
            if head == "upgrade with a long header":
                writer.write(b"host: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n")
                writer.write(b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n")
                writer.write(b"x: " + b"y" * 30_000 + b"\r\n\r\n")
            elif head != "slow":
                for _ in range(100):
                    writer.write(b"x" * 1000 if head == "endless line" else b"x-header: y\r\n" * 100)
            try:
                while await reader.read(65_536):
                    pass
            except ConnectionError:
                pass
            writer.close()
            assert (await client.get("/health")).status_code == 200

    running.run(scenario())
