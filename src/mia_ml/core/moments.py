"""Moments and days as whole numbers, and what a trading day is; nothing here needs more than numpy."""

from datetime import date

import numpy as np

from mia_ml.core.errors import CalendarError

NS = 1_000_000_000
MINUTE = 60 * NS
DAY = 86_400 * NS
NONE = np.iinfo(np.int64).min
"""Stands for a moment that does not exist: the cash open of a day without a cash session."""

SESSION = np.dtype(
    [
        ("day", "i8"),  # yyyymmdd
        ("index", "i8"),  # position among the calendar's trading days, stable across spans
        ("open_ns", "i8"),
        ("close_ns", "i8"),
        ("midnight_ns", "i8"),  # 00:00 exchange time of the day's date
        ("rth_open_ns", "i8"),  # cash session, or NONE
        ("rth_close_ns", "i8"),
        ("days_to_expiry", "i8"),  # calendar days to the next monthly SPX expiry, 0 on the day itself
    ],
    align=True,
)


def iso(day: int) -> str:
    """A date `yyyymmdd` as `yyyy-mm-dd`.

    >>> iso(20231226)
    '2023-12-26'
    """
    return f"{day // 10_000:04d}-{day // 100 % 100:02d}-{day % 100:02d}"


def from_iso(text: str) -> int:
    """`yyyy-mm-dd` as a date `yyyymmdd`.

    >>> from_iso("2023-12-26")
    20231226
    >>> from_iso("today")
    Traceback (most recent call last):
    mia_ml.core.errors.CalendarError: 'today' is not a date: write it as 2023-12-26
    """
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise CalendarError(f"'{text}' is not a date: write it as 2023-12-26") from error
    return day.year * 10_000 + day.month * 100 + day.day


def utc(ts_ns: int) -> str:
    """A moment as text.

    >>> utc(0)
    '1970-01-01T00:00:00.000000000Z'
    """
    return f"{np.datetime64(int(ts_ns), 'ns')}Z"
