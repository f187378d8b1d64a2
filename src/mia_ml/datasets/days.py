"""The trading days of a folder of canonical tables: which contract, which files, as which tape."""

import bisect
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mia_ml.core import calendar
from mia_ml.core.errors import DataError
from mia_ml.core.instruments import INSTRUMENTS, root_of
from mia_ml.core.moments import NONE
from mia_ml.core.tables import Columns
from mia_ml.datasets import contract as table_contract
from mia_ml.datasets import roll
from mia_ml.features import intake
from mia_ml.features.stream import contract_id
from mia_ml.features.tape import Tape
from mia_ml.store import parquet

INDEX = {"options": "SPX", "vix": "VIX"}


@dataclass(frozen=True)
class Day:
    """One trading day of the instrument.

    contract: its front contract. prices: that contract's files by table. indices: the files that may hold options and
    VIX rows of the day, by table. after_ns, open_ns, close_ns: its rows lie in (after_ns, close_ns], it trades from
    open_ns. tick: of its prices in points, 0 where prints lie between ticks.
    """

    day: int
    contract: str
    prices: dict[str, Path]
    indices: dict[str, tuple[Path, ...]]
    after_ns: int
    open_ns: int
    close_ns: int
    tick: float


@dataclass(frozen=True)
class Days:
    """The trading days that a folder holds, with the calendar around them.

    sessions: SESSION records of the calendar, in order. contracts: int64 of the same length, 0 where there is no data.
    """

    days: tuple[Day, ...]
    sessions: np.ndarray
    contracts: np.ndarray


def _volume(path: Path, table: str) -> float:
    column = "size" if table == "trades" else "volume"
    return float(np.nansum(parquet.read_file(path, table, [column])[column]))


def is_native(root: Path) -> bool:
    """Whether the tables below `root` are bars only, so that features stand on the file's own bars."""
    tables = {table for table, *_ in parquet.inventory(root)}
    return "bars" in tables and not tables & {"trades", "book"}


def plan(root: Path, instrument: str, calendar_name: str, native: bool) -> Days:
    """The days of `instrument` (a family such as ES) below `root`, each with its front contract.

    native: True for bar files. A day counts when it has trades (bars), or at least a book. Raises DataError when none.
    """
    price_tables = ("bars",) if native else ("trades", "book")
    files: dict[int, dict[str, dict[str, Path]]] = {}
    indices: dict[int, dict[str, Path]] = {}
    for table, symbol, day, path in parquet.inventory(root):
        if INDEX.get(table) == symbol:
            indices.setdefault(day, {})[table] = path
        elif table in price_tables and root_of(symbol) == instrument:
            files.setdefault(day, {}).setdefault(symbol, {})[table] = path
    if not files:
        raise DataError(f"{root}: no {' or '.join(price_tables)} of {instrument}; mia ingest writes them")
    front = roll.front(_volumes(files))
    loaded = calendar.load(calendar_name, min(front) // 10_000, max(front) // 10_000 + 1)
    sessions, contracts = loaded.sessions, np.zeros(loaded.sessions.size, np.int64)
    index_days = sorted(indices)
    traded = INSTRUMENTS[instrument]
    grid = traded.tick if traded.calendar == "cme_globex" else 0.0  # shares print between ticks
    days = []
    for day, contract in sorted(front.items()):
        at = loaded.position(day)
        contracts[at] = contract_id(contract)
        before, after_ns = (sessions["day"][at - 1], sessions["close_ns"][at - 1]) if at > 0 else (0, NONE)
        around = index_days[bisect.bisect_left(index_days, before) : bisect.bisect_right(index_days, day)]
        near = {table: tuple(indices[d][table] for d in around if table in indices[d]) for table in INDEX}
        opens, closes = int(sessions["open_ns"][at]), int(sessions["close_ns"][at])
        days.append(Day(day, contract, files[day][contract], near, int(after_ns), opens, closes, grid))
    return Days(tuple(days), sessions, contracts)


def _volumes(files: dict[int, dict[str, dict[str, Path]]]) -> dict[int, dict[str, float]]:
    """Contracts traded by day and symbol; a lone symbol's need not be counted."""
    lone = len({symbol for symbols in files.values() for symbol in symbols}) == 1
    return {
        day: {
            symbol: 1.0 if lone else sum(_volume(path, table) for table, path in tables.items() if table != "book")
            for symbol, tables in symbols.items()
        }
        for day, symbols in files.items()
    }


def _read(path: Path, table: str) -> Columns:
    needed = list(intake.NEEDED[table])
    if "ts_recv" in parquet.columns_of(path):
        needed.append("ts_recv")
    return parquet.read_file(path, table, needed)


def tables_of(day: Day) -> dict[str, Columns]:
    """The columns of a day's tables that the engine reads, from its files.

    The files of an index are kept by Globex days, which end later than the cash session of other instruments: rows of
    the day are picked by time. Raises DataError on the first row that breaks its table's contract.
    """
    tables = {table: _read(path, table) for table, path in day.prices.items()}
    for table, columns in tables.items():
        span = (day.after_ns, day.close_ns)
        table_contract.check(day.prices[table], table, columns, day.tick, span, day.open_ns)
    for table, paths in day.indices.items():
        parts = [_read(path, table) for path in paths]
        if not parts:
            continue
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        today = (joined["ts_event"] > day.after_ns) & (joined["ts_event"] <= day.close_ns)
        tables[table] = {name: values[today] for name, values in joined.items()}
    return tables


def prices(day: Day, table: str, grace_ns: int) -> Columns:
    """What executions are walked along of a day, its `trades` or `bars`, read from its file.

    A print that reached us after its bar had closed fills nothing: it is not in the row either, and nobody could have
    seen it live.
    """
    return intake.in_time(parquet.read_file(day.prices[table], table), grace_ns)[0]


def tape_of(day: Day, grace_ns: int) -> Tape:
    """The events of a day, read from its files."""
    return intake.tape(**tables_of(day), grace_ns=grace_ns)
