"""The chosen execution, as the stages see it: its settings as values, its simulator, signals walked along the tape."""

from typing import Literal

import numpy as np

from mia_ml.backtest.execution import Execution, blackouts
from mia_ml.backtest.simulator import Result, Simulator, join
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.datasets.days import Days
from mia_ml.settings import Settings
from mia_ml.store import parquet

Table = Literal["bars", "trades"]


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


def walk(chosen: Settings, days: Days, signals: np.ndarray, table: Table) -> Result:
    """The signals on the front contract's tape day by day; what is open at a roll is closed there."""
    instrument = INSTRUMENTS[chosen.instrument.root]
    simulator = Simulator(execution_of(chosen), instrument, sessions_of(days), table, blackouts_of(chosen))
    results = []
    for position, day in enumerate(days.days):
        if position and day.contract != days.days[position - 1].contract:
            results.append(simulator.finish())
        tape = parquet.read_file(day.prices[table], table)
        results.append(simulator.advance(tape, signals[signals["day"] == day.day]))
    return join([*results, simulator.finish()])
