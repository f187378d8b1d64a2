"""Before the first live event: the day that was interrupted, and what the store has of today."""

from pathlib import Path

import numpy as np

from mia_ml.datasets import days as table_days
from mia_ml.datasets.days import Day
from serving.day.days import DAYS
from serving.day.desk import Desk
from serving.day.history import Show
from serving.intake import events
from serving.intake.events import PRICED
from serving.intake.rows import Rows


def catch_up(desk: Desk, show: Show) -> None:
    """Go on with the last day that was begun; then, by the clock, with today, from its log or from the tables.

    Raises DataError when a day's log does not give what has left.
    """
    core = desk.core
    begun = begun_in(core.state)
    sessions = core.fleet.market.sessions["day"]
    today = core.fleet.market.at(desk.now_ns()) if core.serve.clock == "wall" else None
    if begun and (today is None or begun[-1] <= int(sessions[today])):
        desk.open_day(int(np.searchsorted(sessions, begun[-1])))
        show(str(begun[-1]), 0 if desk.day is None else desk.day.arrivals.number)
    if today is None or (desk.day is not None and desk.day.day == int(sessions[today])):
        return
    stored = core.fleet.market.tables_of(int(sessions[today]))
    if desk.day is not None:
        desk.finish_day()
    desk.open_day(today, stored=None if stored is None else rows_of(stored))


def begun_in(state: Path) -> list[int]:
    """The trading days, yyyymmdd, that have a log, in order."""
    return sorted(int(folder.name) for folder in (state / DAYS).glob("[0-9]*") if (folder / "day.json").is_file())


def rows_of(day: Day) -> list[Rows]:
    """What the tables hold of a trading day, as a feed would bring it."""
    found = table_days.tables_of(day)
    rows, first = [], 1
    for table in sorted(found, key=lambda table: table in PRICED):
        columns = found[table]
        positions = np.arange(first, first + columns["ts_event"].size)
        first += positions.size
        symbol = day.contract if table in PRICED else table_days.INDEX[table]
        if positions.size:
            rows.append(Rows(table, symbol, events.records(table, columns, positions, 0)))
    return rows
