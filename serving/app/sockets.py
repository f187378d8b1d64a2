"""uvicorn's protocols with the bounds that they leave open.

HTTP: a head must be whole within `HEAD_S` and `HEAD_BYTES`.

WebSocket: what arrived is parsed in portions, the next one when the application has taken the messages of the last, so
that one sender's backlog holds up nobody else's turn; a message is in `PIECES` pieces at most; a peer that does not
read can be cut off; one that is heard from is alive, though its pong waits behind what it sent. Text that is no UTF-8
goes on as the bytes it is, to be answered like any other bad message, where RFC 6455 would close the connection. What
many peers are sent alike is framed once.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State

HEAD_BYTES = 32_768
HEAD_S = 10.0
PORTION_BYTES = 16_384
PIECES = 1024
CUT_S = 1.0
"""From giving up on a silent peer to cutting it off."""


class Http(HttpToolsProtocol):
    """HTTP/1.1 whose heads are bounded in size and time."""

    _late: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES:
            self.transport.close()

    def on_message_begin(self) -> None:
        if not self._in_head:
            self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._relax()
        super().on_headers_complete()

    def _wait(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self._late = self.loop.call_later(HEAD_S, self.transport.close)

    def _relax(self) -> None:
        self._in_head = False
        if self._late is not None:
            self._late.cancel()
            self._late = None


class WebSocket(WebSocketsSansIOProtocol):
    """A WebSocket that takes turns. `cut` and `push` are in the scope's state, for the application."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app_state = {**self.app_state, "cut": self.cut, "push": self.push}
        self._rest = b""  # arrived, not parsed yet; nothing more is read while there is some

    def cut(self) -> None:
        """End the connection whether or not the peer takes what was written to it."""
        self.transport.abort()

    def push(self, frame: bytes) -> bool:
        """Write a frame now; False when the peer is behind with what it was sent, or is not there."""
        if self.conn.state is not State.OPEN or not self.writable.is_set() or self.transport.is_closing():
            return False
        self.transport.write(frame)
        return True

    def data_received(self, data: bytes) -> None:
        if self.pong_timer is not None:
            self.pong_timer.cancel()
            self.pong_timer, self.pending_ping_payload = None, None
            self.schedule_ping()
        self._rest += data
        while self._rest and (self.queue.empty() or self.close_sent):
            self._parse_portion()

    async def receive(self) -> ASGIReceiveEvent:
        while self._rest and self.queue.empty():
            self._parse_portion()
        if self.read_paused and self.queue.empty():  # the last portion ended within a message
            self.read_paused = False
            self.transport.resume_reading()
        message = await super().receive()
        if self._rest and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()
        return message

    def send(self, message: ASGISendEvent) -> Coroutine[Any, Any, None]:
        if message["type"] == "websocket.http.response.body":
            return self._refuse(message)
        return super().send(message)

    async def _refuse(self, message: ASGISendEvent) -> None:
        await super().send(message)
        self.handshake_complete = True  # or uvicorn takes a refusal for an application that failed

    def _parse_portion(self) -> None:
        portion, self._rest = self._rest[:PORTION_BYTES], self._rest[PORTION_BYTES:]
        super().data_received(portion)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self._refuse_head()

    def _refuse_head(self) -> None:
        """A request to upgrade that websockets cannot read, such as one with a long header; uvicorn would leave it."""
        self._rest, self.handshake_complete, self.close_sent = b"", True, True
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()

    def handle_text(self, event: Frame) -> None:
        self.handle_bytes(event)

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= PIECES:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, f"a message in more than {PIECES} pieces")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self._rest = b""
        self.disconnected = True

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.disconnected = True
        self.loop.call_later(CUT_S, self.cut)


def frame(payload: bytes) -> bytes:
    """A text message of a service as it goes over the wire, uncompressed.

    >>> frame(b"hi").hex()
    '81026869'
    """
    return Frame(Opcode.TEXT, payload).serialize(mask=False)
