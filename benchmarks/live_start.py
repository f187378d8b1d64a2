"""How long the live service is away: a restart in the middle of a full day, a start, a rollback.

catch-up   the desk on a day log of everything a full day had, read, screened again, run and held against the lines
           that had left
start      from launching `mia serve`, its kernels compiled and the days before in a snapshot, to a first decision
           at a listener, when its events are sent as soon as it is ready
rollback   from the return of the promotion API to the first decision of the version before, while events come in
           at 5,000 a second and dozens of bars close a second
"""

import contextlib
import gc
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import msgspec

from benchmarks import live_client, live_desk, live_messages, live_service, live_world
from benchmarks.figures import Figure
from benchmarks.live_desk import FEED
from benchmarks.live_service import Service
from benchmarks.live_world import LiveWorld
from benchmarks.market import FullDay
from mia_ml.core.errors import DataError
from mia_ml.registry import promotion, register
from mia_ml.registry.address import Address
from mia_ml.registry.paper_gate import Rules
from mia_ml.scoring import bundle
from mia_ml.tracking import runs, server
from serving.day.catch_up import catch_up
from serving.intake import wire

STARTS, FIRST_EVENTS = 3, 600
MODEL, STORE = "mia-ml", "sqlite:///mlflow.db"
RATE, BEFORE_S, AFTER_S = 5_000, 3.0, 20.0


class _Line(msgspec.Struct):
    version: str


_LINE = msgspec.json.Decoder(_Line)


def catching_up(full: FullDay, world: LiveWorld) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="mia-benchmark-restart-") as folder:
        made = live_desk.desk(world, Path(folder))
        for rows in live_world.portions_of(full.day):
            made.take_portion(FEED, False, rows)
            made.rest(0)
        made.close()
        gc.collect()
        began = time.perf_counter()
        again = live_desk.desk(world, Path(folder))
        catch_up(again, lambda what, n: None)
        took = time.perf_counter() - began
        assert again.day is not None
        number, bars = again.day.arrivals.number, sum(rows.size for rows in again.day.rails[0].rows)
        again.close()
    if number != full.events:
        raise DataError(f"caught up with {number:,} events of {full.events:,}")
    note = f"{number:,} events and {bars:,} decisions in {took:.2f} s: read, screened again, run, compared"
    yield Figure("live_catch_up_events_per_s", number / took, "events/s", 1e6, note=note)


def start(world: LiveWorld) -> Iterator[Figure]:
    """The median of some starts, each on a state that has a snapshot and no event of the day."""
    took, ready = [], []
    with tempfile.TemporaryDirectory(prefix="mia-benchmark-start-") as folder:
        events = list(islice(live_messages.of_days(world), FIRST_EVENTS))
        message = live_client.frame(wire.encode(events))
        with Service(Path(folder), world, ["--bundle", str(world.bundle)]):
            pass
        for attempt in range(STARTS):
            for kept in ("days", "decisions"):
                _empty(Path(folder) / "live" / kept)
            with Service(Path(folder), world, ["--bundle", str(world.bundle)]) as service:
                took.append(_first_decision_s(service, message, f"feed-{attempt}"))
                ready.append(service.ready_s)
    note = f"median of {STARTS}; ready after {statistics.median(ready):.2f} s, {len(world.rows):,} bars before"
    yield Figure("live_start_s", statistics.median(took), "s", 5.0, at_least=False, note=note)


def _empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def _first_decision_s(service: Service, message: bytes, feed: str) -> float:
    listener = live_client.connect(service.address, "/ws/decisions", service.token)
    fed = live_client.connect(service.address, f"/ws/feed?name={feed}", service.token)
    with contextlib.closing(listener), contextlib.closing(fed):
        fed.sendall(message)
        frames = live_client.Frames()
        while not any(_is_decision(found) for found in frames.feed(listener.recv(1 << 16))):
            pass
        return (time.perf_counter_ns() - service.began_ns) / 1e9


def rollback(world: LiveWorld) -> Iterator[Figure]:
    """Two versions of one formula, at two thresholds, in an MLflow store on SQLite."""
    with tempfile.TemporaryDirectory(prefix="mia-benchmark-rollback-") as room:
        root = Path(room)
        desk = registered(world, root)
        count = round(RATE * (BEFORE_S + AFTER_S))
        messages = live_messages.write(live_messages.of_days(world), root / "frames", count)
        with Service(root, world, ["--alias", "champion"], sync="never") as service, contextlib.ExitStack() as stack:
            heard = Versions(service)
            stack.callback(heard.stop)
            places = (str(messages.path), "0", str(count), str(RATE), str(root / "answered.npz"))
            feeding = live_service.run("benchmarks.live_feeder", service.address, "feed", *places, stdin=service.token)
            stack.callback(live_service.stop, feeding)
            heard.first(f"{MODEL}/2", 60.0)
            time.sleep(BEFORE_S)
            promotion.rollback(desk, MODEL, reason="a benchmark")
            returned = time.perf_counter()
            took = max(0.0, heard.first(f"{MODEL}/1", AFTER_S) - returned)
    note = f"{RATE:,} events/s; the registry is asked every 0.5 s (serve.poll_s)"
    yield Figure("live_rollback_s", took, "s", 2.0, at_least=False, note=note)


def registered(world: LiveWorld, root: Path) -> promotion.Desk:
    """A registry below `root` whose version 2 is champion, and version 1 was before."""
    confluence = world.content.confluence
    threshold = confluence["threshold"] | {"base": 1.1 * confluence["threshold"]["base"]}
    other = replace(world.content, confluence={**confluence, "threshold": threshold})
    bundle.write(root / "other", other, world.golden)
    desk = promotion.Desk(server.resolve(STORE, root), root / "ledger/promotions.jsonl", "benchmark")
    for number, folder in enumerate((world.bundle, root / "other"), 1):
        run = runs.Run(
            f"benchmark {number}", {"version": number}, {}, {"synthetic": "true"}, {}, time.time_ns() // 1_000_000
        )
        sent = register.log(root, STORE, "benchmark", run, register.BundleToRegister(folder, MODEL))
        if not sent.version:
            raise DataError(f"version {number} was not registered: {sent.line}")
        rules = Rules(days=0, least_complete=0.0, level=0.95)
        asked = Address(MODEL, version=str(number))
        promotion.promote(desk, asked, "champion", state=root / "live", rules=rules, override="a benchmark")
    return desk


class Versions:
    """When the first decision of each version was heard."""

    def __init__(self, service: Service) -> None:
        self._opened = live_client.connect(service.address, "/ws/decisions", service.token)
        self._at: dict[str, float] = {}
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def first(self, version: str, most_s: float) -> float:
        """`perf_counter` of the first one, waited for. Raises DataError when it does not come."""
        with self._news:
            if not self._news.wait_for(lambda: version in self._at, most_s):
                raise DataError(
                    f"no decision of {version} within {most_s:.0f} s; heard {', '.join(self._at) or 'none'}"
                )
            return self._at[version]

    def stop(self) -> None:
        self._opened.close()

    def _listen(self) -> None:
        frames = live_client.Frames()
        with contextlib.suppress(OSError, DataError):
            while data := self._opened.recv(1 << 18):
                now = time.perf_counter()
                for message in frames.feed(data):
                    if _is_decision(message):
                        with self._news:
                            self._at.setdefault(_LINE.decode(message).version, now)
                            self._news.notify_all()
                frames.answer(self._opened)


def _is_decision(message: bytes) -> bool:
    return message.startswith(b'{"type":"decision"')
