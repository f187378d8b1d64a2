"""The tables of the paper accounts. Rows are added and neither changed nor removed: triggers refuse it, whoever asks.

paper_version     the version of these tables
paper_accounts    a version and the settings it trades by
paper_trades      closed positions, by the signal they came from
paper_outcomes    what became of each signal
paper_days        what each trading day came to, when it has ended
paper_snapshots   the account as it stood then
paper_notes       how a day went for the service: the last one of a day counts
paper_champions   who was champion on a day; several on one when it changed
"""

from collections.abc import Iterator

import numpy as np
import sqlalchemy as sa

from mia_ml.backtest.records import OUTCOME, TRADE
from mia_ml.ledger.tables import SQLITE_GUARD

VERSION = 1
ADDED_TO = "paper accounts are only ever added to"
METADATA = sa.MetaData()


def _table(name: str, *columns: sa.Column) -> sa.Table:
    return sa.Table(f"paper_{name}", METADATA, *columns)


def _fields(dtype: np.dtype) -> Iterator[sa.Column]:
    """A column for each field; a float that is no number is NULL."""
    for name in dtype.names or ():
        kind = sa.Float(53) if dtype[name].kind == "f" else sa.BigInteger
        yield sa.Column(name, kind, primary_key=name == "signal", nullable=dtype[name].kind == "f")


def _version(key: bool = True) -> sa.Column:
    return sa.Column("version", sa.Text, primary_key=key, nullable=False)


VERSIONS = _table("version", sa.Column("version", sa.Integer, primary_key=True, autoincrement=False))
ACCOUNTS = _table("accounts", _version(), sa.Column("settings", sa.Text, nullable=False))
TRADES = _table("trades", _version(), *_fields(TRADE), sa.Column("closed_day", sa.Integer, nullable=False))
OUTCOMES = _table("outcomes", _version(), *_fields(OUTCOME))
DAYS = _table(
    "days",
    _version(),
    sa.Column("day", sa.Integer, primary_key=True),
    sa.Column("contract", sa.Text, nullable=False),
    sa.Column("signals", sa.Integer, nullable=False),
    sa.Column("trades", sa.Integer, nullable=False),
    sa.Column("r", sa.Float(53), nullable=False),
    sa.Column("usd", sa.Float(53), nullable=False),
    sa.Column("equity_usd", sa.Float(53), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
)
SNAPSHOTS = _table(
    "snapshots",
    _version(),
    sa.Column("day", sa.Integer, primary_key=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
)
NOTES = _table(
    "notes",
    sa.Column("id", sa.Integer, primary_key=True),
    _version(key=False),
    sa.Column("day", sa.Integer, nullable=False),
    sa.Column("bars", sa.Integer, nullable=False),
    sa.Column("decided", sa.Integer, nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("incidents", sa.Text, nullable=False),  # JSON
)
CHAMPIONS = _table(
    "champions",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("day", sa.Integer, nullable=False),
    _version(key=False),
)
LAST = {NOTES: ("version", "day"), CHAMPIONS: ("day",)}
"""Tables with a number of their own: a row that says what the last one with the same of these said is not added."""


def create(connection: sa.Connection) -> None:
    """All of them with their guards, inside the transaction of the caller."""
    METADATA.create_all(connection, checkfirst=False)
    for name, table in METADATA.tables.items():
        same = " AND ".join(f"{column.name} = NEW.{column.name}" for column in table.primary_key.columns)
        replaced = f"WHEN EXISTS (SELECT 1 FROM {name} WHERE {same})"  # INSERT OR REPLACE
        for event, when in (("UPDATE", ""), ("DELETE", ""), ("INSERT", replaced)):
            guard = SQLITE_GUARD.format(table=name, event=event, when=when, text=ADDED_TO)
            connection.exec_driver_sql(guard)
    connection.execute(sa.insert(VERSIONS), {"version": VERSION})
