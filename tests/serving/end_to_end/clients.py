"""What stands on the other side of the service's sockets: a feed that resumes, and listeners that come back."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from serving.day.decisions import Kept
from tests.serving.end_to_end.running import Running

AGAIN_S = 0.02
AHEAD = 20
"""Messages that a feed sends before it wants the answer to the first of them."""
_KEPT = msgspec.json.Decoder(Kept)
_AWAY = (OSError, WebSocketException, EOFError)


def socket(service: Running, path: str, **more: Any) -> connect:
    values: dict[str, Any] = {"compression": None, "proxy": None, "max_size": 1 << 24, "max_queue": None}
    return connect(f"ws://127.0.0.1:{service.port}{path}", additional_headers=service.bearer(), **values | more)


class Listener:
    """Has each decision once: it comes back behind the last one that it had. lines: as they came."""

    def __init__(self) -> None:
        self.lines: list[Kept] = []
        self.connections = 0
        self.statuses: list[dict[str, Any]] = []

    @property
    def cursor(self) -> int:
        return self.lines[-1].number if self.lines else 0

    def of(self, role: str = "champion") -> list[bytes]:
        """The deterministic part of what came."""
        return [bytes(line.decision) for line in self.lines if line.role == role]

    async def listen(self, service: Running, until: int) -> None:
        """Until it has so many decisions."""
        while len(self.lines) < until:
            try:
                async with socket(service, f"/ws/decisions?since={self.cursor}") as connection:
                    self.connections += 1
                    async for message in connection:
                        self.hear(message)
                        if len(self.lines) >= until:
                            return
            except _AWAY as error:
                _refused(error)
            await asyncio.sleep(AGAIN_S)

    def hear(self, message: str | bytes) -> None:
        if str(message[:16]).startswith('{"type":"status"'):
            self.statuses.append(json.loads(message))
            return
        line = _KEPT.decode(message)
        assert line.number == self.cursor + 1
        self.lines.append(line)


class Feed:
    """Sends events in order, and goes on behind what the service has. batches: the events, cut into messages anew
    from wherever it has to begin. clock: sent when all is in. pace: awaited before each message."""

    def __init__(self, name: str, events: Sequence[dict], sizes: Any, clock: int = 0, pace: Any = None) -> None:
        self.name = name
        self.connections = 0
        self.replies: list[dict[str, Any]] = []
        self.position = 0
        """The last one that was acknowledged."""
        self._events = events
        self._sizes = sizes
        self._clock = clock
        self._pace = pace

    async def send(self, service: Running) -> None:
        """Until everything is acknowledged."""
        done = False
        while not done:
            try:
                async with socket(service, f"/ws/feed?name={self.name}") as connection:
                    self.connections += 1
                    done = await self._go_on(connection)
            except _AWAY as error:
                _refused(error)
            if not done:
                await asyncio.sleep(AGAIN_S)

    async def _go_on(self, connection: Any) -> bool:
        hello = json.loads(await connection.recv())
        at = hello["resume_after"]
        waiting = 0
        while at < len(self._events):
            if self._pace is not None:
                await self._pace()
            n = self._sizes()
            await connection.send(json.dumps(self._events[at : at + n]))
            at += n
            waiting += 1
            if waiting >= AHEAD:
                if not self._answered(await connection.recv()):
                    return False
                waiting -= 1
        if self._clock:
            await connection.send(json.dumps({"kind": "clock", "ts_event": self._clock}))
            waiting += 1
        for _ in range(waiting):
            if not self._answered(await connection.recv()):
                return False
        return True

    def _answered(self, message: str | bytes) -> bool:
        """False when it has to begin again behind what the service has."""
        answer = json.loads(message)
        self.replies.append(answer)
        self.position = answer.get("position", self.position)
        assert answer["type"] != "error" or answer["retry"], answer
        return answer["type"] != "error"


def _refused(error: BaseException) -> None:
    """Being away is no mistake; being told that one makes one is."""
    if isinstance(error, InvalidStatus):
        assert error.response.status_code in (409, 503), (error, error.response.body)


async def together(*works: Any, seconds: float = 120.0) -> None:
    async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work)
