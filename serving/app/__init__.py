"""The application: HTTP and WebSocket in front of a desk."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import fastapi
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from serving.app import admin, auth, connections, errors, feeds, front, listeners, read
from serving.app.desk import Desk
from serving.app.tokens import Tokens

REVOKED_S = 1.0
"""How often it is looked whether a token of an open connection has been revoked."""
DRAIN_S = 1.0
"""How long listeners have, when the service stops, to take what was decided."""


class App(fastapi.FastAPI):
    """desk: what it is in front of. held: the WebSockets that are open."""

    desk: Desk
    held: connections.Connections

    async def leave(self) -> None:
        """Close every WebSocket: feeds at once, listeners after what is waiting for them."""
        self.held.leave("feed", connections.AWAY, "the service stops")
        self.desk.hub.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while self.held.count("read"):
                    await asyncio.sleep(0.01)
        self.held.leave("read", connections.AWAY, "the service stops")


def build(desk: Desk, tokens: Tokens, page_dir: Path | None, hosts: frozenset[str] | None = None) -> App:
    """The ASGI application. page_dir: folder of the live page. hosts: names that a Host header may have, None for any
    (`front.hosts_of` gives those of a binding)."""
    gate = auth.Gate(tokens, desk.limits, desk.metrics)
    held = connections.Connections(gate)

    @contextlib.asynccontextmanager
    async def lifespan(_: fastapi.FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(listeners.broadcast_status(desk)), asyncio.create_task(_revoke(held))]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    app = App(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.desk, app.held = desk, held
    errors.install(app)
    desk.metrics.follow(desk.state)
    app.include_router(read.router(desk, gate))
    app.include_router(admin.router(desk, gate))
    app.include_router(feeds.router(feeds.Feeds(desk), gate, held))
    app.include_router(listeners.router(desk, gate, held))
    if page_dir is not None:
        app.router.routes.extend(_page(page_dir))
    app.add_middleware(front.Front, hosts=hosts)
    return app


def _page(folder: Path) -> list[Route]:
    """A route to each file of the page, so that all other paths are answered as such."""
    files = StaticFiles(directory=folder, html=True)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [Route(f"/{name}", files, methods=["GET"]) for name in ("", *names)]


async def _revoke(held: connections.Connections) -> None:
    while True:
        await asyncio.sleep(REVOKED_S)
        held.revoke()
