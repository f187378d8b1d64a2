"""A stand-in for the live service: it serves the page and speaks its part of the contract, with what it was given.

    python -m tests.serving.page.stand_in SCENARIO [PORT]     to look at the page; the token is "reader-token"

Scenarios: day, empty, eight, trouble. A test runs it as a `Server`, changes its `Desk`, stops it and starts it again.
"""

import asyncio
import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.serving.page import recorded

PAGE = Path(__file__).resolve().parents[3] / "serving" / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
READER, FEEDER = "reader-token", "feeder-token"
MOST_LINES = 1000


@dataclass
class Desk:
    """What the service would know. lines: numbered; status: a state as of `recorded.state`."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=lambda: recorded.state([]))
    status_s: float = 0.2
    asked: list[int] = field(default_factory=list)  # each `since` that was asked for

    def state(self) -> dict[str, Any]:
        ts = self.lines[-1]["live"]["ts_decided"] if self.lines else recorded.OPEN_NS
        number = self.lines[-1]["number"] if self.lines else 0
        latest = self.lines[-1]["decision"] if self.lines else {"session": "premarket", "regime": "normal"}
        own = {
            "time_ns": ts,
            "session": latest["session"],
            "regime": latest["regime"],
            "latency_us": recorded.latency(self.lines),
            "decisions": {"number": number, "today": len(self.lines)},
        }
        return own | self.status

    def behind(self, since: int) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["number"] > since]

    def champion(self) -> dict[str, Any]:
        return next(one for one in self.status["versions"] if one["role"] == "champion")


def scope_refusal(token: str) -> int | None:
    """The HTTP status that refuses a token reading, or None."""
    if token == READER:
        return None
    return 403 if token == FEEDER else 401


def app(desk: Desk) -> Starlette:
    def guarded(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def guard(request: Request) -> Response:
            refused = scope_refusal(request.headers.get("authorization", "").removeprefix("Bearer "))
            return answer(request) if refused is None else JSONResponse({"error": "no"}, refused)

        return guard

    @guarded
    def state(request: Request) -> Response:
        return JSONResponse(desk.state())

    @guarded
    def decisions(request: Request) -> Response:
        since, limit = (
            int(request.query_params.get(name, default)) for name, default in (("since", 0), ("limit", 100))
        )
        desk.asked.append(since)
        lines = desk.behind(since)[: min(limit, MOST_LINES)]
        return Response("".join(json.dumps(line) + "\n" for line in lines), media_type="application/x-ndjson")

    async def listen(websocket: WebSocket) -> None:
        token = next((name[7:] for name in websocket.scope["subprotocols"] if name.startswith("bearer.")), "")
        if scope_refusal(token) is not None or "mia" not in websocket.scope["subprotocols"]:
            await websocket.close()
            return
        since = int(websocket.query_params["since"])
        desk.asked.append(since)
        await websocket.accept("mia")
        gone = asyncio.create_task(until_gone(websocket))
        said = 0.0
        with contextlib.suppress(WebSocketDisconnect):
            while not gone.done():
                for line in desk.behind(since):
                    await websocket.send_text(json.dumps({"type": "decision"} | line))
                    since = line["number"]
                if time.monotonic() - said >= desk.status_s:
                    said = time.monotonic()
                    await websocket.send_text(json.dumps({"type": "status"} | desk.state()))
                await asyncio.wait([gone], timeout=0.02)

    class Page(StaticFiles):
        async def get_response(self, path: str, scope: Any) -> Response:
            answer = await super().get_response(path, scope)
            answer.headers["content-security-policy"] = POLICY
            return answer

    return Starlette(
        routes=[
            Route("/api/state", state),
            Route("/api/decisions", decisions),
            WebSocketRoute("/ws/decisions", listen),
            Mount("/", Page(directory=PAGE, html=True)),
        ]
    )


async def until_gone(websocket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await websocket.receive_text()


class Server:
    """A desk behind a port of this machine, in a thread; it can go away and come back on the same port."""

    def __init__(self, desk: Desk, port: int = 0) -> None:
        self.desk = desk
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"

    def start(self) -> "Server":
        config = uvicorn.Config(
            app(self.desk), port=self.port, log_level="error", ws="websockets-sansio", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError(f"nothing serves port {self.port}")
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)


def scenario(name: str) -> Desk:
    """day: champion and two shadows; empty: nothing decided; eight: eight shadows; trouble: all that can be wrong."""
    champion = recorded.version(recorded.CHAMPION, "champion", 100_312.5)
    if name == "empty":
        return Desk(status=recorded.state([recorded.version(recorded.CHAMPION, "champion")]))
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
    desk = Desk(recorded.numbered(*streams), recorded.state([champion, *shadows]), status_s=1.0)
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
    name, port = [*sys.argv[1:], "day", "8401"][:2] if len(sys.argv) != 2 else [sys.argv[1], "8401"]
    desk = scenario(name)
    uvicorn.run(app(desk), port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
