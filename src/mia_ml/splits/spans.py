"""Stretches of time as people say them, "12 months" or "60 days", on trading days `yyyymmdd`."""

import re
from dataclasses import dataclass

import numpy as np

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.core.moments import iso

_TEXT = re.compile(r"([1-9]\d*) (year|month|day)s?")


@dataclass(frozen=True)
class Span:
    """count: above 0. unit: 'months' of the calendar, or 'days', trading days as the data have them."""

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str, what: str = "span") -> "Span":
        """
        >>> Span.parse("3 months"), Span.parse("2 years"), Span.parse("60 days")
        (Span(count=3, unit='months'), Span(count=24, unit='months'), Span(count=60, unit='days'))
        >>> Span.parse("a quarter", "test")
        Traceback (most recent call last):
        mia_ml.core.errors.ConfigError: test is 'a quarter': write a count and a unit, as '3 months' or '60 days'
        """
        found = _TEXT.fullmatch(str(text).strip())
        if not found:
            raise ConfigError(f"{what} is '{text}': write a count and a unit, as '3 months' or '60 days'")
        count, unit = int(found[1]), found[2]
        return cls(count * 12, "months") if unit == "year" else cls(count, f"{unit}s")

    def __str__(self) -> str:
        return f"{self.count} {self.unit if self.count > 1 else self.unit[:-1]}"


def checked_days(trading_days: np.ndarray) -> np.ndarray:
    """Trading days as int64 `yyyymmdd`, each once, in order. Raises DataError when there is none or one is no date."""
    days = np.unique(np.asarray(trading_days, dtype=np.int64))
    if not days.size:
        raise DataError("no trading day to split: give the days of the data as yyyymmdd")
    try:
        np.array([iso(int(days[0])), iso(int(days[-1]))], dtype="datetime64[D]")
    except ValueError as error:
        raise DataError(f"{days[0]}..{days[-1]} are not dates: give trading days as yyyymmdd") from error
    return days


def months_of(days: np.ndarray | int) -> np.ndarray:
    """Months since year 0 of dates `yyyymmdd`.

    >>> int(months_of(20240131)) - int(months_of(20231201))
    1
    """
    days = np.asarray(days, dtype=np.int64)
    return days // 10_000 * 12 + days // 100 % 100 - 1


def month_text(month: int) -> str:
    """
    >>> month_text(int(months_of(20240131)))
    '2024-01'
    """
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def last_date(month: int) -> np.datetime64:
    """The last calendar date of a month."""
    return np.datetime64(month_text(month + 1), "D") - 1


def months_before(day: int, months: int) -> int:
    """The date `yyyymmdd` so many months earlier; the last of a month stays within its month.

    >>> months_before(20240531, 3), months_before(20240228, 24)
    (20240229, 20220228)
    """
    month = int(months_of(day)) - months
    latest = int(str(last_date(month))[-2:])
    return month // 12 * 10_000 + (month % 12 + 1) * 100 + min(day % 100, latest)


def tail_start(trading_days: np.ndarray, span: Span) -> int:
    """Where the last `span` of sorted trading days begins, as a position; 0 when they hold no more than that.

    >>> days = np.array([20240102, 20240103, 20240201, 20240202, 20240301])
    >>> tail_start(days, Span(2, "days")), tail_start(days, Span(1, "months"))
    (3, 3)
    """
    if span.unit == "days":
        return max(trading_days.size - span.count, 0)
    before = months_before(int(trading_days[-1]), span.count)
    return int(np.searchsorted(trading_days, before, side="right"))
