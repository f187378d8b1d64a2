"""A WebSocket client that costs next to nothing, so that what is measured is the service: RFC 6455 by hand.

Frames of a client are masked; a mask of zeros leaves them as they are, so they can be made beforehand and sent from a
file. Time is the machine's monotonic clock, which all of its processes share.
"""

import base64
import os
import socket
import struct
from urllib.parse import urlsplit

from mia_ml.core.errors import DataError

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
_MASK = bytes(4)


def connect(address: str, path: str, token: str) -> socket.socket:
    """address: as `mia serve` prints it. Raises DataError when the service does not let it in."""
    where = urlsplit(address)
    opened = socket.create_connection((where.hostname or "", where.port or 0), timeout=30)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    opened.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):  # byte by byte: what follows is the first frame
        byte = opened.recv(1)
        if not byte:
            break
        head += byte
    if not head.startswith(b"HTTP/1.1 101"):
        raise DataError(f"{path}: {head.decode(errors='replace').partition(chr(13))[0] or 'no answer'}")
    return opened


def frame(payload: bytes, kind: int = TEXT) -> bytes:
    """A whole message of a client.

    >>> frame(b"hi").hex()
    '8182000000006869'
    """
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | kind, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x80 | kind, 0xFE, size)
    else:
        head = struct.pack("!BBQ", 0x80 | kind, 0xFF, size)
    return head + _MASK + payload


class Frames:
    """What a service sends, message by message; it is never fragmented.

    >>> frames = Frames()
    >>> frames.feed(bytes.fromhex("8102")), frames.feed(b"hi" + bytes.fromhex("8900") + b"x"), frames.pings
    ([], [b'hi'], [b''])
    """

    def __init__(self) -> None:
        self.pings: list[bytes] = []
        """Whoever reads answers these with PONG."""
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole. Raises DataError when the service closes."""
        buffer, at, out = self._rest + data, 0, []
        while len(buffer) - at >= 2:
            kind, size, head = buffer[at] & 0x0F, buffer[at + 1], 2
            if size >= 126:
                head = 4 if size == 126 else 10
                size = int.from_bytes(buffer[at + 2 : at + head])
            if len(buffer) - at < head + size:
                break
            payload = buffer[at + head : at + head + size]
            at += head + size
            if kind == TEXT:
                out.append(payload)
            elif kind == PING:
                self.pings.append(payload)
            elif kind == CLOSE:
                raise DataError(f"the service closed with {int.from_bytes(payload[:2])} {payload[2:].decode()}")
        self._rest = buffer[at:]
        return out

    def answer(self, opened: socket.socket) -> None:
        """Answer the pings that have come."""
        for payload in self.pings:
            opened.sendall(frame(payload, PONG))
        self.pings.clear()
