"""Does a trading day, run again from its log by fresh engines, give what was sent while it lasted?"""

import numpy as np

from mia_ml.core.errors import MiaError
from mia_ml.store.rules import Rules
from serving.day import recovery
from serving.day.decisions import Sent
from serving.day.fleet import Fleet
from serving.day.trading_day import TradingDay
from serving.intake import journal
from serving.intake.arrivals import Arrivals
from serving.intake.journal import DayLog


def difference(fleet: Fleet, day: int, rules: Rules, sent: Sent) -> str:
    """The first decision that differs, in one line; empty when all are the same bytes.

    fleet: of versions that have decided nothing. rules: of the screening. Only read is what the service has written.
    """
    market = fleet.market
    log = DayLog(market.logs / str(day), day)
    try:
        log.about = journal.about(log.folder)
        fleet.ready_for(day)
        session = market.sessions[int(np.searchsorted(market.sessions["day"], day))]
        arrivals = Arrivals(log, session, rules, fleet.champion.content.grace_ns, 0)
        found = recovery.recover(
            TradingDay(arrivals, fleet.rails, market.root, market.trades), journal.read(log.folder), sent
        )
    except MiaError as error:
        return str(error)
    return f"{len(found.missing)} decisions were never sent" if found.missing else ""
