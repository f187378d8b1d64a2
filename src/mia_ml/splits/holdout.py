"""The sealed hold-out: the last stretch of the data, which no stage reads until it is unsealed (SPEC 8)."""

import math
from fractions import Fraction

import numpy as np

from mia_ml.core.errors import ConfigError, DataError
from mia_ml.splits import spans

NONE = "none"


def first_sealed_day(trading_days: np.ndarray, holdout: str | float | None) -> int | None:
    """The first day `yyyymmdd` of the hold-out; None when nothing is sealed.

    trading_days: of the data, in any order. holdout: the last "24 months" (by the calendar, up to the last day) or
    "30 days" (trading days), a share of the days as "20 %" or 0.2 (rounded up), or "none".
    Raises DataError when no day would be left to learn from.

    >>> days = np.array([20240102, 20240103, 20240201, 20240202, 20240301])
    >>> [first_sealed_day(days, text) for text in ("1 month", "2 days", "20 %", 0.5, "none")]
    [20240202, 20240202, 20240301, 20240201, None]
    >>> first_sealed_day(days, "3 months")
    Traceback (most recent call last):
    mia_ml.core.errors.DataError: a hold-out of 3 months would seal all 5 trading days: shorten it, or say 'none'
    """
    if holdout is None or holdout == NONE:
        return None
    days = spans.checked_days(trading_days)
    share = _share(holdout)
    if share is None:
        first = spans.tail_start(days, spans.Span.parse(str(holdout), "holdout"))
    else:
        first = days.size - math.ceil(share * days.size)
    if first <= 0:
        raise DataError(f"a hold-out of {holdout} would seal all {days.size} trading days: shorten it, or say '{NONE}'")
    return int(days[first])


def _share(holdout: str | float) -> Fraction | None:
    """The exact share that a text such as "20 %" or a number names, or None when it is a stretch of time."""
    text = str(holdout).strip()
    percent = text.endswith("%")
    try:
        share = Fraction(text.removesuffix("%").strip()) / (100 if percent else 1)
    except (ValueError, ZeroDivisionError):
        return None
    if not 0 < share < 1:
        raise ConfigError(f"holdout is {holdout}: a share lies between 0 and 1, both excluded; or say '{NONE}'")
    return share
