"""The way out: verdicts become lines, the lines are written, and only then does anybody hear of them.

What could not be written yet waits here, in order, and goes first the next time.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from serving.day.decisions import Journal, Line, Live, decided
from serving.day.rail import Verdict

Publish = Callable[[int, bytes], None]


class Cause(NamedTuple):
    """What closed a bar. perf_ns: of the process' clock when it came in, 0 where nobody timed it."""

    ts_event: int
    ts_recv: int | None
    perf_ns: int


class Waiting(NamedTuple):
    day: int
    version: str
    seal: str
    role: str
    overridden: str
    decision: bytes
    live: Live


class Output:
    """journal: where lines go first. publish: who is told of a line, with its number, when it is written.

    sync: whether the disk must have a line before it is sent.
    """

    def __init__(self, journal: Journal, publish: list[Publish], sync: bool) -> None:
        self.journal = journal
        self.publish = publish
        self._sync = sync
        self._waiting: list[Waiting] = []

    def add(self, verdict: Verdict, contract: str, live: Live) -> None:
        """Take a decision in; `settle` lets it out."""
        by = verdict.contender
        decision = decided(verdict.row, verdict.decision, contract, by.scorer)
        day = int(verdict.decision["day"][0])
        self._waiting.append(Waiting(day, by.version, by.seal, by.role, by.overridden, decision, live))

    def settle(self) -> None:
        """Write and send all that waits. Raises Unavailable: then it waits on."""
        while self._waiting:
            day = self._waiting[0].day
            count = next((k for k, line in enumerate(self._waiting) if line.day != day), len(self._waiting))
            lines = [
                Line(self.journal.number + k, w.version, w.seal, w.role, w.overridden, msgspec.Raw(w.decision), w.live)
                for k, w in enumerate(self._waiting[:count], 1)
            ]
            encoded = self.journal.write(day, lines, self._sync)
            del self._waiting[:count]
            for line, data in zip(lines, encoded, strict=True):
                for tell in self.publish:
                    tell(line.number, data)
