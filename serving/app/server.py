"""uvicorn around the application: bound before anything starts, stopped in order.

On SIGTERM or SIGINT: no new connection is taken, feeds are closed with 1001 between two messages, listeners after what
is waiting for them, requests end, then the desk writes what it holds. A second signal ends the process at once: what
was answered is on disk, and the next start goes on from there.
"""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import uvicorn
import uvloop

from mia_ml.core.errors import UsageError
from mia_ml.settings.serve import Serve
from serving import app as application
from serving.app import errors, feeds, front, sockets
from serving.app.desk import Desk
from serving.app.tokens import Tokens

STOP_S, LONGEST_STOP_S = 2, 4
"""How long requests have to end when the service stops, and how long that may take in all."""
PING_S = 10.0
"""A WebSocket whose peer has not answered a ping for so long is gone."""
AGAIN = 130
"""Exit code after a second signal."""


class Server(uvicorn.Server):
    """uvicorn's server that lets the application say goodbye first and leaves signals to its owner."""

    def __init__(self, config: uvicorn.Config, app: application.App) -> None:
        super().__init__(config)
        self._app = app
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await self._app.leave()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(settings: Serve, *, insecure: bool = False) -> socket.socket:
    """The socket of the service. Raises UsageError for an address that cannot be had, or must not be without TLS."""
    if settings.tls_cert is None and not front.is_loopback(settings.host) and not insecure:
        raise UsageError(
            f"serve.host {settings.host} can be reached from elsewhere and tokens would travel in the clear: "
            "set serve.tls_cert and serve.tls_key, or give --insecure behind a proxy that has TLS"
        )
    try:
        family, kind, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        with contextlib.ExitStack() as undo:
            bound = undo.enter_context(socket.socket(family, kind))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            undo.pop_all()
    except OSError as error:
        raise UsageError(f"serve: cannot listen on {settings.host}:{settings.port}: {error.strerror}") from None
    return bound


@contextlib.asynccontextmanager
async def listening(
    desk: Desk, settings: Serve, tokens: Tokens, bound: socket.socket, page_dir: Path | None
) -> AsyncIterator[str]:
    """Take connections while inside; gives the address, such as http://127.0.0.1:8400. Raises UsageError for TLS files
    that are none."""
    app = application.build(desk, tokens, page_dir, front.hosts_of(settings.host))
    config = uvicorn.Config(
        app,
        http=sockets.Http,
        ws=sockets.WebSocket,
        ws_max_size=feeds.OVERSIZE * settings.limits.message_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        lifespan="on",
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_S,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"serve.tls_cert {settings.tls_cert}, tls_key {settings.tls_key}: {error}") from None
    server = Server(config, app)
    serving = asyncio.create_task(server.serve([bound]))
    up = asyncio.create_task(server.listening.wait())
    await asyncio.wait({serving, up}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        up.cancel()
        serving.result()
    scheme, port = "http" if config.ssl is None else "https", bound.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    try:
        yield f"{scheme}://{host}:{port}"
    finally:
        server.should_exit = True
        await asyncio.wait({serving}, timeout=LONGEST_STOP_S)
        if not serving.done():
            serving.cancel()
        elif problem := serving.exception():
            errors.unexpected(problem)


@contextlib.contextmanager
def stopping() -> Iterator[asyncio.Event]:
    """An event that is set at the first SIGTERM or SIGINT; the second ends the process. For the main thread."""
    loop, asked, seen = asyncio.get_running_loop(), asyncio.Event(), list[int]()

    def stop(number: int, _: object) -> None:
        if seen:
            os._exit(AGAIN)
        seen.append(number)
        loop.call_soon_threadsafe(asked.set)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def until_stopped(
    desk: Desk, settings: Serve, tokens: Tokens, page_dir: Path | None, *, insecure: bool = False
) -> None:
    """Serve until a signal; prints the address once the desk has started. To be run by `uvloop.run`, in the main
    thread. While the desk starts the service answers that it is not ready. What `Desk.start` raises ends it."""
    with stopping() as asked, bind(settings, insecure=insecure) as bound:
        try:
            async with listening(desk, settings, tokens, bound, page_dir) as where:
                stop, start = asyncio.create_task(asked.wait()), asyncio.create_task(desk.start())
                await asyncio.wait({stop, start}, return_when=asyncio.FIRST_COMPLETED)
                if start.done():
                    start.result()
                    print(f"mia serve: listening on {where}", flush=True)
                start.cancel()
                await stop
        finally:
            await desk.stop()


def run(desk: Desk, settings: Serve, tokens: Tokens, page_dir: Path | None, *, insecure: bool = False) -> None:
    """`until_stopped` on an event loop of its own."""
    uvloop.run(until_stopped(desk, settings, tokens, page_dir, insecure=insecure))
