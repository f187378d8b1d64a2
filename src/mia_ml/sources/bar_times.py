"""When a bar closed, from the time formats that bar files use."""

import numpy as np
import polars as pl

from mia_ml.core.errors import SourceError
from mia_ml.sources import wallclock
from mia_ml.sources.bar_mapping import EPOCH_NS, MS_SINCE_MIDNIGHT, BarMapping

_DAY_MS = 86_400_000
_ISO = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_ISO_WITH_OFFSET = "%Y-%m-%d %H:%M:%S%.f%z"


def close_ns(stamps: pl.Series, date: str, mapping: BarMapping) -> np.ndarray:
    """Nanoseconds UTC at which bars closed, in file order; MISSING where a stamp is no time.

    date: yyyymmdd, for stamps that count from midnight.
    """
    opened_or_closed = _stamp_ns(stamps, date, mapping)
    length = mapping.period_s * 1_000_000_000 if mapping.stamp == "start" else 0
    return np.where(opened_or_closed == wallclock.MISSING, wallclock.MISSING, opened_or_closed + length)


def _stamp_ns(stamps: pl.Series, date: str, mapping: BarMapping) -> np.ndarray:
    if isinstance(stamps.dtype, pl.Datetime):
        return _utc(stamps, mapping)
    if mapping.time_format in EPOCH_NS:
        return _filled(stamps.cast(pl.Int64, strict=False) * EPOCH_NS[mapping.time_format])
    if mapping.time_format == MS_SINCE_MIDNIGHT:
        ms = stamps.cast(pl.Int64, strict=False)
        midnight = _midnight_ns(date)
        inside = (ms >= 0) & (ms <= _DAY_MS)
        return _local(_filled(pl.select(pl.when(inside).then(ms * 1_000_000 + midnight)).to_series()), mapping)
    text = stamps.cast(pl.String)
    if mapping.time_format != "iso":
        return _utc(text.str.to_datetime(mapping.time_format, time_unit="ns", strict=False), mapping)
    text = text.str.replace("T", " ", literal=True)
    parsed = pl.select(
        pl.coalesce(text.str.to_datetime(layout, time_unit="ns", strict=False) for layout in _ISO)
    ).to_series()
    offset = text.str.contains(r":\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})$").fill_null(False)
    utc = _local(_filled(parsed.dt.epoch("ns")), mapping)
    if offset.any():
        aware = text.str.replace("Z$", "+00:00").str.to_datetime(_ISO_WITH_OFFSET, time_unit="ns", strict=False)
        utc = np.where(offset.to_numpy(), _filled(aware.dt.epoch("ns")), utc)
    return utc


def _utc(moments: pl.Series, mapping: BarMapping) -> np.ndarray:
    ns = _filled(moments.dt.epoch("ns"))
    named_zone = isinstance(moments.dtype, pl.Datetime) and moments.dtype.time_zone
    return ns if named_zone else _local(ns, mapping)


def _local(wall_ns: np.ndarray, mapping: BarMapping) -> np.ndarray:
    return wallclock.to_utc(wall_ns, mapping.time_zone, repeat_steps_back=mapping.period_s > 0)


def _filled(ns: pl.Series) -> np.ndarray:
    return ns.fill_null(wallclock.MISSING).to_numpy()


def _midnight_ns(date: str) -> int:
    try:
        day = np.datetime64(f"{date[:4]}-{date[4:6]}-{date[6:8]}", "D")
    except ValueError as error:
        raise SourceError(f"the date '{date}' in its name is none: write it as 20131007") from error
    return int(day.astype("datetime64[ns]").astype(np.int64))
