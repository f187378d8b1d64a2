"""Listeners in a process of their own: every decision that each of them hears, and when.

    python -m benchmarks.live_listeners ADDRESS COUNT OUT     the token comes in by stdin, whose end ends them

OUT: `.npy`, int64 [heard, 4]: listener, number of the decision, its `ts_event`, ns of the machine's monotonic clock.
Prints a line when all are connected.
"""

import selectors
import sys
import time

import msgspec
import numpy as np

from benchmarks import live_client

DECISION = b'{"type":"decision"'


class _Live(msgspec.Struct):
    ts_event: int


class _Line(msgspec.Struct):
    number: int
    live: _Live


_LINE = msgspec.json.Decoder(_Line)


def main(address: str, count: str, out: str) -> None:
    token = sys.stdin.readline().strip()
    chosen = selectors.DefaultSelector()
    for listener in range(int(count)):
        opened = live_client.connect(address, "/ws/decisions", token)
        chosen.register(opened, selectors.EVENT_READ, (listener, opened, live_client.Frames()))
    chosen.register(sys.stdin, selectors.EVENT_READ)
    print("listening", flush=True)
    heard: list[tuple[int, int, bytes]] = []
    while True:
        for key, _ in chosen.select():
            if key.data is None:
                np.save(out, np.array([_read(*each) for each in heard], np.int64).reshape(-1, 4))
                return
            listener, opened, frames = key.data
            data = opened.recv(1 << 18)
            now = time.perf_counter_ns()
            for message in frames.feed(data):
                if message.startswith(DECISION):
                    heard.append((listener, now, message))  # read when all is over: the others are waiting
            if frames.pings:
                frames.answer(opened)


def _read(listener: int, now: int, message: bytes) -> tuple[int, int, int, int]:
    line = _LINE.decode(message)
    return listener, line.number, line.live.ts_event, now


if __name__ == "__main__":
    main(*sys.argv[1:])
