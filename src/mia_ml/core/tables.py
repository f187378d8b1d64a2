"""The canonical tables: the contract between whoever writes market data and everything that reads it.

    trades   one print                     book     the top five levels after an update
    bars     one finished bar              options  index levels and option flow
    vix      the volatility index          late     (never on disk: how a late event travels on a tape)

`ts_event` is int64 nanoseconds UTC, prices are float64 points, sizes int64 contracts, `side` is int8: the aggressor, +1
buy, -1 sell, 0 unknown. Column names follow Databento's schemas. A value counts from `ts_event`: for options and VIX
that is when it became known, not what it is about.
"""

from dataclasses import dataclass, field

import numpy as np

LEVELS = 5


@dataclass(frozen=True)
class Schema:
    """Columns of a canonical table with their numpy dtypes ('O' is text); `optional` ones may be missing."""

    name: str
    columns: dict[str, str]
    optional: dict[str, str] = field(default_factory=dict)


def _book_columns() -> dict[str, str]:
    columns = {"ts_event": "i8"}
    for kind, dtype in (("bid_px", "f8"), ("ask_px", "f8"), ("bid_sz", "i8"), ("ask_sz", "i8")):
        columns |= {f"{kind}_{level:02d}": dtype for level in range(LEVELS)}
    return columns


SCHEMAS = {
    schema.name: schema
    for schema in (
        Schema(
            "trades",
            {"ts_event": "i8", "price": "f8", "size": "i8", "side": "i1"},
            {"sequence": "i8", "ts_recv": "i8"},
        ),
        Schema("book", _book_columns(), {"ts_recv": "i8"}),
        Schema(
            "bars",
            {
                "ts_event": "i8",  # close
                "open": "f8",
                "high": "f8",
                "low": "f8",
                "close": "f8",
                "volume": "f8",  # contracts or shares
                "buy_volume": "f8",  # NaN where the file has none
                "sell_volume": "f8",
                "n_trades": "f8",
            },
        ),
        Schema(
            "options",
            {
                "ts_event": "i8",
                "underlying_px": "f8",
                "call_wall": "f8",
                "put_wall": "f8",
                "zero_gamma": "f8",
                "net_gex": "f8",
                "call_volume": "f8",  # contracts since the row before
                "put_volume": "f8",
                "provenance": "O",
            },
            {"ts_recv": "i8"},
        ),
        Schema("vix", {"ts_event": "i8", "value": "f8"}, {"ts_recv": "i8"}),
    )
}

Columns = dict[str, np.ndarray]
"""One table in memory: a column name to a one-dimensional array, all of one length."""


@dataclass(frozen=True)
class Batch:
    """Consecutive rows of one canonical table and one symbol, as a source read them.

    row: for each canonical row the vendor row it came from, int64 counted from 1 in `file`. Several canonical rows may
    share a vendor row; a vendor row may give none.
    """

    table: str
    symbol: str
    columns: Columns
    file: str
    row: np.ndarray


@dataclass(frozen=True)
class Reject:
    """A vendor row that a source could not turn into canonical rows."""

    file: str
    row: int
    reason: str
    value: str
    table: str = ""


@dataclass(frozen=True)
class FileDone:
    """Closes a file: `records` vendor rows were read from it; `error` says in one line why reading stopped early."""

    file: str
    records: int
    error: str = ""


Item = Batch | Reject | FileDone
"""What a source yields: batches and rejects of one file, then its FileDone, then the next file."""
