"""Events in: over a WebSocket, one answer a message in order, or one POST a message.

A message is answered before the next one is looked at; a sender that is faster is held back by TCP, nothing is dropped.
A sender with much to say gives way to the others every half a millisecond.

What could not be taken for a cause that lies here is owed: until it is sent again nothing behind it is taken from that
feed, so that messages already on their way do not overtake it and turn it into a duplicate.
"""

import asyncio
import re
import time

from fastapi import APIRouter, Request, WebSocket
from starlette.responses import Response

from mia_ml.core.errors import MiaError
from serving.app import auth, connections, errors, limits
from serving.app.desk import Desk
from serving.intake import wire
from serving.unavailable import Unavailable

TURN_NS = 500_000
PORTION = 500
"""Events of a message that are taken in one go."""
OVERSIZE = 2
"""Up to so many times the size of a message it is answered; beyond that the connection is closed with 1009."""
_NAME = re.compile(r"^[A-Za-z0-9._-]{1,40}$")


class Feeds:
    """What feeds send, on its way to the desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._most = desk.limits.message_bytes
        self._answers = {answer: desk.metrics.messages.labels(answer) for answer in ("ack", "retry", "error")}
        self._owed: dict[str, int] = {}
        self._connected: set[str] = set()
        self._names: set[str] = set()

    def know(self, feed: str) -> None:
        """A feed is about to send. Raises Refused for one name too many: of each something is kept."""
        most = self.desk.limits.feeds
        if feed not in self._names and len(self._names) >= most:
            raise errors.Refused(
                409,
                f"feed '{feed}': events came under {most} names already (serve.limits.feeds): go on under one of them",
            )
        self._names.add(feed)

    def connect(self, feed: str) -> wire.Hello:
        """Begin a connection; what its feed is told. Raises Refused when another of that name is connected or there are
        too many names, Unavailable while the desk starts."""
        self.know(feed)
        if feed in self._connected:
            raise errors.Refused(409, f"feed '{feed}' is connected already: one connection a name")
        self._owed.pop(feed, None)
        hello = wire.Hello(feed, self.desk.resume_after(feed))
        self.desk.connected(feed, True)
        self._connected.add(feed)
        return hello

    def disconnect(self, feed: str) -> None:
        self._connected.discard(feed)
        self.desk.connected(feed, False)

    async def answer(self, feed: str, message: bytes | str) -> wire.Reply | wire.Error:
        """Take one message. Never raises: whatever happens is an answer."""
        if len(message) > self._most:
            answer: wire.Reply | wire.Error = wire.Error(f"a message of more than {self._most:,} bytes")
        else:
            try:
                events = wire.decode(message)
                answer = await self._take(feed, events)
            except wire.BadMessage as bad:
                answer = wire.Error(str(bad))
            except Unavailable as unavailable:
                answer = wire.Error(str(unavailable), retry=True)
            except MiaError as refused:  # such as a moment beyond the calendar
                answer = wire.Error(str(refused))
            except Exception as problem:
                answer = wire.Error(errors.unexpected(problem))
        self._answers["ack" if isinstance(answer, wire.Reply) else "retry" if answer.retry else "error"].inc()
        return answer

    async def _take(self, feed: str, events: list[wire.Event]) -> wire.Reply:
        owed = self._owed.get(feed)
        first = next((event.position for event in events if not isinstance(event, wire.Clock)), None)
        if owed is not None and (first is None or first > owed):
            raise Unavailable(f"send again from position {owed}, which could not be taken")
        try:
            reply = self.desk.take(feed, events[:PORTION], time.time_ns())
            for start in range(PORTION, len(events), PORTION):
                await asyncio.sleep(0)
                more = self.desk.take(feed, events[start : start + PORTION], time.time_ns())
                reply = _together(reply, more)
        except Unavailable:
            self._owed[feed] = self.desk.resume_after(feed) + 1 if first is None else first
            raise
        self._owed.pop(feed, None)
        return reply


def _together(one: wire.Reply, two: wire.Reply) -> wire.Reply:
    return wire.Reply(
        two.position, one.accepted + two.accepted, one.duplicates + two.duplicates, one.refused + two.refused
    )


def router(feeds: Feeds, gate: auth.Gate, held: connections.Connections) -> APIRouter:
    routes = APIRouter()
    limit = feeds.desk.limits

    @routes.websocket("/ws/feed")
    async def listen(socket: WebSocket) -> None:
        token = gate.admit(socket, "feed")
        feed = _name(socket.query_params.get("name", ""), "?name=")
        connection = connections.Connection(socket, token, "feed")
        hello = feeds.connect(feed)
        try:
            with held.holding(connection):
                await socket.accept(auth.subprotocol(socket))
                await socket.send_text(wire.encode(hello).decode())
                await connection.work(_serve(feeds, feed, socket, limits.Bucket(limit.messages_per_s)))
        finally:
            feeds.disconnect(feed)

    @routes.post("/api/events")
    async def post(request: Request) -> Response:
        gate.admit(request, "feed")
        feed = _name(request.headers.get("x-feed", ""), "header X-Feed")
        feeds.know(feed)
        answer = await feeds.answer(feed, await limits.body(request, limit.message_bytes))
        status = 200 if isinstance(answer, wire.Reply) else 503 if answer.retry else 400
        return Response(wire.encode(answer), status, media_type="application/json")

    return routes


async def _serve(feeds: Feeds, feed: str, socket: WebSocket, bucket: limits.Bucket) -> None:
    """Answer message after message until the peer is gone."""
    spent_ns = 0
    while (message := await socket.receive())["type"] == "websocket.receive":
        began_ns = time.perf_counter_ns()
        content = message.get("bytes")
        answer = await feeds.answer(feed, message["text"] if content is None else content)
        await socket.send({"type": "websocket.send", "text": wire.encode(answer).decode()})
        wait_s = bucket.wait_s()
        spent_ns += time.perf_counter_ns() - began_ns
        if wait_s > 0 or spent_ns > TURN_NS:
            await asyncio.sleep(wait_s)
            spent_ns = 0


def _name(name: str, where: str) -> str:
    if not _NAME.match(name):
        raise errors.Refused(400, f"{where} must name the feed: 1 to 40 of A-Z a-z 0-9 . _ -")
    return name
