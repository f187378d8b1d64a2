"""The application under a real uvicorn, on the event loop of the test."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from serving.app import server
from serving.app.tokens import NAME, Tokens
from tests.serving import fake_desk

CUT_OFF = 1006


def run(test: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await test

    uvloop.run(bounded())


class Served:
    """desk: behind it. url: such as http://127.0.0.1:1. tokens: one of each scope."""

    def __init__(self, desk: fake_desk.FakeDesk, url: str, tokens: dict[str, str], context: ssl.SSLContext | None):
        self.desk, self.url, self.tokens, self._context = desk, url, tokens, context

    def bearer(self, scope: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens.get(scope, scope)}"} if scope else {}

    @contextlib.asynccontextmanager
    async def http(self, scope: str = "") -> AsyncIterator[httpx.AsyncClient]:
        verify: Any = self._context or True
        async with httpx.AsyncClient(
            base_url=self.url, headers=self.bearer(scope), trust_env=False, verify=verify
        ) as client:
            yield client

    def socket(self, path: str, scope: str = "", **more: Any) -> connect:
        values: dict[str, Any] = {"compression": None, "proxy": None, "ssl": self._context, "max_size": 1 << 24}
        values["additional_headers"] = self.bearer(scope)
        where = self.url.replace("http", "ws", 1) + path
        return connect(where, **values | more)

    def feed(self, name: str = "one", **more: Any) -> connect:
        return self.socket(f"/ws/feed?name={name}", "feed", **more)

    def listener(self, since: int | None = None, **more: Any) -> connect:
        return self.socket("/ws/decisions" + ("" if since is None else f"?since={since}"), "read", **more)


@contextlib.asynccontextmanager
async def serving(
    state: Path, desk: fake_desk.FakeDesk | None = None, *, client: ssl.SSLContext | None = None, **changed: Any
) -> AsyncIterator[Served]:
    """A service while inside. client: the TLS context of its clients. changed: its settings."""
    desk = desk or fake_desk.FakeDesk()
    page = state / "page"
    page.mkdir(exist_ok=True)
    (page / "index.html").write_text("<!doctype html><title>live</title>")
    tokens = fake_desk.all_tokens(state)
    chosen = fake_desk.settings(state, limits=desk.limits, **changed)
    with server.bind(chosen) as bound:
        async with server.listening(desk, chosen, Tokens(state / NAME), bound, page) as url:
            yield Served(desk, url, tokens, client)


def trade(position: int, **changed: Any) -> bytes:
    event = {"kind": "trade", "position": position, "symbol": "ESH4", "ts_event": position, "price": 1.5, "size": 1}
    return json.dumps(event | {"side": 0} | changed).encode()


async def answer(socket: ClientConnection, message: bytes | str) -> dict[str, Any]:
    await socket.send(message)
    return json.loads(await socket.recv())


async def numbers(socket: ClientConnection, until: int) -> list[int]:
    """Of the decisions that come up to this one."""
    found: list[int] = []
    while not found or found[-1] < until:
        message = json.loads(await socket.recv())
        if message["type"] == "decision":
            found.append(message["number"])
    return found


async def until_closed(socket: ClientConnection) -> tuple[int, str, list[dict[str, Any]]]:
    """Code and reason of its end, and what came before. The code is CUT_OFF where no close frame came."""
    found = []
    try:
        while True:
            found.append(json.loads(await socket.recv()))
    except ConnectionClosed as closed:
        if closed.rcvd is None:
            return CUT_OFF, "", found
        return closed.rcvd.code, closed.rcvd.reason, found


async def eventually(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    while True:
        held = condition()
        if held if isinstance(held, bool) else await held:
            return
        await asyncio.sleep(0.005)
