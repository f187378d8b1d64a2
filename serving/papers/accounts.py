"""The paper accounts on disk: rows that are added and neither changed nor removed, in one SQLite file.

Rows follow from the event logs, so they may come twice, after a crash. What is there already is written once; what
would be there with other values is an error and is not written. Writing never waits for long: while the disk takes
nothing the rows stay with whoever has them.
"""

import contextlib
import json
import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from mia_ml.backtest.records import OUTCOME, TRADE
from mia_ml.core.errors import DataError
from mia_ml.core.postgresql import first_line
from serving.papers import account_tables as tables
from serving.papers.account_tables import ACCOUNTS, CHAMPIONS, DAYS, NOTES, OUTCOMES, SNAPSHOTS, TRADES
from serving.unavailable import Unavailable

FILE = "paper.db"
WAIT_S = 0.1  # for a reader that holds the file: the event loop stands still meanwhile
Row = tuple[sa.Table, Mapping[str, Any]]


class Day(NamedTuple):
    """day: yyyymmdd. signals, trades: fed and closed on it. r: of these trades. usd: of equity, open position included.
    position: that stays open, -1, 0 or +1."""

    day: int
    contract: str
    signals: int
    trades: int
    r: float
    usd: float
    equity_usd: float
    position: int


class Note(NamedTuple):
    """bars: that the day had. decided: of them, by the version. complete: from its open to its close."""

    bars: int
    decided: int
    complete: bool
    incidents: tuple[str, ...]


_REMEDIES = (
    ("is locked", "another program holds it: it is tried again"),
    ("is full", "make room: it is tried again"),
    ("readonly", "make it and its folder writable"),
    ("unable to open", "make it and its folder writable"),
    ("not a database", "restore it from a copy, or move it away: accounts then begin anew"),
    ("malformed", "restore it from a copy, or move it away: accounts then begin anew"),
)


def record_row(table: sa.Table, version: str, record: np.void, **more: Any) -> Row:
    """A TRADE or an OUTCOME."""
    names = record.dtype.names or ()
    return table, {"version": version, **dict(zip(names, map(_plain, record.item()), strict=True)), **more}


def note_row(version: str, day: int, note: Note) -> Row:
    return NOTES, {"version": version, "day": day, **note._asdict(), "incidents": json.dumps(list(note.incidents))}


class Store:
    """One connection for all threads of the service; other processes may read beside it. turn: whose it is.

    Every method raises Unavailable, one line, when the file cannot be read or written now.
    """

    def __init__(self, engine: sa.Engine, shown: str) -> None:
        self.shown = shown
        self._engine = engine
        self.turn = RLock()
        with self._told():
            self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(SQLAlchemyError):
            self._connection.close()
        self._engine.dispose()

    def write(self, rows: Sequence[Row]) -> None:
        """All of them or none, and on disk. Raises DataError where one is there with other values."""
        if not rows:
            return
        with self.turn, self._told(), self._transaction():
            for table, values in rows:
                if table in tables.LAST:
                    self._add_news(table, values)
                else:
                    self._add_once(table, values)

    def champion(self, day: int, version: str) -> None:
        """Who is champion from now on in a trading day: to be said when the day begins and at each change."""
        self.write([(CHAMPIONS, {"day": day, "version": version})])

    def versions(self) -> list[str]:
        return [row.version for row in self._rows(sa.select(ACCOUNTS.c.version).order_by(ACCOUNTS.c.version))]

    def trades(self, version: str) -> tuple[np.ndarray, np.ndarray]:
        """TRADE records by signal, and the trading day on which each was closed, int64."""
        rows = self._rows(sa.select(TRADES).where(TRADES.c.version == version).order_by(TRADES.c.signal))
        return _records(rows, TRADE), np.array([row.closed_day for row in rows], np.int64)

    def outcomes(self, version: str) -> np.ndarray:
        """OUTCOME records by signal."""
        rows = self._rows(sa.select(OUTCOMES).where(OUTCOMES.c.version == version).order_by(OUTCOMES.c.signal))
        return _records(rows, OUTCOME)

    def days(self, version: str) -> list[Day]:
        """Those that have ended, in order."""
        rows = self._rows(sa.select(DAYS).where(DAYS.c.version == version).order_by(DAYS.c.day))
        return [Day(*(getattr(row, name) for name in Day._fields)) for row in rows]

    def notes(self, version: str) -> dict[int, Note]:
        """By day."""
        rows = self._rows(sa.select(NOTES).where(NOTES.c.version == version).order_by(NOTES.c.id))
        return {
            row.day: Note(row.bars, row.decided, bool(row.complete), tuple(json.loads(row.incidents))) for row in rows
        }

    def champions(self) -> dict[int, tuple[str, ...]]:
        """By day in order, those that it had, one after another."""
        found: dict[int, tuple[str, ...]] = {}
        for row in self._rows(sa.select(CHAMPIONS).order_by(CHAMPIONS.c.day, CHAMPIONS.c.id)):
            found[row.day] = (*found.get(row.day, ()), row.version)
        return found

    def snapshot(self, version: str, before_day: int) -> bytes | None:
        """The account when the last day before this one had ended."""
        mine = sa.select(SNAPSHOTS).where(SNAPSHOTS.c.version == version, SNAPSHOTS.c.day < before_day)
        rows = self._rows(mine.order_by(SNAPSHOTS.c.day.desc()).limit(1))
        return rows[0].state if rows else None

    def numbers(self, version: str, before_day: int) -> tuple[int, int]:
        """The first number behind those of the signals, and of the trades, that came before a day."""
        mine = (OUTCOMES.c.version == version, OUTCOMES.c.day < before_day)
        last = self._rows(sa.select(sa.func.max(OUTCOMES.c.signal), sa.func.max(OUTCOMES.c.trade)).where(*mine))[0]
        return tuple(0 if number is None else number + 1 for number in last)  # type: ignore[return-value]

    def _rows(self, statement: sa.Select) -> Sequence[sa.Row]:
        with self.turn, self._told():
            return self._connection.execute(statement).all()

    def _add_once(self, table: sa.Table, values: Mapping[str, Any]) -> None:
        key = [column == values[column.name] for column in table.primary_key.columns]
        there = self._connection.execute(sa.select(table).where(*key)).mappings().first()
        if there is None:
            self._connection.execute(sa.insert(table), values)
            return
        for name, value in values.items():
            if there[name] != value:
                which = " ".join(f"{column.name} {values[column.name]}" for column in table.primary_key.columns)
                raise DataError(
                    f"{self.shown}: {table.name} of {which} has {name} {_shown(there[name])}, now it came to "
                    f"{_shown(value)}: the logs, the settings or the code have changed since; nothing was written"
                )

    def _add_news(self, table: sa.Table, values: Mapping[str, Any]) -> None:
        same = [table.c[name] == values[name] for name in tables.LAST[table]]
        last = self._connection.execute(sa.select(table).where(*same).order_by(table.c.id.desc()).limit(1))
        there = last.mappings().first()
        if there is None or any(there[name] != value for name, value in values.items()):
            self._connection.execute(sa.insert(table), values)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._say("BEGIN IMMEDIATE")
            yield
            self._say("COMMIT")
        except BaseException:
            with contextlib.suppress(SQLAlchemyError, sqlite3.Error):  # what brought us here is what counts
                self._say("ROLLBACK")
            raise

    def _open(self) -> None:
        with self._told():
            found = sa.inspect(self._connection).get_table_names()
            if not found:
                self._say("PRAGMA journal_mode = WAL")
        if found and tables.VERSIONS.name not in found:
            raise DataError(f"{self.shown}: no paper accounts but another database, with a table {found[0]}")
        with self._told():
            self._say("PRAGMA synchronous = FULL")
            if not found:
                with self._transaction():
                    tables.create(self._connection)
            version = self._connection.execute(sa.select(sa.func.max(tables.VERSIONS.c.version))).scalar()
        if version != tables.VERSION:
            raise DataError(
                f"{self.shown}: paper accounts of version {version}, this mia-ml knows {tables.VERSION}: update it"
            )

    def _say(self, statement: str) -> None:
        self._connection.exec_driver_sql(statement)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            said = first_line(error)
            remedy = next((remedy for part, remedy in _REMEDIES if part in said), "see to the file")
            raise Unavailable(f"paper accounts {self.shown}: {said}: {remedy}") from None


def open_store(path: Path, make: bool = True) -> Store:
    """The accounts in a file, `FILE` of a state folder; made where there is none. Raises DataError, Unavailable."""
    if not make and not path.is_file():
        raise DataError(f"{path}: no paper account yet: mia serve keeps them")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"paper accounts {path}: {error.strerror}: make its folder writable") from None
    return Store(_engine(str(path)), str(path))


def in_memory() -> Store:
    """One that ends with the process."""
    return Store(_engine(None), "in memory")


def _engine(database: str | None) -> sa.Engine:
    url = sa.URL.create("sqlite", database=database)
    connect = {"timeout": WAIT_S, "check_same_thread": False}
    return sa.create_engine(url, poolclass=NullPool, connect_args=connect)


def _records(rows: Sequence[sa.Row], dtype: np.dtype) -> np.ndarray:
    found = np.zeros(len(rows), dtype)
    for k, row in enumerate(rows):
        for name in dtype.names or ():
            value = getattr(row, name)
            found[name][k] = math.nan if value is None else value
    return found


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _shown(value: Any) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else repr(value)
