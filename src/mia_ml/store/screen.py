"""Screening: which rows of a batch may enter the tables, and why the others may not.

One Screen follows one symbol of one table of one file, batch after batch; how the file is chopped into batches changes
nothing. Options and VIX rows count from when they were known, which may be while the exchange is closed.
"""

import re
from dataclasses import dataclass

import numpy as np

from mia_ml.core import calendar, instruments, moments
from mia_ml.core.errors import ConfigError
from mia_ml.core.tables import LEVELS, Batch, Columns
from mia_ml.store import checks, rules
from mia_ml.store.rules import Rules

FIRST_NS = int(np.datetime64("1990-01-01", "ns").astype(np.int64))
LAST_NS = int(np.datetime64("2050-01-01", "ns").astype(np.int64))
INDEX_CALENDAR = "cme_globex"
HOUR = 60 * moments.MINUTE
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")  # a symbol names a folder


@dataclass(frozen=True)
class Screened:
    """reason: one code of `rules` for each row, 0 for an accepted one. day: trading day `yyyymmdd` of each row, 0 where
    the calendar knows none."""

    reason: np.ndarray
    day: np.ndarray


class Screen:
    """Follows one table of one symbol through one file."""

    def __init__(self, table: str, symbol: str, limits: Rules):
        self.table = table
        self.rules = limits
        self.state = checks.fresh()
        self._span = (1, 0)  # the moments that the sessions at hand are known to cover
        self._sessions, self._closes = np.empty(0, moments.SESSION), np.empty(0, np.int64)
        self._moment: Columns = {}  # the rows of the last moment seen: a repeat may arrive with the next batch
        self._calendar = INDEX_CALENDAR
        self.limits = np.zeros(1, checks.LIMITS)
        if table in ("trades", "book", "bars"):
            try:
                instrument = instruments.INSTRUMENTS[instruments.root_of(symbol)]
            except ConfigError:
                self.known = False
                return
            self._calendar = instrument.calendar
            self.limits = _limits(instrument, limits)
        self.known = PLAIN_NAME.fullmatch(symbol) is not None

    def check(self, batch: Batch) -> Screened:
        """Judge the next batch of the file."""
        columns = {name: _for_kernels(values) for name, values in batch.columns.items()}
        ts = columns["ts_event"]
        reason = np.zeros(ts.size, np.uint8)
        day = np.zeros(ts.size, np.int64)
        if not self.known:
            reason[:] = rules.UNKNOWN_SYMBOL
        elif ts.size:
            position, sessions = self._locate(ts)
            if sessions.size:
                day = np.where(position >= 0, sessions["day"][position], 0)
            judge = {"trades": self._trades, "book": self._book, "bars": self._bars}.get(self.table, self._index_values)
            judge(columns, position, sessions, reason)
        return Screened(reason, day)

    def _locate(self, ts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Position of each moment in the sessions of the years it spans, -1 outside what a calendar can know."""
        first, last = int(ts.min()), int(ts.max())
        if self._span[0] <= first and last <= self._span[1]:
            return checks.sessions_of(ts, self._closes), self._sessions
        sane = (ts >= FIRST_NS) & (ts < LAST_NS)
        inside = ts if sane.all() else ts[sane]
        position = np.full(ts.size, -1)
        if inside.size == 0:
            return position, np.empty(0, moments.SESSION)
        first, last = int(inside.min()), int(inside.max())
        self._sessions = calendar.covering(self._calendar, first, last).sessions
        self._closes, self._span = self._sessions["close_ns"].copy(), _years_of(first, last)
        position[sane] = checks.sessions_of(inside, self._closes)
        return position, self._sessions

    def _trades(self, columns: Columns, position: np.ndarray, sessions: np.ndarray, reason: np.ndarray) -> None:
        ts, price, size, side = (columns[name] for name in ("ts_event", "price", "size", "side"))
        repeated = self._repeated(columns)
        opens, first = _opens(sessions)
        checks.check_trades(ts, price, size, side, position, opens, first, repeated, self.state, self.limits, reason)

    def _book(self, columns: Columns, position: np.ndarray, sessions: np.ndarray, reason: np.ndarray) -> None:
        bid_px, ask_px, bid_sz, ask_sz = (
            tuple(columns[f"{kind}_{level:02d}"] for level in range(LEVELS))
            for kind in ("bid_px", "ask_px", "bid_sz", "ask_sz")
        )
        ts = columns["ts_event"]
        opens, first = _opens(sessions)
        checks.check_book(ts, bid_px, ask_px, bid_sz, ask_sz, position, opens, first, self.state, self.limits, reason)

    def _bars(self, columns: Columns, position: np.ndarray, sessions: np.ndarray, reason: np.ndarray) -> None:
        ts = columns["ts_event"]
        prices = tuple(columns[name] for name in ("open", "high", "low", "close"))
        least = np.fmin(np.fmin(columns["volume"], columns["buy_volume"]), columns["sell_volume"])
        opens, _ = _opens(sessions)
        checks.check_bars(ts, *prices, least, position, opens, self.state, self.limits, reason)

    def _index_values(self, columns: Columns, position: np.ndarray, sessions: np.ndarray, reason: np.ndarray) -> None:
        """Options and VIX: an absent level is NaN, an infinite or negative figure is none."""
        numbers = tuple(values for values in columns.values() if values.dtype == np.float64)
        is_price = self.table == "vix"
        volumes = numbers if is_price else (columns["call_volume"], columns["put_volume"])
        checks.check_values(columns["ts_event"], numbers, volumes, is_price, position, self.state, reason)

    def _repeated(self, columns: Columns) -> np.ndarray:
        ts = columns["ts_event"]
        if not self.rules.unique_sequence or "sequence" not in columns:
            return np.zeros(ts.size, np.bool_)
        names = ("ts_event", "price", "size", "side", "sequence")
        earlier = self._moment or {name: columns[name][:0] for name in names}
        both = {name: np.concatenate((earlier[name], columns[name])) for name in names}
        n_earlier = earlier["ts_event"].size
        repeated = np.zeros(both["ts_event"].size, np.bool_)
        checks.repeats(*(both[name] for name in names), n_earlier, repeated)
        other = np.flatnonzero(both["ts_event"] != both["ts_event"][-1])
        start = int(other[-1]) + 1 if other.size else 0
        self._moment = {name: values[start:].copy() for name, values in both.items()}
        return repeated[n_earlier:]


def offending(batch: Batch, reason: np.ndarray) -> list[str]:
    """The offending value of each marked row, as text."""
    return [_value(batch.table, batch.columns, int(reason[row]), int(row)) for row in np.flatnonzero(reason)]


def _value(table: str, columns: Columns, reason: int, row: int) -> str:
    def shown(*names: str) -> str:
        return ", ".join(f"{name} {columns[name][row]}" for name in names if name in columns)

    if reason in (rules.CLOSED, rules.BACKWARDS):
        return moments.utc(columns["ts_event"][row])
    if reason == rules.DUPLICATE:
        return shown("sequence")
    if reason == rules.SIDE:
        return shown("side")
    if table == "trades":
        return shown("size") if reason == rules.SIZE else shown("price")
    if table == "book" and reason in (rules.CROSSED, rules.JUMP):
        return shown("bid_px_00", "ask_px_00")
    if reason == rules.SIZE:
        return shown(*(name for name in columns if "sz_" in name or "volume" in name or name == "value"))
    return shown(*(name for name, values in columns.items() if values.dtype == np.float64 and "volume" not in name))


def _limits(instrument: instruments.Instrument, limits: Rules) -> np.ndarray:
    record = np.zeros(1, checks.LIMITS)
    # shares print between ticks (midpoint matches, fractions before 2001), futures cannot
    record["tick"] = instrument.tick if instrument.calendar == "cme_globex" else 0.0
    record["jump_atrs"] = limits.jump_atrs
    record["jump_floor"] = limits.jump_floor_ticks * instrument.tick
    record["cold_share"] = limits.jump_cold_share
    record["cold_bars"] = limits.jump_cold_bars
    record["confirm"] = limits.jump_confirm
    record["preopen_ns"] = int(limits.preopen_hours * HOUR)
    return record


def _years_of(first_ns: int, last_ns: int) -> tuple[int, int]:
    """The first and the last moment of the years that two moments lie in.

    >>> [moments.utc(ts)[:19] for ts in _years_of(1_700_000_000_000_000_000, 1_700_000_000_000_000_001)]
    ['2023-01-01T00:00:00', '2023-12-31T23:59:59']
    """
    years = np.array([first_ns, last_ns], "datetime64[ns]").astype("datetime64[Y]") + np.array([0, 1])
    begin, end = years.astype("datetime64[ns]").astype(np.int64).tolist()
    return begin, end - 1


def _opens(sessions: np.ndarray) -> tuple[np.ndarray, int]:
    """Opening moments, and the calendar-wide index of the first of them."""
    return sessions["open_ns"].copy(), int(sessions["index"][0]) if sessions.size else 0


def _for_kernels(values: np.ndarray) -> np.ndarray:
    """Contiguous and writable: a compiled loop would compile again for any other kind of array."""
    return values if values.flags.c_contiguous and values.flags.writeable else values.copy()
