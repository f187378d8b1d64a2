"""Whether a decision is acted upon, and what there is to say of it: the guards around what is deterministic.

A signal acts when nothing stands against it. Everything that is said goes into `why`, whether it stood in the way or
not; the decision itself is never changed.
"""

import time

from mia_ml.confluence import decision as decisions
from mia_ml.scoring.content import Content
from mia_ml.settings.serve import Guards
from serving.decisions import Live
from serving.guards import why
from serving.guards.drift import Drift
from serving.guards.ranges import Ranges
from serving.guards.standing import Standing
from serving.output import Cause
from serving.rail import Verdict

RECOVERED = "recovered after a restart: its moment has passed"
DRIFT_DAYS = 20
"""How far back drift is looked for, trading days."""


class Acting:
    """standing: reasons of the service as a whole. The ranges and the drift of each version are kept here."""

    def __init__(self, standing: Standing, guards: Guards) -> None:
        self.standing = standing
        self._guards = guards
        self._ranges: dict[str, Ranges] = {}
        self._drift: dict[str, Drift] = {}

    def know(self, version: str, content: Content) -> None:
        """A version is at work."""
        self._ranges[version] = Ranges(content.ranges, self._guards.range_margin, self._guards.range_most)
        self._drift[version] = Drift(content.ranges, self._guards.drift_delta, DRIFT_DAYS)

    def live_of(self, verdict: Verdict, cause: Cause, recovered: bool = False, too_late: bool = False) -> Live:
        """What is to be said of a decision that was just taken. too_late: nobody can act on it any more."""
        by, taken = verdict.contender, verdict.decision
        signal = taken["action"][0] == decisions.SIGNAL
        outside = self._ranges[by.version].outside(verdict.row)
        against = [RECOVERED] if too_late else self.standing.texts()
        too_far = self._ranges[by.version].verdict(outside)
        if too_far:
            against.append(too_far)
        said = [why.no_score(by.scorer.formula, verdict.row, taken), why.no_pass_mark(verdict.row, taken)]
        said += against
        if outside and not too_far:
            said.append("out of its training range, borne: " + "; ".join(map(str, outside)))
        latency_us = None if not cause.perf_ns else (time.perf_counter_ns() - cause.perf_ns) / 1e3
        act = bool(signal) and not against
        text = [line for line in said if line]
        return Live(act, text, cause.ts_event, cause.ts_recv, time.time_ns(), latency_us, recovered)

    def after(self, verdict: Verdict) -> None:
        """The decision is out: what ends with its bar, and what drifts."""
        ts, day = int(verdict.decision["ts"][0]), int(verdict.decision["day"][0])
        self.standing.closed(ts)
        drift = self._drift[verdict.contender.version]
        if drift.take(verdict.row, verdict.decision) is None:
            return
        key = f"drift:{verdict.contender.version}"
        found = drift.in_force(day)
        if self._guards.drift == "stand_down":
            self.standing.set(key, "; ".join(found), ts)
