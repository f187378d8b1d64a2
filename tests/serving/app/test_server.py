"""The service as a process: where it listens, with which certificate, and how it ends."""

import asyncio
import contextlib
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from mia_ml.core.errors import UsageError
from serving.app import server, tokens
from tests.serving import fake_desk
from tests.serving.app import running

REPOSITORY = Path(__file__).resolve().parents[3]


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-made one for localhost, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    try:
        subprocess.run([*made, *names, "-keyout", key, "-out", cert], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not here to make a certificate")
    return cert, key


def test_tls_by_settings(tmp_path):
    cert, key = certificate(tmp_path)
    files = {"tls_cert": str(cert), "tls_key": str(key)}

    async def scenario():
        context = ssl.create_default_context(cafile=cert)
        async with running.serving(tmp_path, client=context, **files) as s, s.http("read") as client:
            assert s.url.startswith("https://127.0.0.1:")
            assert (await client.get("/api/state")).status_code == 200
            async with s.feed() as feed:
                await feed.recv()
                assert (await running.answer(feed, running.trade(1)))["accepted"] == 1
            plain = socket.create_connection(("127.0.0.1", int(s.url.rpartition(":")[2])))
            with contextlib.closing(plain):
                plain.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
                await asyncio.sleep(0.05)
                assert b"200" not in plain.recv(100)

    running.run(scenario())


def test_files_that_are_no_certificate_are_refused_with_one_line(tmp_path):
    async def scenario(**files):
        with pytest.raises(UsageError, match="tls_cert") as refused:
            async with running.serving(tmp_path, **files):
                pass
        assert "\n" not in str(refused.value)

    (tmp_path / "not.pem").write_text("no certificate")
    (tmp_path / "two").mkdir()
    running.run(scenario(tls_cert=str(tmp_path / "not.pem"), tls_key=str(tmp_path / "not.pem")))
    for name in tokens.SCOPES:
        tokens.revoke(tmp_path / tokens.NAME, name)
    running.run(scenario(tls_cert=str(tmp_path / "none.pem"), tls_key=str(tmp_path / "none.pem")))


def test_other_addresses_than_loopback_need_tls_or_insecure(tmp_path):
    with pytest.raises(UsageError, match="--insecure"):
        server.bind(fake_desk.settings(tmp_path, host="0.0.0.0"))
    with server.bind(fake_desk.settings(tmp_path, host="0.0.0.0"), insecure=True) as bound:
        assert bound.getsockname()[1] > 0
    with server.bind(fake_desk.settings(tmp_path, host="0.0.0.0", tls_cert="a", tls_key="b")):
        pass


def test_an_address_that_is_taken_is_refused_with_one_line(tmp_path):
    with server.bind(fake_desk.settings(tmp_path)) as first:
        first.listen()
        with pytest.raises(UsageError, match=r"cannot listen on 127\.0\.0\.1:\d+: Address already in use"):
            server.bind(fake_desk.settings(tmp_path, port=first.getsockname()[1]))


@contextlib.asynccontextmanager
async def process(state: Path, decide_every: int = 0):
    """The service as a process; what it said on stderr is in `said` of it afterwards."""
    known = fake_desk.all_tokens(state)
    command = [sys.executable, "-m", "tests.serving.app.served", str(state), str(decide_every)]
    pipe = asyncio.subprocess.PIPE
    with (state / "log").open("wb") as log:
        running_process = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stdout=pipe, stderr=log)
    try:
        line = (await running_process.stdout.readline()).decode()
        assert line.startswith("mia serve: listening on http://127.0.0.1:"), (state / "log").read_text()
        yield running_process, running.Served(fake_desk.FakeDesk(), line.split()[-1], known, None)
    finally:
        if running_process.returncode is None:
            running_process.kill()
            await running_process.wait()


def test_it_stops_in_order_and_says_goodbye(tmp_path):
    async def scenario():
        async with process(tmp_path, decide_every=1) as (service, s):
            async with s.feed() as feed, s.listener(0) as listener, s.listener(0) as stuck, s.http() as idle:
                await idle.get("/health")
                stuck.transport.pause_reading()
                await feed.recv()
                for position in range(1, 101):
                    await feed.send(running.trade(position))
                for _ in range(100):
                    await feed.recv()
                service.send_signal(signal.SIGTERM)
                assert await running.numbers(listener, 100) == list(range(1, 101))
                for peer in (feed, listener):
                    assert (await running.until_closed(peer))[0] == 1001
                async with asyncio.timeout(5):
                    assert await service.wait() == 0
                stuck.transport.abort()
            assert await service.stdout.read() == b"stopped True with {'one': 100}\n"

    running.run(scenario())


def test_a_second_signal_ends_it_at_once(tmp_path):
    async def scenario():
        async with process(tmp_path) as (service, s), s.http("admin") as client:

            async def endless():
                service.send_signal(signal.SIGTERM)
                while True:
                    yield b" "
                    await asyncio.sleep(0.05)
                    service.send_signal(signal.SIGTERM)

            with contextlib.suppress(Exception):
                await client.post("/api/admin/stand-down", content=endless())
            assert await service.wait() == server.AGAIN

    running.run(scenario())


def test_no_secret_is_in_any_log(tmp_path):
    async def scenario():
        async with process(tmp_path, decide_every=1) as (service, s):
            for scope in ("", "read", "feed", "admin", "mia_" + "w" * 43):
                async with s.http(scope) as client:
                    for path in ("/api/state", "/metrics", "/nothing", f"/api/state?token={s.tokens['read']}"):
                        await client.get(path)
                    await client.post("/api/events", headers={"x-feed": "one"}, content=running.trade(1))
                    await client.post("/api/admin/stand-down", json={"on": True, "reason": s.tokens["admin"]})
            for offered in (s.tokens["read"], s.tokens["feed"]):
                with contextlib.suppress(Exception):
                    where = f"/ws/decisions?since=0&token={offered}"
                    async with s.socket(where, subprotocols=["mia", f"bearer.{offered}"]) as opened:
                        await opened.recv()
            async with s.feed() as feed:
                await running.answer(feed, f'{{"kind": "{s.tokens["feed"]}"}}')
            service.send_signal(signal.SIGTERM)
            await service.wait()
            logged = (tmp_path / "log").read_text()
            assert "GET /api/state HTTP/1.1" in logged
            assert "stand down on: mia_***" in logged
            assert "token=" not in logged
            for token in [*s.tokens.values(), "w" * 43]:
                assert token not in logged
                assert token.removeprefix(tokens.PREFIX) not in logged
            assert str(s.tokens["read"]) not in (tmp_path / tokens.NAME).read_text()

    running.run(scenario())
