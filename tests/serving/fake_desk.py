"""A desk in memory that keeps what it is sent and decides when it is told to."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mia_ml.settings
from mia_ml.core.errors import DataError
from mia_ml.settings.serve import Limits, Serve
from serving.app import tokens
from serving.app.hub import Hub
from serving.app.metrics import Metrics
from serving.intake import wire
from serving.unavailable import Unavailable

REPOSITORY = Path(__file__).resolve().parents[2]
LIMITS = {
    "message_bytes": 65_536,
    "messages_per_s": 1_000_000,
    "requests_per_s": 10_000,
    "feeds": 1_000,
    "listeners": 40,
    "queue": 50,
}


def limits(**changed: int) -> Limits:
    return Limits(**LIMITS | changed)


def settings(state: Path, **changed: Any) -> Serve:
    """Of a service on a free port of loopback."""
    values = {"state": str(state), "host": "127.0.0.1", "port": 0, "limits": limits(), **changed}
    return mia_ml.settings.load(REPOSITORY / "params.yaml").serve.model_copy(update=values)


def all_tokens(state: Path) -> dict[str, str]:
    """A token of each scope."""
    return {scope: tokens.create(state / tokens.NAME, scope, [scope]) for scope in tokens.SCOPES}


class FakeDesk:
    """Positions that go back are duplicates, a size below 1 is refused. broken: raised by the next calls of `take`.
    decide_every: accepted events between two decisions, 0 for none."""

    def __init__(self, bounds: Limits | None = None, decide_every: int = 0) -> None:
        self.limits = bounds or limits()
        self.metrics = Metrics()
        self.hub = Hub(self.limits.queue, self.metrics)
        self.taken: dict[str, list[wire.Event]] = {}
        self.positions: dict[str, int] = {}
        self.journal: list[bytes] = []
        self.on: dict[str, bool] = {}
        self.broken: list[Exception] = []
        self.standing: list[str] = []
        self.why: list[str] = []
        self.starting = False
        self.refused = 0
        self.stopped = False
        self._decide_every = decide_every
        self._accepted = 0

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        self.stopped = True

    def resume_after(self, feed: str) -> int:
        if self.starting:
            raise Unavailable("the service is starting: try again")
        return self.positions.get(feed, 0)

    def connected(self, feed: str, on: bool) -> None:
        self.on[feed] = on

    def take(self, feed: str, events: list[wire.Event], ts_recv_ns: int) -> wire.Reply:
        if self.broken:
            raise self.broken.pop(0)
        accepted, duplicates, refused = 0, 0, []
        for event in events:
            if isinstance(event, wire.Clock):
                continue
            if event.position <= self.positions.get(feed, 0):
                duplicates += 1
                continue
            self.positions[feed] = event.position
            if isinstance(event, wire.Trade) and event.size < 1:
                refused.append(wire.Refusal(event.position, "a trade of no size"))
                continue
            self.taken.setdefault(feed, []).append(event)
            accepted += 1
            self._accepted += 1
            if self._decide_every and self._accepted % self._decide_every == 0:
                self.decide(event.ts_event)
        self.refused += len(refused)
        self.metrics.latency.observe((time.time_ns() - ts_recv_ns) / 1000)
        return wire.Reply(self.positions.get(feed, 0), accepted, duplicates, refused)

    def decide(self, ts_event: int = 0, act: bool = True, padding: int = 0, role: str = "champion") -> int:
        """One more decision, in the journal and to all listeners; its number."""
        number = len(self.journal) + 1
        live = {"act": act, "why": [], "ts_event": ts_event, "ts_decided": time.time_ns()}
        decision = {"score": 0.5, "action": "signal" if act else "none", "padding": "x" * padding}
        line = {"number": number, "version": "mia-ml/3", "role": role, "decision": decision, "live": live}
        self.journal.append(json.dumps(line).encode())
        self.hub.publish(number, self.journal[-1])
        return number

    def state(self) -> dict[str, Any]:
        if self.starting:
            return {"ready": False, "why": ["starting"], "stand_down": [], "feeds": [], "versions": []}
        feeds = [
            {
                "name": name,
                "connected": on,
                "position": self.resume_after(name),
                "events": len(self.taken.get(name, [])),
                "per_second": 0.0,
                "last_ts_event": None,
                "age_s": 0.5,
                "refused": {"size": self.refused},
                "gaps": 0,
            }
            for name, on in self.on.items()
        ]
        paper = {"equity_usd": 125.0, "day_usd": 0.0, "position": 0, "entry_price": None, "trades": 0, "mean_r": None}
        return {
            "ready": not self.why,
            "why": self.why,
            "stand_down": self.standing,
            "feeds": feeds,
            "versions": [{"version": "mia-ml/3", "role": "champion", "paper": paper}],
            "listeners": len(self.hub),
            "decisions": {"number": len(self.journal), "today": len(self.journal)},
        }

    def ready(self) -> list[str]:
        return self.why

    def decisions(self, since: int, limit: int) -> Iterable[bytes]:
        return self.journal[since : since + limit]

    def curves(self) -> dict[str, list[tuple[int, float]]]:
        return {}

    def statement(self, day: int | None) -> dict[str, Any]:
        if day == 20200101:
            raise DataError("there is no statement of 20200101")
        return {"day": day or 20231226}

    async def reload(self) -> dict[str, Any]:
        return {"moved": False}

    def stand_down(self, on: bool, reason: str) -> None:
        self.standing = [reason] if on else []


def disk_full() -> Unavailable:
    return Unavailable("the disk takes no more: free some space")
