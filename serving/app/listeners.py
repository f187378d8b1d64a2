"""Decisions out over a WebSocket: from the journal behind a cursor, then live, without a gap or a doubling.

While a listener reads the journal it may be as slow as it likes: what it has not read is on disk. Once it is live it
has a queue; when that is full it is let go with 1013 and told where to come back.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from fastapi import APIRouter, WebSocket

from serving.app import auth, connections, errors, hub
from serving.app.connections import AWAY, LATER, POLICY, Connection, Ending
from serving.app.desk import Desk
from serving.intake import wire
from serving.unavailable import Unavailable

CHUNK = 100
"""Lines of the journal that are read at once."""
STATUS_S = 1.0


class _Numbered(msgspec.Struct):
    number: int


_NUMBER = msgspec.json.Decoder(_Numbered)


def router(desk: Desk, gate: auth.Gate, held: connections.Connections) -> APIRouter:
    routes = APIRouter()

    @routes.websocket("/ws/decisions")
    async def listen(socket: WebSocket) -> None:
        token = gate.admit(socket, "read")
        since = _cursor(socket.query_params.get("since"), desk)
        if held.count("read") >= desk.limits.listeners:
            line = f"all {desk.limits.listeners} places for listeners are taken"
            raise errors.Refused(503, line, {"retry-after": "5"}, retry=True)
        connection = Connection(socket, token, "read")
        with held.holding(connection):
            await socket.accept(auth.subprotocol(socket))
            await connection.work(_serve(desk, connection, since))

    return routes


async def broadcast_status(desk: Desk) -> None:
    """Tell everybody who listens once a second how things are; never ends."""
    while True:
        await asyncio.sleep(STATUS_S)
        if len(desk.hub):
            try:
                desk.hub.status(status(desk))
            except Exception as problem:
                errors.unexpected(problem)


def status(desk: Desk) -> str:
    return wire.encode({"type": "status", **desk.state()}).decode()


async def _serve(desk: Desk, connection: Connection, since: int) -> Ending | None:
    """Send until the peer is gone, or say with which ending to close."""
    sending = asyncio.create_task(_send(desk, connection, since))
    receiving = asyncio.create_task(connection.socket.receive())
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            return sending.result()
        if receiving.result()["type"] == "websocket.disconnect":
            return None
        return POLICY, "a listener has nothing to say here"
    finally:
        sending.cancel()
        receiving.cancel()
        await asyncio.wait({sending, receiving})


async def _send(desk: Desk, connection: Connection, since: int) -> Ending:
    async def send(text: str) -> None:
        await connection.socket.send({"type": "websocket.send", "text": text})

    await send(status(desk))
    listener = await _catch_up(desk, connection, since, send)
    try:
        while (message := await listener.next()) is not None:
            number, text = message
            await send(text)
            listener.cursor = number
    finally:
        desk.hub.leave(listener)
    return AWAY, f"the service stops: come back with since={listener.cursor}"


async def _catch_up(
    desk: Desk, connection: Connection, cursor: int, send: Callable[[str], Awaitable[None]]
) -> hub.Listener:
    """Send the journal behind the cursor until there is no more of it, then listen."""
    while lines := list(desk.decisions(cursor, CHUNK)):
        for line in lines:
            await send(hub.decision(line))
        cursor = _NUMBER.decode(lines[-1]).number
        await asyncio.sleep(0)
    push = connection.socket.scope.get("state", {}).get("push", lambda frame: False)
    return desk.hub.join(
        cursor, lambda slow: connection.leave(LATER, lambda: f"too slow: come back with since={slow.cursor}"), push
    )


def _cursor(given: str | None, desk: Desk) -> int:
    """The cursor to begin at; without one what comes from now on. Raises Refused for one that cannot be,
    Unavailable while the desk has no journal."""
    decisions = desk.state().get("decisions")
    if decisions is None:
        raise Unavailable("the service has no decisions yet: it is starting")
    last = int(decisions["number"])
    if given is None:
        return last
    if not (given.isdecimal() and given.isascii() and len(given) < 19):
        raise errors.Refused(400, f"since={given[:40]}: it must be the number of a decision, 0 for all")
    if int(given) > last:
        raise errors.Refused(409, f"since={given}: the last decision here is {last}")
    return int(given)
