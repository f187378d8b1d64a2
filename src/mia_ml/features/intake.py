"""Canonical columns as a tape: the one way events reach the engine from tables."""

from typing import Any

import numpy as np

from mia_ml.core.errors import DataError
from mia_ml.core.kernel import kernel
from mia_ml.core.moments import MINUTE, utc
from mia_ml.core.tables import LEVELS, Columns
from mia_ml.features.bar import NATIVE
from mia_ml.features.levels import OPTION, VIX
from mia_ml.features.tape import Tape

BOOK_SIZES = tuple(f"{side}_sz_{level:02d}" for side in ("bid", "ask") for level in range(LEVELS))
NEEDED = {
    "trades": ("ts_event", "price", "size", "side"),
    "book": ("ts_event", "bid_px_00", "ask_px_00", *BOOK_SIZES),
    "options": tuple(OPTION.names or ()),
    "vix": tuple(VIX.names or ()),
    "bars": tuple(NATIVE.names or ()),
}
"""The columns the engine reads of each table; `ts_recv` besides, where a table has it."""


def records(columns: Columns | None, dtype: np.dtype[Any]) -> np.ndarray:
    """Columns as records of `dtype`, by name; no columns are no records."""
    if columns is None:
        return np.zeros(0, dtype)
    out = np.zeros(columns["ts_event"].size, dtype)
    for name in dtype.names or ():
        out[name] = columns[name]
    return out


@kernel
def is_late(ts_event, ts_recv, grace_ns):
    """Whether an event, or each of many, reached us after its bar had closed: by itself, so live and replay agree.

    A bar closes `grace_ns` after its end.

    >>> minute = 60_000_000_000
    >>> is_late(np.array([minute - 1, minute - 1, minute]), np.array([minute + 4, minute + 5, minute + 6]), 5)
    array([False,  True, False])
    """
    close = (ts_event // MINUTE + 1) * MINUTE
    return ts_recv >= close + grace_ns


def in_time(columns: Columns, grace_ns: int) -> tuple[Columns, np.ndarray]:
    """The events that were in time, and the arrival times of the others."""
    none = columns, np.zeros(0, np.int64)
    # a quicker look first: what took no longer than the grace cannot have missed its bar
    if "ts_recv" not in columns or not (columns["ts_recv"] - columns["ts_event"] > grace_ns).any():
        return none
    late = is_late(columns["ts_event"], columns["ts_recv"], grace_ns)
    if not late.any():
        return none
    return {name: values[~late] for name, values in columns.items()}, columns["ts_recv"][late]


def _ordered(table: str, columns: Columns) -> None:
    ts = columns["ts_event"]
    back = np.flatnonzero(ts[1:] < ts[:-1])
    if back.size:
        row = int(back[0]) + 1
        raise DataError(f"{table} row {row + 1}: time runs backwards to {utc(int(ts[row]))}; sort it by ts_event")


def tape(
    trades: Columns | None = None,
    book: Columns | None = None,
    options: Columns | None = None,
    vix: Columns | None = None,
    bars: Columns | None = None,
    grace_ns: int = 0,
) -> Tape:
    """A tape of the tables given, each sorted by `ts_event`; an absent table gives no events.

    Raises DataError when a table runs backwards in time.
    """
    late = []
    given: dict[str, Columns] = {}
    for name, columns in (("trades", trades), ("book", book), ("options", options), ("vix", vix), ("bars", bars)):
        if columns is None:
            continue
        _ordered(name, columns)
        given[name], missed = in_time(columns, grace_ns)
        late.append(missed)
    t, b = given.get("trades"), given.get("book")
    no_time, no_price, no_size = np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64)
    return Tape(
        trade_ts=t["ts_event"] if t else no_time,
        price=t["price"] if t else no_price,
        size=t["size"] if t else no_size,
        side=t["side"] if t else np.zeros(0, np.int8),
        book_ts=b["ts_event"] if b else no_time,
        bid=b["bid_px_00"] if b else no_price,
        ask=b["ask_px_00"] if b else no_price,
        sizes=tuple(b[name] if b else no_size for name in BOOK_SIZES),
        options=records(given.get("options"), OPTION),
        vix=records(given.get("vix"), VIX),
        late=np.sort(np.concatenate([no_time, *late])),
        bars=records(given.get("bars"), NATIVE),
    )


def first_and_last(events: Tape) -> tuple[int, int] | None:
    """The earliest and latest moment on a tape, None for an empty one."""
    times = [ts for ts in times_of(events) if ts.size]
    if not times:
        return None
    return int(min(ts[0] for ts in times)), int(max(ts[-1] for ts in times))


def times_of(events: Tape) -> tuple[np.ndarray, ...]:
    """The times of every kind of event: trades, book, options, vix, late, bars."""
    return (
        events.trade_ts,
        events.book_ts,
        events.options["ts_event"],
        events.vix["ts_event"],
        events.late,
        events.bars["ts_event"],
    )


def take(events: Tape, spans: tuple[slice, ...]) -> Tape:
    """The part of a tape inside one slice for each kind of event, in the order of `times_of`."""
    trades, book, options, vix, late, bars = spans
    return Tape(
        events.trade_ts[trades],
        events.price[trades],
        events.size[trades],
        events.side[trades],
        events.book_ts[book],
        events.bid[book],
        events.ask[book],
        tuple(column[book] for column in events.sizes),
        events.options[options],
        events.vix[vix],
        events.late[late],
        events.bars[bars],
    )


def split(events: Tape, ts_ns: int) -> tuple[Tape, Tape]:
    """The events up to and including a moment, and those after it."""
    cuts = [int(np.searchsorted(ts, ts_ns, side="right")) for ts in times_of(events)]
    return take(events, tuple(slice(0, c) for c in cuts)), take(events, tuple(slice(c, None) for c in cuts))
