"""What the service says of itself: the state that the page, the metrics and /api/state show."""

from typing import Any

from mia_ml.confluence import decision as decisions
from mia_ml.features.clock import SESSIONS
from mia_ml.features.volatility import REGIMES
from serving.day.desk import Desk
from serving.day.rail import Contender, Verdict
from serving.papers.books import Papers


class Status:
    """Follows what was decided last, and puts together what is to be shown."""

    def __init__(self, desk: Desk, papers: Papers) -> None:
        self._desk = desk
        self._papers = papers
        self._last: dict[str, Verdict] = {}
        self._today = 0
        self._day = 0

    def seen(self, verdicts: list[Verdict]) -> None:
        """Decisions that are out, of one trading day."""
        for verdict in verdicts:
            self._last[verdict.contender.version] = verdict
        day = self._desk.day.day if self._desk.day is not None else 0
        if day != self._day:  # of whoever decided before a restart as well
            self._day, self._today = day, len(self._desk.journal.of_day(day))
        else:
            self._today += len(verdicts)

    def plain(self, why: list[str], listeners: int, last_good: bool, registry: str) -> dict[str, Any]:
        """As /api/state shows it. why: what keeps the service from being ready."""
        desk = self._desk
        fleet, day = desk.core.fleet, desk.day
        champion = fleet.champion
        last = self._last.get(champion.version)
        now = desk.now_ns()
        return {
            "time_ns": now,
            "clock": desk.core.serve.clock,
            "synthetic": any(contender.content.synthetic for contender in fleet),
            "instrument": champion.content.instrument,
            "contract": day.arrivals.contract if day else "",
            "day": day.day if day else 0,
            "ready": not why,
            "why": why,
            "stand_down": desk.core.acting.standing.lines(),
            "session": SESSIONS[int(last.decision["session"][0])] if last else "",
            "regime": REGIMES[int(last.decision["regime"][0])] if last else "",
            "feeds": desk.feeds.plain(now),
            "versions": [self._version(contender) for contender in fleet],
            "latency_us": desk.core.metrics.latency.summary(),
            "listeners": listeners,
            "decisions": {"number": desk.journal.number, "today": self._today if day and day.day == self._day else 0},
            "last_good_bundle": last_good,
            "registry": registry,
        }

    def _version(self, contender: Contender) -> dict[str, Any]:
        last = self._last.get(contender.version)
        scorer = contender.scorer
        return {
            "version": contender.version,
            "role": contender.role,
            "seal": contender.seal,
            "overridden": contender.overridden,
            "threshold": float(last.decision["threshold"][0]) if last else None,
            "action": decisions.ACTIONS[int(last.decision["action"][0])] if last else None,
            "members": list(scorer.filter.members) if scorer.filter is not None else [],
            "terms": list(scorer.formula.terms),
            "paper": self._papers.state(contender.version),
            "against_champion": self._papers.against_champion(contender.version),
        }
