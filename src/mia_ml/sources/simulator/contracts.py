"""Trading days of a world and the contract in front on each.

Volume crosses over to the next quarterly contract eight calendar days before the expiry (a Thursday), and the trading
day after, seven days before, the next contract is in front. A future stands above its index by the cost of carry to
its expiry, so a roll lifts the price by about a quarter's carry.
"""

import functools

import numpy as np

from mia_ml.core import calendar, moments
from mia_ml.core.instruments import MONTH_CODES
from mia_ml.sources.simulator.world import World

ROLL_DAYS = np.timedelta64(7, "D")
QUARTER_MONTHS = (3, 6, 9, 12)


def sessions(world: World) -> np.ndarray:
    """The world's trading days, SESSION records."""
    first = moments.from_iso(world.start)
    year = first // 10_000
    last_year = year + world.days // 240 + 1
    return calendar.load("cme_globex", year, last_year).between(first, last_year * 10_000 + 1231)[: world.days]


@functools.cache
def _quarterly_expiries(year: int) -> np.ndarray:
    expiries = calendar.monthly_expiries(year, year + 1)
    months = expiries.astype("datetime64[M]").astype(np.int64) % 12 + 1
    return expiries[np.isin(months, QUARTER_MONTHS)]


def _date(day: int) -> np.datetime64:
    return np.datetime64(moments.iso(day), "D")


def expiries_ahead(day: int) -> np.ndarray:
    """Expiries of the contract in front on a day `yyyymmdd` and of those behind it.

    >>> [str(e) for e in (expiries_ahead(20240307)[0], expiries_ahead(20240308)[0])]
    ['2024-03-15', '2024-06-21']
    """
    expiries = _quarterly_expiries(day // 10_000)
    return expiries[expiries - ROLL_DAYS > _date(day)]


def symbol(root: str, expiry: np.datetime64) -> str:
    """
    >>> symbol("ES", np.datetime64("2024-03-15"))
    'ESH4'
    """
    year, month = str(expiry).split("-")[:2]
    return f"{root}{MONTH_CODES[int(month) - 1]}{year[-1]}"


def basis(world: World, day: int, expiry: np.datetime64, index: float) -> float:
    """Points the future stands above its index on a day."""
    return index * world.carry_rate * int((expiry - _date(day)).astype(int)) / 365.0


def trading_days_to_roll(day: int) -> int:
    """Trading days from a day to the first on which the next contract is in front.

    >>> trading_days_to_roll(20240307), trading_days_to_roll(20240308) > 60
    (1, True)
    """
    first_behind = expiries_ahead(day)[0] - ROLL_DAYS
    between = calendar.load("cme_globex", day // 10_000, day // 10_000 + 1).between(day, _yyyymmdd(first_behind - 1))
    return int(between.size)


def _yyyymmdd(date: np.datetime64) -> int:
    return moments.from_iso(str(date))
