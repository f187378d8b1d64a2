"""The chosen execution, as the stages see it: its settings as values, its simulator, signals walked along the tape."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from mia_ml.backtest import equity
from mia_ml.backtest.execution import Execution, blackouts
from mia_ml.backtest.simulator import Result, Simulator, join
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.core.tables import Columns
from mia_ml.datasets.days import Day, Days
from mia_ml.datasets.days import prices as from_files
from mia_ml.metrics import kpi
from mia_ml.settings import Settings
from mia_ml.store import records
from pipelines.market import grace_ns

Table = Literal["bars", "trades"]
Prices = Callable[[Day, Table, int], Columns]
"""What executions are walked along of a day, given how long after its end a bar waits: `datasets.days.prices`."""


def execution_of(chosen: Settings) -> Execution:
    return Execution(**chosen.execution.model_dump(exclude={"blackout"}), **chosen.costs.model_dump())


def blackouts_of(chosen: Settings) -> np.ndarray:
    return blackouts(chosen.execution.blackout)


def table_of(native: bool) -> Table:
    """The table that executions are walked along."""
    return "bars" if native else "trades"


def sessions_of(days: Days) -> np.ndarray:
    """The calendar's sessions from the first to the last day with data."""
    first, last = (np.searchsorted(days.sessions["day"], days.days[at].day) for at in (0, -1))
    return days.sessions[first : last + 1]


def walk(chosen: Settings, days: Days, signals: np.ndarray, table: Table, prices: Prices = from_files) -> Result:
    """The signals on the front contract's tape day by day; what is open at a roll is closed there."""
    instrument = INSTRUMENTS[chosen.instrument.root]
    simulator = Simulator(execution_of(chosen), instrument, sessions_of(days), table, blackouts_of(chosen))
    results = []
    for position, day in enumerate(days.days):
        if position and day.contract != days.days[position - 1].contract:
            results.append(simulator.finish())
        results.append(simulator.advance(prices(day, table, grace_ns(chosen)), signals[signals["day"] == day.day]))
    return join([*results, simulator.finish()])


@dataclass(frozen=True)
class Record:
    """What signals came to over some days. daily: equity.DAILY of each of these days."""

    signals: np.ndarray
    result: Result
    daily: np.ndarray
    figures: list[kpi.Kpi]

    def write(self, folder: Path) -> None:
        for name in ("trades", "outcomes", "marks"):
            records.write(folder / f"{name}.parquet", getattr(self.result, name))
        records.write(folder / "daily.parquet", self.daily)


def recorded(chosen: Settings, days: Days, native: bool, signals: np.ndarray, prices: Prices = from_files) -> Record:
    """Signals walked along the tape of these days, marked to market, in figures."""
    result = walk(chosen, days, signals, table_of(native), prices)
    sessions, capital_usd = sessions_of(days), chosen.execution.capital_usd
    daily = equity.daily(result.marks, sessions["day"], capital_usd)
    curve = result.marks["equity_usd"]
    figures = kpi.summary(result.trades, signals.size, daily["pnl_usd"], curve, sessions, capital_usd)
    return Record(signals, result, daily, figures)
