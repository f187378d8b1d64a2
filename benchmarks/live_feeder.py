"""A feed in a process of its own: sends frames that were made beforehand, evenly paced, and times every answer.

    python -m benchmarks.live_feeder ADDRESS FEED FRAMES FIRST COUNT RATE OUT     the token comes in by stdin

FRAMES: the file of `live_messages`. RATE: messages a second, 0 for as fast as they are taken. OUT: `.npz` with `sent`
and `answered`, int64 [COUNT], ns of the machine's monotonic clock. A message is sent when the socket takes it: a
service that does not keep up makes its sender wait.
"""

import mmap
import select
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import live_client
from mia_ml.core.errors import DataError

MOST_AT_ONCE = 64
MOST = 1 << 18
"""Bytes of answers that are read at once."""
GIVE_UP_S = 60.0
ACK, CLEAN = b'{"type":"ack"', b'"duplicates":0,"refused":[]'


def main(address: str, feed: str, frames: str, first: str, count: str, rate: str, out: str) -> None:
    token = sys.stdin.readline().strip()
    begin, number = int(first), int(count)
    ends = np.load(Path(frames).with_suffix(".ends.npy"))[begin : begin + number]
    start = int(np.load(Path(frames).with_suffix(".ends.npy"))[begin - 1]) if begin else 0
    with open(frames, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        view = memoryview(mapped)
        try:
            sent, answered = fed(address, feed, token, view, np.concatenate([[start], ends]), float(rate))
        finally:
            view.release()
    np.savez(out, sent=sent, answered=answered)


def fed(
    address: str, feed: str, token: str, frames: memoryview, edges: np.ndarray, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """edges: where in `frames` each message begins, and where the last one ends. Raises DataError on an answer that is
    not an acknowledgement of all its events."""
    count = edges.size - 1
    sent, answered = np.zeros(count, np.int64), np.zeros(count, np.int64)
    opened = live_client.connect(address, f"/ws/feed?name={feed}", token)
    opened.setblocking(False)
    read, buffer = live_client.Frames(), bytearray(MOST)
    clock, places = time.perf_counter_ns, edges.tolist()
    at, out, heard = places[0], 0, -1  # hello is heard first
    begun = 0
    while heard < count:
        now = clock()
        due = 0 if heard < 0 else count
        if rate and begun:
            due = min(count, int((now - begun) * rate / 1e9) + 1)
        pause = GIVE_UP_S
        if rate and begun and out == due < count:
            pause = max(0.0, (begun + due * 1e9 / rate - now) / 1e9)
        readable, writable, _ = select.select([opened], [opened] if out < due else [], [], pause)
        if writable:
            took = opened.send(frames[at : places[min(due, out + MOST_AT_ONCE)]])
            now, at = clock(), at + took
            while out < count and places[out + 1] <= at:
                sent[out] = now
                out += 1
        if readable:
            size = opened.recv_into(buffer)
            now = clock()
            if not size:
                raise DataError("the service has gone")
            for answer in read.feed(bytes(memoryview(buffer)[:size])):
                if heard < 0:
                    begun = now
                elif not answer.startswith(ACK) or CLEAN not in answer:
                    raise DataError(f"message {heard + 1} was answered {answer.decode()}")
                else:
                    answered[heard] = now
                heard += 1
            read.answer(opened)
        elif not writable and pause == GIVE_UP_S:
            raise DataError(f"no answer for {GIVE_UP_S:.0f} s: {heard:,} of {count:,} messages are answered")
    opened.close()
    return sent, answered


if __name__ == "__main__":
    main(*sys.argv[1:])
