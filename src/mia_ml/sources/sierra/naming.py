"""What Sierra Chart files share: their names, their clock, their prices."""

import re
from pathlib import Path

import numpy as np

from mia_ml.core import instruments
from mia_ml.core.errors import ConfigError
from mia_ml.core.tables import LEVELS, Columns

EPOCH_US = int(np.datetime64("1899-12-30", "us").astype(np.int64))
"""The vendor's day zero, in microseconds from 1970."""

_FLOAT32_STEP = 2.0**-23


def utc_ns(vendor_us: np.ndarray) -> np.ndarray:
    """Nanoseconds UTC of the vendor's microseconds since 30 December 1899.

    >>> str(np.datetime64(int(utc_ns(np.array([3_852_144_000_000_000]))[0]), "ns"))
    '2022-01-24T00:00:00.000000000'
    """
    return (vendor_us + EPOCH_US) * 1_000


def symbol_of(path: Path) -> str:
    """The contract a file is named after: what stands before the first of `_ . -` or a space.

    >>> symbol_of(Path("ESH22_FUT_CME.2022-01-24.depth")), symbol_of(Path("NQU6.CME.scid"))
    ('ESH22', 'NQU6')
    """
    return re.split(r"[-_. ]", path.name, maxsplit=1)[0].upper()


def tick_of(symbol: str, path: Path) -> float:
    """Points per tick of a contract. Raises ConfigError with the remedy when its family is unknown."""
    try:
        return instruments.INSTRUMENTS[instruments.root_of(symbol)].tick
    except ConfigError as error:
        raise ConfigError(f"{error}; give the contract of {path.name} as `symbol`") from error


def points(stored: np.ndarray, multiplier: float, tick: float) -> np.ndarray:
    """Prices in points from the vendor's 32-bit floats.

    A 32-bit float keeps some seven digits, so 71.23 arrives as 71.2300034: what lies within that rounding of
    a tick is put back on it. A price that is truly off the grid stays as it is, for the screen to refuse.

    >>> points(np.array([434775.0, 4347.8], "f4"), 1.0, 0.25).tolist()
    [434775.0, 4347.7998046875]
    >>> points(np.array([434775.0], "f4"), 0.01, 0.25).tolist()
    [4347.75]
    """
    exact = stored.astype(np.float64) * multiplier
    on_grid = np.round(np.rint(exact / tick) * tick, 9)
    return np.where(np.abs(on_grid - exact) <= np.abs(exact) * _FLOAT32_STEP, on_grid, exact)


def book(ts_ns: np.ndarray, top: np.ndarray) -> Columns:
    """The canonical book of `top[row, side, level, (price, size)]`; side 0 is the bid."""
    columns: Columns = {"ts_event": ts_ns}
    for field, dtype, unit in (("px", np.float64, 0), ("sz", np.int64, 1)):
        for side, name in enumerate(("bid", "ask")):
            columns |= {
                f"{name}_{field}_{level:02d}": top[:, side, level, unit].astype(dtype) for level in range(LEVELS)
            }
    return columns
