"""The tables. Rows are added and neither changed nor removed: triggers of the database refuse it, whoever asks.

ledger_version    the version of these tables
ledger_launches   a configuration that is about to be scored
ledger_ends       how that ended; a launch without such a row runs, or was abandoned
ledger_outcomes   what an out-of-sample evaluation gave, by its launch
ledger_looks      looks at the sealed hold-out
"""

import sqlalchemy as sa

VERSION = 1
ADDED_TO = "the ledger is only ever added to"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_METADATA = sa.MetaData()


def _table(name: str, *columns: sa.Column) -> sa.Table:
    """A table whose columns all hold something but floats, where nothing is NaN."""
    table = sa.Table(f"ledger_{name}", _METADATA, *columns)
    for column in table.columns:
        column.nullable = isinstance(column.type, sa.Float)
    return table


def _id(name: str = "id") -> sa.Column:
    return sa.Column(name, _ID, primary_key=True, autoincrement=name == "id")


VERSIONS = _table("version", sa.Column("version", sa.Integer, primary_key=True, autoincrement=False))
LAUNCHES = _table(
    "launches",
    _id(),
    sa.Column("configuration", sa.String(64)),
    sa.Column("scope", sa.Text),
    sa.Column("instrument", sa.Text),
    sa.Column("first_day", sa.Integer),
    sa.Column("last_day", sa.Integer),
    sa.Column("kind", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("when_utc", sa.Text),
)
sa.Index("ledger_launches_by_instrument", LAUNCHES.c.instrument, LAUNCHES.c.scope)
ENDS = _table(
    "ends",
    _id("launch"),
    sa.Column("state", sa.Text),
    sa.Column("sharpe", sa.Float(53)),  # annual, in-sample
    sa.Column("when_utc", sa.Text),
)
OUTCOMES = _table(
    "outcomes",
    _id("launch"),
    sa.Column("days", sa.LargeBinary),  # int32, little-endian
    sa.Column("pnl_usd", sa.LargeBinary),  # float64, little-endian
    sa.Column("sharpe", sa.Float(53)),  # per day
    sa.Column("skewness", sa.Float(53)),
    sa.Column("kurtosis", sa.Float(53)),
    sa.Column("expectancy_r", sa.Float(53)),
)
LOOKS = _table(
    "looks",
    _id(),
    sa.Column("token", sa.String(64), unique=True),
    sa.Column("look", sa.Integer),
    sa.Column("who", sa.Text),
    sa.Column("when_utc", sa.Text),
    sa.Column("why", sa.Text),
    sa.Column("first_day", sa.Integer),
    sa.Column("last_day", sa.Integer),
    sa.Column("instruments", sa.Text),  # separated by a comma
    sa.Column("files", sa.Integer),
    sa.Column("bundle", sa.Text),
)

SQLITE_GUARD = (
    "CREATE TRIGGER {table}_{event} BEFORE {event} ON {table} {when} BEGIN SELECT RAISE(ABORT, '{text}'); END"
)
POSTGRESQL_FUNCTION = """CREATE FUNCTION ledger_is_added_to() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '{text}'; END $$"""
POSTGRESQL_GUARD = """CREATE TRIGGER {table}_keeps BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_added_to()"""


def create(connection: sa.Connection) -> None:
    """All of them with their guards, inside the transaction of the caller."""
    _METADATA.create_all(connection, checkfirst=False)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(POSTGRESQL_FUNCTION.format(text=ADDED_TO))
    for name, table in _METADATA.tables.items():
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(POSTGRESQL_GUARD.format(table=name))
            continue
        (key,) = table.primary_key.columns
        replaced = f"WHEN EXISTS (SELECT 1 FROM {name} WHERE {key.name} = NEW.{key.name})"  # INSERT OR REPLACE
        for event, when in (("UPDATE", ""), ("DELETE", ""), ("INSERT", replaced)):
            connection.exec_driver_sql(SQLITE_GUARD.format(table=name, event=event, when=when, text=ADDED_TO))
    connection.execute(sa.insert(VERSIONS), {"version": VERSION})
