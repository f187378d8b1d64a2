"""WebSockets that are open, so that they can be ended: a token is revoked, a listener is slow, the service stops.

A peer that does not read cannot be told why. It is given a moment, then its connection is cut.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator

from starlette.websockets import WebSocket, WebSocketDisconnect

from serving.app import auth
from serving.app.tokens import Scope, Token

AWAY, POLICY, LATER = 1001, 1008, 1013
"""Close codes of RFC 6455 and its registry: going away, against the rules, try again later."""
CLOSE_S = 2.0
"""How long a peer has to take the close frame, and again to answer it."""

Reason = str | Callable[[], str]
Ending = tuple[int, Reason]


class Connection:
    """One of them, let in with `token` for `scope`."""

    def __init__(self, socket: WebSocket, token: Token, scope: Scope) -> None:
        self.socket = socket
        self.token = token
        self.scope = scope
        self._told: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    def leave(self, code: int, reason: Reason) -> None:
        """Have it closed; the first reason counts. A reason that is called is so after the last message went out."""
        if not self._told.done():
            self._told.set_result((code, reason))

    async def work(self, work: Coroutine[None, None, Ending | None]) -> None:
        """Run what serves it until that ends or it is told to leave, then close it. The work gives its own ending,
        or None when the peer is gone."""
        task = asyncio.create_task(work)
        try:
            either: set[asyncio.Future] = {task, self._told}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
            ending = self._told.result() if task.cancelled() else task.result()
        except (WebSocketDisconnect, OSError):
            ending = None
        finally:
            task.cancel()
        if ending is not None:
            code, reason = ending
            await self._close(code, reason if isinstance(reason, str) else reason())

    async def _close(self, code: int, reason: str) -> None:
        cut: Callable[[], None] = self.socket.scope.get("state", {}).get("cut", lambda: None)
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.socket.close(code, reason.encode()[:120].decode(errors="ignore"))
        except TimeoutError:
            cut()
        except (OSError, RuntimeError):
            pass  # it was gone already
        else:
            asyncio.get_running_loop().call_later(CLOSE_S, cut)


class Connections:
    def __init__(self, gate: auth.Gate) -> None:
        self._gate = gate
        self._open: set[Connection] = set()

    def count(self, scope: Scope) -> int:
        return sum(connection.scope == scope for connection in self._open)

    @contextlib.contextmanager
    def holding(self, connection: Connection) -> Iterator[None]:
        self._open.add(connection)
        try:
            yield
        finally:
            self._open.discard(connection)

    def leave(self, scope: Scope, code: int, reason: str) -> None:
        """All that were let in for `scope`."""
        for connection in self._open:
            if connection.scope == scope:
                connection.leave(code, reason)

    def revoke(self) -> None:
        """End those whose token has been revoked."""
        for connection in self._open:
            if not self._gate.still(connection.token, connection.scope):
                connection.leave(POLICY, "this token is no longer known")
