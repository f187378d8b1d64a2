"""Wall-clock times of vendor files as int64 nanoseconds UTC.

Twice a year a wall clock is no clock. An hour that does not exist has no UTC time: such a row is refused. An
hour that happens twice is read in file order: its first pass until the clock steps back, its second pass from
then on.
"""

import numpy as np
import polars as pl

from mia_ml.core.errors import ConfigError

MISSING = np.iinfo(np.int64).min
"""Stands for a wall-clock time that never was."""


def check_zone(zone: str) -> None:
    """Raises ConfigError for a name that is no IANA time zone."""
    try:
        pl.Series([0], dtype=pl.Int64).cast(pl.Datetime("ns")).dt.replace_time_zone(zone)
    except pl.exceptions.ComputeError as error:
        raise ConfigError(f"unknown time zone '{zone}': use an IANA name such as America/New_York or UTC") from error


def to_utc(wall_ns: np.ndarray, zone: str, *, repeat_steps_back: bool = False) -> np.ndarray:
    """UTC nanoseconds of wall-clock nanoseconds in file order; MISSING where the clock skipped that time.

    wall_ns: nanoseconds since 1970 as a clock on the wall of `zone` shows them. repeat_steps_back: a time
    equal to the one before opens the second pass of a doubled hour (bars of fixed length); otherwise it is a
    tie.

    >>> wall = np.array(["2021-11-07T01:59", "2021-11-07T01:00"], "datetime64[ns]").astype("i8")
    >>> [str(t)[:16] for t in to_utc(wall, "America/New_York").view("datetime64[ns]")]
    ['2021-11-07T05:59', '2021-11-07T06:00']
    """
    if zone == "UTC":
        return wall_ns
    naive = pl.Series(wall_ns).cast(pl.Datetime("ns"))
    first, second = (
        naive.dt.replace_time_zone(zone, ambiguous=which, non_existent="null")
        .dt.epoch("ns")
        .fill_null(MISSING)
        .to_numpy()
        for which in ("earliest", "latest")
    )
    doubled = first != second
    if not doubled.any():
        return first
    step = np.diff(wall_ns, prepend=wall_ns[:1] - 1)
    back = np.concatenate([[False], doubled[1:] & doubled[:-1]]) & ((step < 0) | (repeat_steps_back & (step == 0)))
    entered = doubled & ~np.concatenate([[False], doubled[:-1]])
    backs = np.cumsum(back)
    backs_before = np.maximum.accumulate(np.where(entered, backs, 0))
    return np.where(doubled & (backs > backs_before), second, first)
