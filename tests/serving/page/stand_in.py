"""The live service's own application before a desk that says what it was given: SYNTHETIC decisions, any state.

    python -m tests.serving.page.stand_in SCENARIO     to look at the page; prints its address and a token

Scenarios: day, empty, eight, trouble. A test runs it as a `Server`, changes its `Desk`, stops it and starts it again.
"""

import asyncio
import json
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from serving.app import server
from serving.app.hub import Hub
from serving.app.metrics import Metrics
from serving.app.tokens import NAME, Tokens
from serving.intake import wire
from serving.unavailable import Unavailable
from tests.serving import fake_desk
from tests.serving.page import recorded

PAGE = Path(__file__).resolve().parents[3] / "serving" / "page"


class Desk:
    """lines: numbered decisions; status: a state as of `recorded.state`. asked: each `since` that was asked for.
    starting: what a service that is not up yet says. again: lines that are sent once more than asked for, once."""

    def __init__(self, lines: list[recorded.Line], status: dict[str, Any]) -> None:
        self.lines, self.status = lines, status
        self.asked: list[int] = []
        self.starting = ""
        self.again = 0
        self.limits = fake_desk.limits()
        self.metrics = Metrics()
        self.hub = Hub(self.limits.queue, self.metrics)
        self.loop: asyncio.AbstractEventLoop | None = None

    def add(self, lines: list[recorded.Line]) -> None:
        """Decide, from the thread of a test."""
        if self.loop is None:
            self.lines += lines
        else:
            self.loop.call_soon_threadsafe(self._publish, lines)

    def _publish(self, lines: list[recorded.Line]) -> None:
        self.lines += lines
        for line in lines:
            self.hub.publish(line["number"], json.dumps(line).encode())

    def champion(self) -> dict[str, Any]:
        return next(one for one in self.status["versions"] if one["role"] == "champion")

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def resume_after(self, feed: str) -> int:
        return 0

    def connected(self, feed: str, on: bool) -> None:
        pass

    def take(self, feed: str, events: list[wire.Event], ts_recv_ns: int) -> wire.Reply:
        raise Unavailable("a stand-in takes nothing")

    def state(self) -> dict[str, Any]:
        if self.starting:
            return {"ready": False, "why": [self.starting], "stand_down": [], "feeds": [], "versions": []}
        latest = self.lines[-1] if self.lines else None
        own = {
            "time_ns": latest["live"]["ts_decided"] if latest else recorded.OPEN_NS,
            "session": latest["decision"]["session"] if latest else "premarket",
            "regime": latest["decision"]["regime"] if latest else "normal",
            "latency_us": recorded.latency(self.lines),
            "decisions": {"number": latest["number"] if latest else 0, "today": len(self.lines)},
        }
        return own | self.status

    def curves(self) -> dict[str, list[tuple[int, float]]]:
        return {}

    def ready(self) -> list[str]:
        return [self.starting] if self.starting else self.status["why"]

    def decisions(self, since: int, limit: int) -> Iterable[bytes]:
        if self.starting:
            raise Unavailable(self.starting)
        self.asked.append(since)
        since, self.again = since - self.again, 0
        return [json.dumps(line).encode() for line in self.lines if line["number"] > since][:limit]

    def statement(self, day: int | None) -> dict[str, Any]:
        return {}

    async def reload(self) -> dict[str, Any]:
        return {}

    def stand_down(self, on: bool, reason: str) -> None:
        pass


class Server:
    """A desk behind a port of this machine, in a thread; it can go away and come back on the same port. folder: of its
    tokens; tokens: one of each scope."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk, self.folder = desk, folder
        self.tokens = fake_desk.all_tokens(folder)
        self.url = ""
        self._port = 0

    def start(self) -> "Server":
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._serve()), daemon=True)
        self._thread.start()
        if not self._up.wait(10):
            raise RuntimeError("the stand-in does not come up")
        return self

    def stop(self) -> None:
        assert self.desk.loop is not None
        self.desk.loop.call_soon_threadsafe(self._asked.set)
        self.desk.loop = None
        self._thread.join(timeout=10)

    async def _serve(self) -> None:
        chosen = fake_desk.settings(self.folder, limits=self.desk.limits, port=self._port)
        self._asked = asyncio.Event()
        with server.bind(chosen) as bound:
            async with server.listening(self.desk, chosen, Tokens(self.folder / NAME), bound, PAGE) as url:
                self._port = bound.getsockname()[1]
                self.url, self.desk.loop = f"{url}/", asyncio.get_running_loop()
                self._up.set()
                await self._asked.wait()


def scenario(name: str) -> Desk:
    """day: champion and two shadows; empty: nothing decided; eight: eight shadows; trouble: all that can be wrong."""
    champion = recorded.version(recorded.CHAMPION, "champion", 100_312.5)
    if name == "empty":
        return Desk([], recorded.state([recorded.version(recorded.CHAMPION, "champion")]))
    words = ("inconclusive", "promote", "keep")
    many = 8 if name == "eight" else 2
    shadows = [
        recorded.version(f"mia-ml/{4 + k}", "shadow", 100_000 + 130 * (k - 1), recorded.verdict(words[k % 3], *at))
        for k, at in enumerate(
            zip((12.0, 48.0, -55.0, 20.0, 31.0, -8.0, 4.0, 70.0), (60.0, 35.0, 40.0) * 3, strict=False)
        )
        if k < many
    ]
    minutes, holes = 330, tuple(range(205, 212))
    streams = [recorded.decisions(minutes, holes=holes)]
    streams += [recorded.decisions(minutes, one["version"], "shadow", 10 + k) for k, one in enumerate(shadows)]
    desk = Desk(recorded.numbered(*streams), recorded.state([champion, *shadows]))
    walk(desk)
    if name == "trouble":
        champion["overridden"] = "desk's decision of 2023-12-20: gates undecidable after 140 trades"
        desk.status |= {
            "ready": False, "why": ["catching up: 12 minutes of today are still to be read"], "last_good_bundle": True,
            "stand_down": ["feed es-ticks: no priced event for 43 s", "clock of this machine jumped by 2.4 s"],
            "registry": "MLflow does not answer at http://127.0.0.1:5000: connection refused",
        }  # fmt: skip
        desk.status["feeds"][0] |= {"connected": False, "age_s": 43.2, "per_second": 0.0}
    return desk


def walk(desk: Desk) -> None:
    """Paper equity of the day so far for each version: what the page asks for beyond the contract."""
    for k, one in enumerate(desk.status["versions"]):
        rng = np.random.default_rng(50 + k)
        steps = np.where(rng.random(330) < 0.35, 12.5 * rng.integers(-6, 7, 330), 0.0)
        usd = 100_000 + np.cumsum(steps)
        one["paper"] |= {"equity_usd": float(usd[-1]), "day_usd": float(usd[-1]) - 100_000}
        at = recorded.OPEN_NS + recorded.MINUTE_NS * np.arange(1, 331)
        one["paper"]["curve"] = [[int(ts), float(value)] for ts, value in zip(at, usd, strict=True)]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        running = Server(scenario(sys.argv[1]), Path(folder)).start()
        input(f"{running.url}, token {running.tokens['read']}; Enter ends it ")
        running.stop()


if __name__ == "__main__":
    main()
