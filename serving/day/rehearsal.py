"""Just before a bar ends by the clock: its close is gone through once, so that code and data are at hand when it comes.

Between two closes a thousand events push both out of the processor's caches, and the first pass costs several times
what the next one does. Nothing of a rehearsal is kept: engines and scorers are as they were, to the byte, and nobody is
told. After a row of an index that lies behind the bar, so that the next price closes it, engines and scorers alone are
gone through again (`Desk.rehearse`).
"""

from mia_ml.core.moments import MINUTE
from serving.day.acting import Acting
from serving.day.decisions import decided
from serving.day.output import Cause
from serving.day.rail import STANDBY
from serving.day.trading_day import TradingDay
from serving.guards.clock import NS_PER_MS

BEFORE_NS = 120 * NS_PER_MS
"""How long before the end of a minute: whoever ticks 20 times a second does not miss it."""


class Rehearsal:
    """Once a minute."""

    def __init__(self, acting: Acting) -> None:
        self._acting = acting
        self._minute = 0

    def is_due(self, now_ns: int) -> bool:
        minute, since = divmod(now_ns, MINUTE)
        return since >= MINUTE - BEFORE_NS and minute != self._minute

    def go(self, day: TradingDay, now_ns: int) -> None:
        """Through engine, models, guards and the line that would be written."""
        self._minute = now_ns // MINUTE
        for verdict in day.rehearse():
            if verdict.contender.role != STANDBY:
                self._acting.live_of(verdict, Cause(now_ns, None, 0))
                decided(verdict.row, verdict.decision, day.arrivals.contract, verdict.contender.scorer)
