"""An engine and the versions that score its rows: versions whose features are the same share one.

A row is decided the moment it is closed, by every version in turn, the champion first.
"""

from dataclasses import dataclass, field

import numpy as np

from mia_ml.features import engine
from mia_ml.features.stream import Engine
from mia_ml.features.tape import Tape
from mia_ml.scoring.bundle import Bundle
from mia_ml.scoring.content import Content
from mia_ml.scoring.scorer import Scorer
from mia_ml.single.road import Road

CHAMPION, SHADOW, STANDBY = "champion", "shadow", "standby"
"""Standby: it decides along without a word, so that it can take over at once."""


@dataclass
class Contender:
    """A version at work. version: `name/3`. overridden: why it stands where no gate let it; empty for most."""

    version: str
    seal: str
    role: str
    overridden: str
    content: Content
    scorer: Scorer

    @classmethod
    def of(cls, version: str, role: str, overridden: str, loaded: Bundle) -> "Contender":
        return cls(version, loaded.seal, role, overridden, loaded.content, loaded.content.scorer())


@dataclass
class Verdict:
    """One row and what a version decided on it: ROW and DECISION arrays of length one."""

    contender: Contender
    row: np.ndarray
    decision: np.ndarray


@dataclass
class Rail:
    """engine: of the features that its contenders share. rows: of the trading day so far, ROW arrays."""

    engine: Engine
    contenders: list[Contender]
    rows: list[np.ndarray] = field(default_factory=list)

    @property
    def key(self) -> bytes:
        """Equal for rails whose rows are the same bytes."""
        return key_of(self.contenders[0].content)

    def push(self, event: np.ndarray, ts: int) -> list[Verdict]:
        """One EVENT."""
        return self._decide(self.engine.push(event, ts))

    def run(self, events: Tape, until: int | None = None) -> list[Verdict]:
        """A tape of any length, and that `until` has been reached."""
        return self._decide(self.engine.run(events, until))

    def clock(self, ts: int) -> list[Verdict]:
        """The mere passing of time."""
        return self._decide(self.engine.clock(ts))

    def closed(self, road: Road, count: int) -> list[Verdict]:
        """Rows that an event closed which took a road of this rail's engine and first version."""
        return self._decide(road.rows(count), road.decisions(count)) if count else []

    def open(self, ts: int) -> list[Verdict]:
        """Have the trading day of a moment under way."""
        return self._decide(self.engine.open(ts)) if ts > self.engine.close_ns else []

    def rehearse(self, road: Road | None = None) -> list[Verdict]:
        """What the bar under way would lead to if it closed as it is, and crossed. Nothing is changed by it.

        road: which the first version takes.
        """
        row, first = (self.engine.rehearse(), None) if road is None else road.rehearse()
        if not row.size:
            return []
        others = self.contenders if first is None else self.contenders[1:]
        taken = [] if first is None else [Verdict(self.contenders[0], row, first)]
        return [*taken, *(Verdict(by, row, by.scorer.rehearse(row)) for by in others)]

    def join(self, contender: Contender) -> None:
        """Another version, as if it had been there since the day began."""
        contender.scorer.decide(self.today())
        self.contenders.append(contender)

    def today(self) -> np.ndarray:
        """The rows of the trading day so far."""
        return np.concatenate([np.zeros(0, engine.ROW), *self.rows])

    def begin_day(self) -> None:
        self.rows.clear()

    def _decide(self, rows: np.ndarray, first: np.ndarray | None = None) -> list[Verdict]:
        """first: the DECISIONs of the first version, where it has taken them."""
        if not rows.size:
            return []
        self.rows.append(rows)
        out = []
        for at, contender in enumerate(self.contenders):
            taken = contender.scorer.decide(rows) if at or first is None else first
            out += [Verdict(contender, rows[k : k + 1], taken[k : k + 1]) for k in range(rows.size)]
        return out


def key_of(content: Content) -> bytes:
    """Equal for versions whose rows are the same bytes."""
    return content.engine_params().tobytes()
