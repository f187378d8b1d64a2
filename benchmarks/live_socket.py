"""The live service over loopback WebSockets: `mia serve` in one process, a feed in another, 20 listeners in a third.

Single events are sent evenly at 5,000 a second, of a tape of a tenth of ES' intensity: a day in 75 s, some 18 bars
closing a second. Then at 2, 4 and 8 times that. Timed is from the moment the socket takes the event that closes a bar
to its decision at each listener, and from a message to its answer. A service that does not keep up makes the sender
wait; nothing is ever dropped, which is counted.

Logs and lines are handed to the operating system before anybody is told (`serve.sync: never`). How long it takes when
the disk is waited for before a decision leaves, as shipped (`decision`), is the disk's affair, and told beside it.
"""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import live_messages, live_service
from benchmarks.figures import Figure
from benchmarks.live_messages import Messages
from benchmarks.live_service import Service
from benchmarks.live_world import LiveWorld
from mia_ml.core.errors import DataError

RATE, LISTENERS = 5_000, 20
WARM_UP = 10_000
"""Messages before, the first of which opens the trading day."""
SECONDS = 60.0
TIMES = (2, 4, 8)
NAMES = (
    *("live_socket_decision_p50_ms", "live_socket_decision_p99_ms", "live_socket_reply_p99_ms", "live_socket_dropped"),
    "live_socket_rss_growth_mb",
    *(f"live_socket_p99_ms_at_{times}x" for times in TIMES),
    *("live_socket_saturates_at", "live_socket_batched_events_per_s", "live_socket_synced_p99_ms"),
)
TIMES_SECONDS = 8.0
BATCH, BATCHES = 100, 3_000
KEPT_UP = 0.98
SETTLE_S = 1.0


class Heard(NamedTuple):
    """One run. decisions, replies: ms each took. dropped: answers and decisions that did not arrive. rate: messages
    answered a second. cpu: of the service, in cores. rss_mb: at the start, in the middle and at the end."""

    decisions: np.ndarray
    replies: np.ndarray
    dropped: int
    numbers: int
    rate: float
    cpu: float
    rss_mb: tuple[float, float, float]


def sockets(world: LiveWorld, seconds: float = SECONDS, times_seconds: float = TIMES_SECONDS) -> Iterator[Figure]:
    counts = [round(RATE * seconds), *(round(RATE * times * times_seconds) for times in TIMES)]
    with tempfile.TemporaryDirectory(prefix="mia-benchmark-socket-") as room:
        folder = Path(room)
        events = live_messages.of_days(world)
        messages = live_messages.write(events, folder / "single", WARM_UP + sum(counts))
        batches = live_messages.write(events, folder / "batch", BATCHES, BATCH)
        options = ["--bundle", str(world.bundle)]
        with Service(folder / "service", world, options, sync="never") as service:
            ran(service, messages, 0, WARM_UP, RATE, folder)
            first, runs = WARM_UP, []
            for times, count in zip((1, *TIMES), counts, strict=True):
                runs.append(ran(service, messages, first, count, RATE * times, folder))
                first += count
                yield from _of_run(times, runs[-1], seconds if times == 1 else times_seconds)
            yield _saturation(runs)
            found = ran(service, batches, 0, BATCHES, 0, folder)
            note = f"{BATCHES * BATCH:,} events, {BATCH} a message, {found.cpu:.2f} cores"
            yield Figure("live_socket_batched_events_per_s", float(found.rate * BATCH), "events/s", note=note)
        with Service(folder / "synced", world, options, sync="decision") as service:
            ran(service, messages, 0, WARM_UP, RATE, folder)
            found = ran(service, messages, WARM_UP, counts[1], RATE, folder)
            p50, p99 = np.percentile(found.decisions, [50, 99])
            note = f"serve.sync: decision, {counts[1] / RATE:.0f} s at {RATE:,}/s; p50 {p50:.2f} ms"
            yield Figure("live_socket_synced_p99_ms", float(p99), "ms", note=note)


def ran(
    service: Service, messages: Messages, first: int, count: int, rate: float, folder: Path, listeners: int = LISTENERS
) -> Heard:
    """Feed messages `first` to `first + count` at a rate, and hear what is decided."""
    out, answered = folder / "heard.npy", folder / "answered.npz"
    before = service.decided()
    with contextlib.ExitStack() as stack:
        hearing = live_service.run(
            "benchmarks.live_listeners", service.address, str(listeners), str(out), stdin=service.token
        )
        stack.callback(live_service.stop, hearing)
        assert hearing.stdout is not None
        hearing.stdout.readline()
        rss, cpu, began = [service.rss_mb()], service.cpu_s(), time.perf_counter()
        places = (str(first), str(count), str(rate), str(answered))
        feeding = live_service.run(
            "benchmarks.live_feeder", service.address, "feed", str(messages.path), *places, stdin=service.token
        )
        stack.callback(live_service.stop, feeding)
        while feeding.poll() is None:
            time.sleep(0.05)
            if len(rss) == 1 and rate and time.perf_counter() - began > count / rate / 2:
                rss.append(service.rss_mb())
        took = time.perf_counter() - began
        live_service.ended(feeding, "the feed")
        cpu, rss = service.cpu_s() - cpu, [rss[0], rss[-1], service.rss_mb()]
        after = service.decided()
        time.sleep(SETTLE_S)
        live_service.ended(hearing, "a listener")
    with np.load(answered) as told:
        sent, back = told["sent"], told["answered"]
    heard = np.load(out)
    missing = _missing(heard, listeners, before, after) + int(np.count_nonzero(back == 0))
    at = np.searchsorted(messages.ts[first : first + count], heard[:, 2])
    inside = at < count
    decisions = (heard[inside, 3] - sent[at[inside]]) / 1e6
    pace = count / ((back[-1] - sent[0]) / 1e9)
    return Heard(decisions, (back - sent) / 1e6, missing, after - before, pace, cpu / took, (rss[0], rss[1], rss[2]))


def _missing(heard: np.ndarray, listeners: int, before: int, after: int) -> int:
    """How many decisions behind `before` up to `after` are missing over all listeners. Raises DataError when one came
    twice or out of turn."""
    missing = 0
    for listener in range(listeners):
        numbers = heard[heard[:, 0] == listener, 1]
        if (np.diff(numbers) <= 0).any():
            raise DataError(f"listener {listener} heard a decision twice or out of turn")
        missing += int(np.setdiff1d(np.arange(before + 1, after + 1), numbers).size)
    return missing


def _of_run(times: int, run: Heard, seconds: float) -> Iterator[Figure]:
    p50, p99, most = np.percentile(run.decisions, [50, 99, 100])
    reply50, reply99 = np.percentile(run.replies, [50, 99])
    note = (
        f"{run.replies.size:,} events in {seconds:.0f} s, answered at {run.rate:,.0f}/s, {run.cpu:.2f} cores; "
        f"{run.numbers:,} decisions to {LISTENERS} listeners, the slowest {most:.2f} ms"
    )
    if times > 1:
        yield Figure(f"live_socket_p99_ms_at_{times}x", float(p99), "ms", note=f"{note}; dropped: {run.dropped}")
        return
    yield Figure("live_socket_decision_p50_ms", float(p50), "ms", note=note)
    yield Figure("live_socket_decision_p99_ms", float(p99), "ms", 2.0, at_least=False, note=note)
    yield Figure("live_socket_reply_p99_ms", float(reply99), "ms", note=f"p50 {reply50:.2f} ms")
    yield Figure("live_socket_dropped", run.dropped, "", 0.0, at_least=False, note="answers and decisions")
    start, middle, end = run.rss_mb
    note = f"resident: {start:.0f} MB at the start, {middle:.0f} in the middle, {end:.0f} at the end"
    yield Figure("live_socket_rss_growth_mb", end - middle, "MB", note=f"from the middle to the end; {note}")


def _saturation(runs: list[Heard]) -> Figure:
    """The load that is no longer kept up with: what is answered a second then."""
    dropped = sum(run.dropped for run in runs)
    for times, run in zip((1, *TIMES), runs, strict=True):
        if run.rate < KEPT_UP * RATE * times:
            note = (
                f"asked for {RATE * times:,}/s it takes so many and the sender waits: answers take "
                f"{np.percentile(run.replies, 50):.0f} ms, {dropped} of all runs are missing"
            )
            return Figure("live_socket_saturates_at", float(run.rate), "events/s", note=note)
    note = f"the largest load that was tried: it was kept up with, {dropped} of all runs are missing"
    return Figure("live_socket_saturates_at", RATE * TIMES[-1], "events/s", note=note)
