"""How each feed is doing: what came, how fast, how old, what was refused or is missing.

The rate is that of an exponential kernel: r decays by half every `HALF_LIFE_S`, and n events at once add
n ln 2 / HALF_LIFE_S, so that a steady feed reads its events a second.

A feed is stale when its last priced event is more than `stale_s` old by the service's clock while the exchange trades:
so is one that is silent, and one that delivers late. Between two trading days (break, weekend, holiday) nothing is
stale. Ages count from the open at the earliest, so that a feed has `stale_s` to bring its first event. Judged are the
feeds that have ever brought a priced event and are connected, or brought one since the open; when there is none, that
is the reason. It ends with a priced event that is young enough, with the close, or, of a feed that has gone, with the
next open.
"""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

NS = 1_000_000_000
HALF_LIFE_S = 10.0
_GAIN = math.log(2) / HALF_LIFE_S
_DECAY_PER_NS = -1.0 / (HALF_LIFE_S * NS)


@dataclass(frozen=True)
class Gap:
    """Events of a feed that never came: `missing` of them between two positions that did."""

    feed: str
    missing: int
    after: int
    before: int

    def __str__(self) -> str:
        events = "event" if self.missing == 1 else "events"
        return f"gap: {self.missing} {events} missing between {self.after} and {self.before} of {self.feed}"


class FeedHealth:
    """One feed. position: the last one it brought, 0 before the first; a feed that resumes elsewhere begins there."""

    def __init__(self, name: str, position: int = 0) -> None:
        self.name = name
        self.connected = False
        self.position = position
        self.events = 0
        self.duplicates = 0
        self.gaps = 0
        self.missing = 0
        self.refused: Counter[str] = Counter()
        self.last_ts_event_ns: int | None = None
        self.last_priced_ns: int | None = None
        self.last_recv_ns: int | None = None
        self._source_gaps = 0
        self._rate = 0.0
        self._rate_ns = 0

    def took(self, count: int, last: int, ts_event_ns: int, now_ns: int, priced: bool) -> Gap | None:
        """Events behind `position` came, in one portion over all tables, refused ones among them; what is missing.

        count: how many. last: the highest position. ts_event_ns: the latest event time, of a priced event where
        `priced` says that there was one; 0 when none can be believed. now_ns: when, ns UTC. More events than positions
        leave no gap: where two portions share a span of positions, the first has been told of the hole that the second
        fills.
        """
        after, missing = self.position, last - self.position - count
        self.position = max(after, last)
        self.events += count
        self._rate = self._rate * math.exp2((now_ns - self._rate_ns) * _DECAY_PER_NS) + count * _GAIN
        self._rate_ns = now_ns
        self.last_recv_ns = now_ns
        if ts_event_ns > (self.last_ts_event_ns or 0):
            self.last_ts_event_ns = ts_event_ns
        if priced and (self.last_priced_ns is None or ts_event_ns > self.last_priced_ns):
            self.last_priced_ns = ts_event_ns
        if missing <= 0:
            return None
        self.gaps += 1
        self.missing += missing
        return Gap(self.name, missing, after, last)

    def source_missed(self, total: int) -> bool:
        """How often its source says that it has missed events, ever; whether that is more often than before."""
        more, self._source_gaps = total - self._source_gaps, total
        self.gaps += more
        return more > 0

    def refuse(self, reason: str, count: int = 1) -> None:
        """Of the events that came, some did not go to the engine."""
        self.refused[reason] += count

    def repeated(self, count: int) -> None:
        """Events that had come before were sent again; they count nowhere else."""
        self.duplicates += count

    def per_second(self, now_ns: int) -> float:
        return self._rate * math.exp2((now_ns - self._rate_ns) * _DECAY_PER_NS)

    def age_s(self, now_ns: int) -> float | None:
        """How old the last priced event is; of a feed that has none, the last event."""
        last = self.last_ts_event_ns if self.last_priced_ns is None else self.last_priced_ns
        return None if last is None else (now_ns - last) / NS

    def plain(self, now_ns: int) -> dict[str, Any]:
        """As the state message shows it."""
        age = self.age_s(now_ns)
        return {
            "name": self.name,
            "connected": self.connected,
            "position": self.position,
            "events": self.events,
            "per_second": round(self.per_second(now_ns), 3),
            "last_ts_event": self.last_ts_event_ns,
            "last_ts_recv": self.last_recv_ns,
            "age_s": None if age is None else round(age, 3),
            "refused": dict(sorted(self.refused.items())),
            "duplicates": self.duplicates,
            "gaps": self.gaps,
            "missing": self.missing,
        }


class Feeds:
    """All feeds of a service. sessions: SESSION records in order, of at least the days it will see.

    since_ns: when the service began; no age counts from before.
    """

    def __init__(self, sessions: np.ndarray, stale_s: float, since_ns: int) -> None:
        self._sessions = sessions
        self._stale_ns = round(stale_s * NS)
        self._since_ns = since_ns
        self._feeds: dict[str, FeedHealth] = {}

    def feed(self, name: str, position: int = 0) -> FeedHealth:
        """The feed of that name; a new one goes on behind `position`."""
        known = self._feeds.get(name)
        if known is None:
            known = self._feeds[name] = FeedHealth(name, position)
        return known

    def plain(self, now_ns: int) -> list[dict[str, Any]]:
        return [feed.plain(now_ns) for feed in self._feeds.values()]

    def stale(self, now_ns: int) -> dict[str, str]:
        """Reasons to stand down by key; to be called about once a second."""
        if now_ns >= self._sessions["close_ns"][-1]:
            return {"stale": f"the calendar ends with {self._sessions['day'][-1]}: start the service again"}
        at = np.searchsorted(self._sessions["close_ns"], now_ns, side="right")
        open_ns = int(self._sessions["open_ns"][at])  # still to come while the exchange is closed: nothing is older
        since = max(open_ns, self._since_ns)
        ages = {
            feed.name: now_ns - max(feed.last_priced_ns, since)
            for feed in self._feeds.values()
            if feed.last_priced_ns is not None and (feed.connected or feed.last_priced_ns >= open_ns)
        }
        if not ages:
            return {"stale": self._words("no feed", now_ns - since)} if now_ns - since > self._stale_ns else {}
        return {f"stale:{name}": self._words(f"feed {name}", age) for name, age in ages.items() if age > self._stale_ns}

    def _words(self, who: str, age_ns: int) -> str:
        return f"{who}: no priced event for {age_ns / NS:.0f} s, {self._stale_ns / NS:g} s are borne"
