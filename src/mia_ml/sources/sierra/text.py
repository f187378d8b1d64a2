"""Sierra Chart tick-by-tick text exports: one line a trade, with the quote and a ladder of depth beside it.

Three things in these files are not what they seem; each was measured on a minute of ES (2,026 trades).

*Fractions of a second are counts, not decimals.* `.5000` and `.47000` are 5,000 and 47,000 microseconds
without their leading zeros: so read, every line is later than the one before; read as decimals, time runs
backwards 19 times. The clock ticks in milliseconds and the last three digits only count the trades within
one. `fraction="decimal"` reads exports that keep the zeros or the milliseconds.

*Prints of one order share `DepthSequence`*, the number of the last book update before the trade: the exchange
reports all fills of a match before it updates the book. Where the best price stood, the quote shrank by
exactly the sum of such a group in 122 of 126 cases. A group's prints get the time of its first, so that they
count as one order.

*The depth columns are ahead of their rows, not behind.* They change about once a second, and each ladder is
the book at the END of the rows that carry it: both its best prices equal the quote of the first row in 28 %
of ladders, of the last row in 68 %, of the first row of the next ladder in 88 %. Reading one at its first row
would look up to a second and a half ahead. So a ladder is a book row at the time of the first trade that
carries another one; the last one of a file never becomes known. Level k stands k ticks beyond `AskDOMPrice`
or `BidDOMPrice`, a level of size 0 is empty.

The export does not name its time zone: it is that of the chart, so `zone` is for the user to say. UTC by
default, which the sample allows but does not prove.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from mia_ml.core.errors import SourceError
from mia_ml.core.tables import LEVELS, Batch, Columns, FileDone, Item, Reject
from mia_ml.sources import delimited, wallclock
from mia_ml.sources.sierra import naming

FRACTIONS = ("microseconds", "decimal")
_SEPARATOR = ";"
_NEEDED = ("Date", "Time", "Price", "Volume", "TradeType")
_SEQUENCES = ("Sequence", "DepthSequence")
_LADDER = (
    "BidDOMPrice",
    "AskDOMPrice",
    *(f"{side}DOM_{k}" for side in ("Bid", "Ask") for k in range(LEVELS)),
)
_SIDE_OF_TYPE = np.array([0, -1, 1], np.int8)  # 1 trades at the bid (a seller), 2 at the ask (a buyer)
_MILLISECOND = 1_000_000  # ns


def read(path: Path, symbol: str, zone: str, fraction: str) -> Iterator[Item]:
    """Trades, and book rows where the export has a ladder. Raises SourceError when it is no such export."""
    tick = naming.tick_of(symbol, path)
    file = str(path)
    with path.open("rb") as stream:
        head = delimited.split(delimited.first_line(stream), _SEPARATOR)
        missing = [name for name in _NEEDED if name not in head]
        if missing:
            raise SourceError(f"{file}: no Sierra Chart tick export, its first line has no column {', '.join(missing)}")
        wanted = [*_NEEDED, *(name for name in _SEQUENCES if name in head)]
        has_ladder = all(name in head for name in _LADDER)
        wanted += _LADDER if has_ladder else ()
        columns = {name: head.index(name) for name in wanted}
        records = 0
        orders, ladders = _Orders(), _Ladders(tick)
        for table in delimited.blocks(stream, _SEPARATOR, len(head), columns):
            rows = np.arange(records + 1, records + 1 + table.height)
            records += table.height
            values, bad = _parse(table, wanted, zone, fraction)
            yield from _rejects(table, bad, rows, file)
            good = ~np.logical_or.reduce([*bad.values()])
            if not good.any():
                continue
            values, rows = {name: column[good] for name, column in values.items()}, rows[good]
            yield Batch("trades", symbol, orders.trades(values), file, rows)
            if has_ladder:
                book, source_rows = ladders.book(values, rows)
                if source_rows.size:
                    yield Batch("book", symbol, book, file, source_rows)
    if not records:
        raise SourceError(f"{file}: a header and no trades")
    yield FileDone(file, records)


def _parse(table: pl.DataFrame, names: list[str], zone: str, fraction: str) -> tuple[Columns, dict[str, np.ndarray]]:
    """Numbers of a block by column, and which rows have none: by column, time under `Time`."""
    values: Columns = {}
    bad = {"line": table["too_long"].to_numpy()}
    for name in names:
        if name in ("Date", "Time"):
            continue
        if name.endswith("Price"):
            values[name] = delimited.numbers(table, name)
            bad[name] = np.isnan(values[name])
        else:
            values[name], bad[name] = delimited.integers(table, name)
    bad["TradeType"] = bad["TradeType"] | (values["TradeType"] < 0) | (values["TradeType"] > 2)
    values["ts"] = wallclock.to_utc(_wall_ns(table, fraction), zone)
    bad["Time"] = values["ts"] < 0
    return values, bad


def _wall_ns(table: pl.DataFrame, fraction: str) -> np.ndarray:
    digits = pl.col("Time").str.extract(r"\.(\d{1,6})$", 1)
    if fraction == "decimal":
        digits = digits.str.pad_end(6, "0")
    days = pl.col("Date").str.replace_all("/", "-", literal=True).str.to_date("%Y-%m-%d", strict=False)
    clock = (
        pl.col("Time").str.extract(r"^(\d{1,2}:\d{2}:\d{2})(?:\.\d{1,6})?$", 1).str.to_time("%H:%M:%S", strict=False)
    )
    micros = pl.when(pl.col("Time").str.contains(".", literal=True)).then(digits.cast(pl.Int64)).otherwise(0)
    wall = days.cast(pl.Datetime("ns")).dt.epoch("ns") + clock.cast(pl.Int64) + micros * 1_000
    return table.select(wall.fill_null(wallclock.MISSING))[:, 0].to_numpy()


def _rejects(table: pl.DataFrame, bad: dict[str, np.ndarray], rows: np.ndarray, file: str) -> Iterator[Reject]:
    for i in np.flatnonzero(np.logical_or.reduce([*bad.values()])):
        column = next(name for name, wrong in bad.items() if wrong[i])
        if column == "line":
            yield Reject(file, int(rows[i]), "more cells than the header has columns", "", "trades")
            continue
        cells = [table[name][int(i)] or "" for name in (("Date", "Time") if column == "Time" else (column,))]
        reason = "no such date and time" if column == "Time" else f"{column} is not a value it can have"
        yield Reject(file, int(rows[i]), reason, " ".join(cells), "trades")


class _Orders:
    """Trades with one time for all prints of an order, across blocks."""

    def __init__(self) -> None:
        self._last: tuple[int, int, int, int] | None = None  # depth sequence, type, millisecond, time of the order

    def trades(self, values: Columns) -> Columns:
        ts, kind = values["ts"], values["TradeType"]
        if "DepthSequence" in values:
            key = np.stack([values["DepthSequence"], kind, ts // _MILLISECOND])
            opens = np.concatenate([[True], (key[:, 1:] != key[:, :-1]).any(axis=0)])
            continues = self._last is not None and tuple(key[:, 0].tolist()) == self._last[:3]
            first = np.maximum.accumulate(np.where(opens, np.arange(ts.size), 0))
            ordered = ts[first]
            if continues and self._last is not None:
                ordered[first == 0] = self._last[3]
            self._last = (*map(int, key[:, -1]), int(ordered[-1]))  # type: ignore[assignment]
            ts = ordered
        trades = {
            "ts_event": ts,
            "price": values["Price"],
            "size": values["Volume"],
            "side": _SIDE_OF_TYPE[kind],
        }
        return trades | ({"sequence": values["Sequence"]} if "Sequence" in values else {})


class _Ladders:
    """Book rows at the time each ladder is known, across blocks."""

    def __init__(self, tick: float) -> None:
        self._tick = tick
        self._last: np.ndarray | None = None
        self._last_row = 0

    def book(self, values: Columns, rows: np.ndarray) -> tuple[Columns, np.ndarray]:
        ladder = np.stack([values[name].astype(np.float64) for name in _LADDER])
        before = ladder[:, :1] if self._last is None else self._last
        before = np.concatenate([before, ladder[:, :-1]], axis=1)
        rows_before = np.concatenate([[self._last_row], rows[:-1]])
        replaced = np.flatnonzero((ladder != before).any(axis=0))
        self._last, self._last_row = ladder[:, -1:], int(rows[-1])
        best, sizes = before[:2, replaced], before[2:, replaced].reshape(2, LEVELS, -1)
        away = np.array([-self._tick, self._tick])[:, None] * np.arange(LEVELS)
        prices = np.where(sizes > 0, best[:, None, :] + away[:, :, None], np.nan)
        top = np.stack([prices, sizes], axis=-1).transpose(2, 0, 1, 3)
        return naming.book(values["ts"][replaced], top), rows_before[replaced]
