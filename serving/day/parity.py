"""Does a trading day, run again from its log by fresh engines, give what was sent while it lasted?"""

import dataclasses

import numpy as np

from mia_ml.core.errors import MiaError
from serving.day import recovery
from serving.day.decisions import Journal
from serving.day.fleet import Fleet
from serving.day.history import Snapshots
from serving.day.trading_day import TradingDay
from serving.intake import journal
from serving.intake.arrivals import Arrivals
from serving.intake.journal import DayLog


def difference(fleet: Fleet, snapshots: Snapshots, day: TradingDay, sent: Journal) -> str:
    """The first decision that differs, in one line; empty when all are the same bytes."""
    log = DayLog(day.arrivals.log.folder, day.day)
    log.about = journal.about(log.folder)
    fresh = [dataclasses.replace(contender, scorer=contender.content.scorer()) for contender in fleet]
    again = Fleet(fleet.market, snapshots, fresh, lambda what, n: None)
    try:
        again.ready_for(day.day)
        session = fleet.market.sessions[int(np.searchsorted(fleet.market.sessions["day"], day.day))]
        arrivals = Arrivals(log, session, day.arrivals.rules, fleet.champion.content.grace_ns, 0)
        found = recovery.recover(
            TradingDay(arrivals, again.rails, fleet.market.root, lambda number, contract: None),
            journal.read(log.folder),
            sent,
        )
    except MiaError as error:
        return str(error)
    return f"{len(found.missing)} decisions were never sent" if found.missing else ""
