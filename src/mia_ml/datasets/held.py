"""Trading days held in memory, as a source yields them: for worlds that are made, looked at once and forgotten."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mia_ml.core import calendar
from mia_ml.core.errors import DataError
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.core.moments import NONE
from mia_ml.core.tables import Batch, Columns, Item
from mia_ml.datasets.days import Day, Days
from mia_ml.features import intake
from mia_ml.features.stream import contract_id
from mia_ml.features.tape import Tape


@dataclass(frozen=True)
class Held:
    """days: without files. tables: the canonical tables of each trading day, by its date yyyymmdd."""

    days: Days
    tables: dict[int, dict[str, Columns]]

    def tape(self, day: Day, grace_ns: int) -> Tape:
        """The events of a day, as `datasets.build.rows` reads them."""
        return intake.tape(**self.tables[day.day], grace_ns=grace_ns)

    def prices(self, day: Day, table: str, grace_ns: int) -> Columns:
        """What executions are walked along of a day, as `datasets.days.prices`."""
        return intake.in_time(self.tables[day.day][table], grace_ns)[0]


def hold(items: Iterable[Item], instrument: str, loaded: calendar.Calendar) -> Held:
    """The days of a source that yields sound rows, day by day in time, one contract a day.

    instrument: a family such as ES. loaded: its calendar, around all of the rows. Raises DataError on a day with two
    contracts, and when there is no row.
    """
    found: dict[int, dict[str, Columns]] = {}
    contracts: dict[int, str] = {}
    for batch in items:
        if not isinstance(batch, Batch) or not batch.row.size:
            continue
        day = int(loaded.sessions["day"][loaded.locate(batch.columns["ts_event"][:1])[0]])
        tables = found.setdefault(day, {})
        before = tables.get(batch.table)
        tables[batch.table] = batch.columns if before is None else _joined(before, batch.columns)
        if batch.table == "trades" and contracts.setdefault(day, batch.symbol) != batch.symbol:
            raise DataError(f"{batch.file}: {contracts[day]} and {batch.symbol} on {day}: hold one contract a day")
    if not contracts:
        raise DataError(f"no day of {instrument} to hold: the source yields no trade")
    return Held(_days(loaded, contracts, instrument), found)


def _joined(before: Columns, after: Columns) -> Columns:
    return {name: np.concatenate([values, after[name]]) for name, values in before.items()}


def _days(loaded: calendar.Calendar, contracts: dict[int, str], instrument: str) -> Days:
    sessions = loaded.sessions
    ids = np.zeros(sessions.size, np.int64)
    days = []
    for day, symbol in sorted(contracts.items()):
        at = loaded.position(day)
        ids[at] = contract_id(symbol)
        after_ns = int(sessions["close_ns"][at - 1]) if at else NONE
        opens, closes = int(sessions["open_ns"][at]), int(sessions["close_ns"][at])
        days.append(Day(day, symbol, {}, {}, after_ns, opens, closes, INSTRUMENTS[instrument].tick))
    return Days(tuple(days), sessions, ids)
