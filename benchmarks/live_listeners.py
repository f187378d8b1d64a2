"""Listeners in a process of their own: every decision that each of them hears, and when.

    python -m benchmarks.live_listeners ADDRESS COUNT OUT     the token comes in by stdin, whose end ends them

OUT: `.npy`, int64 [heard, 4]: listener, number of the decision, its `ts_event`, ns of the machine's monotonic clock.
Prints a line when all are connected. While they listen they do nothing but note what comes when, so that the twentieth
does not wait for nineteen others: it is read when all is over. What comes is read into one buffer: `recv` of so much
would fetch new memory from the system for each piece, and give it back.
"""

import select
import socket
import sys
import time
from collections.abc import Iterator

import msgspec
import numpy as np

from benchmarks import live_client

DECISION = b'{"type":"decision"'
PING = b"\x89\x04"
"""How a ping begins, of four bytes as uvicorn sends it; what else comes is text and has no such bytes."""
MOST = 1 << 18
Piece = tuple[int, int, bytes]
"""Listener, ns, what came."""


class _Live(msgspec.Struct):
    ts_event: int


class _Line(msgspec.Struct):
    number: int
    live: _Live


_LINE = msgspec.json.Decoder(_Line)


def main(address: str, count: str, out: str) -> None:
    token = sys.stdin.readline().strip()
    opened = [live_client.connect(address, "/ws/decisions", token) for _ in range(int(count))]
    print("listening", flush=True)
    np.save(out, np.array(list(_decisions(_heard(opened))), np.int64).reshape(-1, 4))


def _heard(opened: list[socket.socket]) -> list[Piece]:
    """All that comes until the end of stdin."""
    by_file = {each.fileno(): (listener, each) for listener, each in enumerate(opened)}
    poll = select.epoll()
    for file in (*by_file, sys.stdin.fileno()):
        poll.register(file, select.EPOLLIN)
    clock, pieces, buffer = time.perf_counter_ns, list[Piece](), bytearray(MOST)
    while True:
        for file, _ in poll.poll():
            if file not in by_file:
                return pieces
            listener, each = by_file[file]
            size = each.recv_into(buffer)
            pieces.append((listener, clock(), bytes(memoryview(buffer)[:size])))
            at = buffer.find(PING, 0, size)
            if at >= 0:
                each.sendall(live_client.frame(bytes(buffer[at + 2 : at + 6]), live_client.PONG))


def _decisions(pieces: list[Piece]) -> Iterator[tuple[int, int, int, int]]:
    frames: dict[int, live_client.Frames] = {}
    for listener, now, data in pieces:
        for message in frames.setdefault(listener, live_client.Frames()).feed(data):
            if message.startswith(DECISION):
                line = _LINE.decode(message)
                yield listener, line.number, line.live.ts_event, now


if __name__ == "__main__":
    main(*sys.argv[1:])
