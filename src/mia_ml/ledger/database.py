"""Where the ledger is kept.

    PATH                         a SQLite file, for any number of processes of one machine: the default
    postgresql+psycopg://...     for several machines

A row is on record when `insert` returns, whatever then becomes of the process. It does not wait for the disk (6 ms):
what a power failure can take away are the last rows, and the trials they count with them. A `transaction` does wait.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from mia_ml.core import postgresql
from mia_ml.core.errors import ConfigError, DataError
from mia_ml.ledger import tables

WAIT_S = 60  # for other processes that write
_CHECKPOINT_PAGES = 8192  # 32 MiB, the rows of some thousand trials, between waits for the disk
_LOCK = 0x6D69616C  # of PostgreSQL's advisory locks, one for all ledgers of a database
_BEGIN = {
    "sqlite": ("PRAGMA synchronous = FULL", "BEGIN IMMEDIATE"),
    "postgresql": ("BEGIN", "SET LOCAL synchronous_commit TO on", f"SELECT pg_advisory_xact_lock({_LOCK})"),
}
_AFTER = {"sqlite": ("PRAGMA synchronous = NORMAL",), "postgresql": ()}
_REMEDIES = (
    ("is locked", "another process keeps it: end that one"),
    ("not a database", "restore it from a copy, or give another ledger.where, which knows no earlier trial"),
    ("malformed", "restore it from a copy, or give another ledger.where, which knows no earlier trial"),
    ("is full", "make room"),
    ("read-only", "make it and its folder writable"),
    ("readonly", "make it and its folder writable"),
    ("unable to open", "make it and its folder writable"),
)


class Database:
    """One connection for all threads, one statement or transaction at a time.

    shown: how a user knows it. Opening makes the tables where there are none. Raises DataError, one line, on everything
    that keeps a row from being recorded; so does every method.
    """

    def __init__(self, engine: sa.Engine, shown: str) -> None:
        self.shown = shown
        self._engine = engine
        self._turn = RLock()
        self._connection: sa.Connection | None = None
        self._sqlite = engine.dialect.name == "sqlite"
        self._errors = (SQLAlchemyError, engine.dialect.loaded_dbapi.Error)
        self._inserts = {table.name: _insert(table, engine.dialect) for table in _WRITTEN}
        try:
            with self._told():
                self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                self._driver: Any = self._connection.connection.driver_connection
                self._open(self._connection)
        except BaseException:
            self.close()
            raise

    def insert(self, table: sa.Table, values: Mapping[str, Any]) -> int:
        """The row's key. Past SQLAlchemy, which costs as much again where a trial has just emptied the caches."""
        with self._turn:
            try:
                done = self._driver.execute(self._inserts[table.name], values)
                return int(done.lastrowid if self._sqlite else done.fetchone()[0])
            except self._errors as error:
                raise self._refusal(error) from None

    def rows(self, statement: sa.Select) -> Sequence[sa.Row]:
        with self._turn, self._told():
            return self._alive.execute(statement).all()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is inserted inside or nothing, with no other transaction at the same time; then on disk."""
        with self._turn:
            try:
                self._say(*_BEGIN[self._engine.dialect.name])
                yield
                self._say("COMMIT")
            except BaseException:
                with contextlib.suppress(DataError):  # what brought us here is what the user has to know
                    self._say("ROLLBACK")
                raise
            finally:
                with contextlib.suppress(DataError):
                    self._say(*_AFTER[self._engine.dialect.name])

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(SQLAlchemyError):  # it may be lost
                self._connection.close()
        self._connection = None
        self._engine.dispose()

    @property
    def _alive(self) -> sa.Connection:
        assert self._connection is not None, "a closed ledger"
        return self._connection

    def _open(self, connection: sa.Connection) -> None:
        if self._sqlite:
            self._refuse_foreign(connection)  # and leave it as it is
            self._say(
                "PRAGMA journal_mode = WAL", f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}", *_AFTER["sqlite"]
            )
        with self.transaction():
            if tables.VERSIONS.name not in sa.inspect(connection).get_table_names():
                tables.create(connection)
            version = connection.execute(sa.select(sa.func.max(tables.VERSIONS.c.version))).scalar()
        if version != tables.VERSION:
            raise DataError(
                f"{self.shown}: a ledger of version {version}, this mia-ml knows version {tables.VERSION}: update it"
            )

    def _refuse_foreign(self, connection: sa.Connection) -> None:
        found = sa.inspect(connection).get_table_names()
        if found and tables.VERSIONS.name not in found:
            raise DataError(f"{self.shown}: no ledger but another database, with a table {found[0]}: give another file")

    def _say(self, *statements: str) -> None:
        with self._told():
            for statement in statements:
                self._alive.exec_driver_sql(statement)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What the driver raises, in one line with its remedy."""
        try:
            yield
        except self._errors as error:
            raise self._refusal(error) from None

    def _refusal(self, error: Exception) -> DataError:
        said = postgresql.first_line(error)
        server = "check the address and that the server runs; every finished trial is kept, run the same again"
        otherwise = "see to the file" if self._sqlite else server
        remedy = next((remedy for part, remedy in _REMEDIES if part in said), otherwise)
        return DataError(f"ledger {self.shown}: {said}: nothing is scored uncounted: {remedy}")


_WRITTEN = (tables.LAUNCHES, tables.ENDS, tables.OUTCOMES, tables.LOOKS)


def _insert(table: sa.Table, dialect: sa.Dialect) -> str:
    """With its values by name."""
    (key,) = table.primary_key.columns
    named = [column.name for column in table.columns if column is not key or not key.autoincrement]
    row = sa.insert(table) if dialect.name == "sqlite" else sa.insert(table).returning(key)
    return str(row.compile(dialect=dialect, column_keys=named))


def open_database(where: str, project: Path) -> Database:
    """where: a path from `project`, or a PostgreSQL URL. Raises ConfigError on another URL, DataError as `Database`."""
    if where.startswith(postgresql.URL):
        return _postgresql(where)
    if "://" in where:
        raise ConfigError(f"ledger.where {postgresql.shown(where)}: give the path of a file, or {postgresql.URL}...")
    return _file(project / where)


def in_memory() -> Database:
    """One that ends with the process."""
    return Database(_sqlite(None), "in memory")


def _sqlite(path: Path | None) -> sa.Engine:
    url = sa.URL.create("sqlite", database=str(path) if path else None)
    waits = {"timeout": WAIT_S, "check_same_thread": False}
    return sa.create_engine(url, poolclass=NullPool, paramstyle="named", connect_args=waits)


def _file(path: Path) -> Database:
    """Several processes that open a fresh file at once would each make the tables, and all but one would fail."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path.parent):
            return Database(_sqlite(path), str(path))
    except OSError as error:
        raise DataError(f"ledger {path}: {error.strerror}: give ledger.where a file that can be written") from None


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _postgresql(url: str) -> Database:
    shown = postgresql.shown(url)
    try:
        connect = dict(postgresql.connect_args(synchronous_commit="off"))
        engine = sa.create_engine(url, poolclass=NullPool, connect_args=connect)
    except ImportError:
        raise ConfigError(f"ledger.where {shown} {postgresql.DRIVER}") from None
    except SQLAlchemyError as error:
        raise ConfigError(f"ledger.where {shown}: {postgresql.first_line(error)}") from None
    return Database(engine, shown)
