"""Exchange time: trading days, cash hours, early closes, expiries.

A trading day of CME Globex opens at 18:00 New York time the evening before, closes at 17:00 and is named by its date:
25 December 2023 23:00 UTC belongs to the 26th. Holidays and early closes come from `pandas_market_calendars`.

Every moment is int64 nanoseconds UTC; every day is an int64 `yyyymmdd`. A moment between two trading days (the
maintenance break, a weekend, a holiday) belongs to the day that opens next.
"""

import contextlib
import functools
import hashlib
import os
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mia_ml.core import cache
from mia_ml.core.errors import CalendarError, refuse_unknown
from mia_ml.core.moments import DAY, NONE, SESSION

if TYPE_CHECKING:
    import pandas as pd

_NAMES = {"cme_globex": "CME_Equity", "nyse": "NYSE"}
_CASH = "NYSE"
_ZONE = "America/New_York"
_EPOCH_YEAR = 1990


@functools.cache
def _schedule(name: str, first_year: int, last_year: int) -> "pd.DataFrame":
    import pandas_market_calendars as market_calendars  # a second of imports, which a kept calendar saves

    calendar = market_calendars.get_calendar(name)
    return calendar.schedule(f"{first_year}-01-01", f"{last_year}-12-31")


def _ns(column: "pd.Series") -> np.ndarray:
    return column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64)


def _dates(days: "pd.DatetimeIndex") -> np.ndarray:
    return (days.year * 10_000 + days.month * 100 + days.day).to_numpy().astype(np.int64)


def monthly_expiries(first_year: int, last_year: int) -> np.ndarray:
    """Monthly SPX expiries, `datetime64[D]`: the third Friday, or the trading day before when that is a holiday.

    >>> [str(d) for d in monthly_expiries(2019, 2019)[3:5]]  # 19 April 2019 was Good Friday
    ['2019-04-18', '2019-05-17']
    """
    cash = _schedule(_CASH, first_year, last_year).index.to_numpy().astype("datetime64[D]")
    months = np.arange(f"{first_year}-01", f"{last_year + 1}-01", dtype="datetime64[M]").astype("datetime64[D]")
    weekday = (months.astype(np.int64) + 3) % 7  # Monday is 0
    third_friday = months + (4 - weekday) % 7 + 14
    return cash[np.searchsorted(cash, third_friday, side="right") - 1]


@dataclass(frozen=True)
class Calendar:
    """The trading days of an exchange over whole years, in order.

    sessions: one SESSION record a day. name: 'cme_globex' or 'nyse'.
    """

    name: str
    sessions: np.ndarray

    def locate(self, ts_ns: np.ndarray) -> np.ndarray:
        """Positions in `sessions` of the trading days that moments belong to, int64 of the same shape.

        A close belongs to the day it ends (a bar stamped 17:00 is that day's last).
        Raises CalendarError outside the span.
        """
        ts_ns = np.asarray(ts_ns, dtype=np.int64)
        position = np.searchsorted(self.sessions["close_ns"], ts_ns, side="left")
        before = self.sessions["midnight_ns"][0] - DAY
        if position.size and (position.max() >= self.sessions.size or ts_ns.min() < before):
            first, last = self.sessions["day"][[0, -1]]
            raise CalendarError(f"a time lies outside the {self.name} calendar loaded for {first}..{last}")
        return position

    def position(self, day: int) -> int:
        """Where the session named by a date `yyyymmdd` stands. Raises CalendarError when the exchange was closed."""
        position = int(np.searchsorted(self.sessions["day"], day))
        if position == self.sessions.size or self.sessions["day"][position] != day:
            raise CalendarError(f"{day} is not a trading day of {self.name}: the exchange was closed")
        return position

    def at(self, day: int) -> np.void:
        """The session named by a date `yyyymmdd`. Raises CalendarError when the exchange was closed."""
        return self.sessions[self.position(day)]

    def between(self, first: int, last: int) -> np.ndarray:
        """The sessions named by dates from `first` to `last`, both included."""
        days = self.sessions["day"]
        return self.sessions[np.searchsorted(days, first) : np.searchsorted(days, last, side="right")]


@functools.cache
def load(name: str, first_year: int, last_year: int) -> Calendar:
    """The calendar of an exchange from January of `first_year` to December of `last_year`.

    >>> from mia_ml.core.moments import utc
    >>> christmas = load("cme_globex", 2023, 2024).at(20231226)
    >>> utc(christmas["open_ns"])[:16], utc(christmas["close_ns"])[:16]
    ('2023-12-25T23:00', '2023-12-26T22:00')
    """
    if name not in _NAMES:
        raise CalendarError(refuse_unknown("calendar", name, tuple(_NAMES)))
    kept = _file(name, first_year, last_year)
    sessions = _kept(kept)
    if sessions is None:
        sessions = _made(name, first_year, last_year)
        _keep(kept, sessions)
    sessions.flags.writeable = False
    return Calendar(name, sessions)


def _made(name: str, first_year: int, last_year: int) -> np.ndarray:
    import pandas as pd

    # a year of margin on both sides: the first day has a day before it, the last an expiry after it
    schedule = _schedule(_NAMES[name], first_year - 1, last_year + 1)
    cash = _schedule(_CASH, first_year - 1, last_year + 1).reindex(schedule.index)
    sessions = np.zeros(len(schedule), SESSION)
    sessions["day"] = _dates(schedule.index)
    sessions["index"] = np.arange(len(schedule)) + _days_before(_NAMES[name], first_year - 1)
    sessions["open_ns"] = _ns(schedule["market_open"])
    sessions["close_ns"] = _ns(schedule["market_close"])
    midnight = pd.DatetimeIndex(schedule.index).tz_localize(_ZONE)
    sessions["midnight_ns"] = _ns(midnight.to_series())
    has_cash = cash["market_open"].notna().to_numpy()
    sessions["rth_open_ns"] = np.where(has_cash, _ns(cash["market_open"]), NONE)
    sessions["rth_close_ns"] = np.where(has_cash, _ns(cash["market_close"]), NONE)
    date = schedule.index.to_numpy().astype("datetime64[D]")
    expiry = monthly_expiries(first_year - 1, last_year + 2)
    sessions["days_to_expiry"] = (expiry[np.searchsorted(expiry, date)] - date).astype(np.int64)
    keep = (sessions["day"] // 10_000 >= first_year) & (sessions["day"] // 10_000 <= last_year)
    return sessions[keep]


def _file(name: str, first_year: int, last_year: int) -> Path:
    """Named by everything that the sessions depend on: the library's rules and this file."""
    made_by = f"{metadata.version('pandas_market_calendars')} {metadata.version('pandas')}".encode()
    digest = hashlib.sha256(made_by + Path(__file__).read_bytes()).hexdigest()[:16]
    return cache.home() / "calendars" / f"{name}-{first_year}-{last_year}-{digest}.npy"


def _kept(path: Path) -> np.ndarray | None:
    """None when there are none, or not whole."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if found.dtype != SESSION:
        return None
    return found.view(SESSION)  # a file knows of no alignment, and kernels take the type for another without it


def _keep(path: Path, sessions: np.ndarray) -> None:
    """Nothing is lost where nothing can be kept."""
    beside = path.with_name(f".{path.stem}.{os.getpid()}.npy")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(beside, sessions, allow_pickle=False)
        os.replace(beside, path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()


def _days_before(name: str, year: int) -> int:
    if year <= _EPOCH_YEAR:
        return 0
    return len(_schedule(name, _EPOCH_YEAR, year - 1))


def covering(name: str, first_ns: int, last_ns: int) -> Calendar:
    """The calendar of whole years that hold two moments, with the year after for what belongs to the next day."""
    first = int(np.datetime64(first_ns, "ns").astype("datetime64[Y]").astype(int)) + 1970
    last = int(np.datetime64(last_ns, "ns").astype("datetime64[Y]").astype(int)) + 1970
    return load(name, first, last + 1)
