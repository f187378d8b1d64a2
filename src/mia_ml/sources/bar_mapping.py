"""How a bar file is laid out, as plain data from `conf/source/`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from mia_ml.core.errors import ConfigError, refuse_unknown
from mia_ml.core.instruments import MONTH_CODES
from mia_ml.sources import wallclock

REQUIRED = ("ts", "open", "high", "low", "close", "volume")
OPTIONAL = ("n_trades", "buy_volume", "sell_volume")
EPOCH_NS = {"epoch_s": 1_000_000_000, "epoch_ms": 1_000_000, "epoch_us": 1_000, "epoch_ns": 1}
MS_SINCE_MIDNIGHT = "ms_since_midnight"


@dataclass(frozen=True)
class BarMapping:
    """Which cell holds what, and what its numbers mean.

    columns: canonical name to the file's column name, or to its position from 0. time_format: 'iso',
    'epoch_s' to 'epoch_ns', 'ms_since_midnight' (the date then comes from the name) or a strptime format.
    time_zone: of times that name none. stamp: whether a bar carries its start or its end; a start needs
    `period_s`, the bar's length in seconds. price_scale: points per unit of the file. name_pattern: regular
    expression over the file or member name; its groups `date` (yyyymmdd), `symbol`, or `year` and `month` (of
    the contract, after the root) are used.
    """

    columns: Mapping[str, str | int]
    header: bool = True
    separator: str = ","
    time_format: str = "iso"
    time_zone: str = "UTC"
    stamp: str = "end"
    period_s: int = 0
    price_scale: float = 1.0
    name_pattern: str = ""
    _name: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in self.columns:
            if name not in REQUIRED + OPTIONAL:
                raise ConfigError(refuse_unknown("bar column", name, REQUIRED + OPTIONAL))
        missing = [name for name in REQUIRED if name not in self.columns]
        if missing:
            raise ConfigError(f"mapping.columns does not say where {', '.join(missing)} is")
        named = [name for name, at in self.columns.items() if isinstance(at, str)]
        if named and not self.header:
            raise ConfigError(f"mapping.columns.{named[0]} is a name: without a header give positions")
        if len(self.separator) != 1:
            raise ConfigError(f"mapping.separator {self.separator!r} must be one character")
        if self.stamp not in ("start", "end"):
            raise ConfigError(refuse_unknown("mapping.stamp", self.stamp, ("start", "end")))
        if self.stamp == "start" and not self.period_s > 0:
            raise ConfigError("mapping.stamp is 'start': mapping.period_s must say how long a bar is")
        if not self.price_scale > 0:
            raise ConfigError(f"mapping.price_scale {self.price_scale} must be above 0")
        wallclock.check_zone(self.time_zone)
        try:
            object.__setattr__(self, "_name", re.compile(self.name_pattern))
        except re.error as error:
            raise ConfigError(f"mapping.name_pattern {self.name_pattern!r}: {error}") from error
        if self.time_format == MS_SINCE_MIDNIGHT and "date" not in self._name.groupindex:
            raise ConfigError("mapping.time_format 'ms_since_midnight' needs a (?P<date>...) in name_pattern")

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> "BarMapping":
        """From settings as a YAML file gives them. Raises ConfigError on an unknown key.

        >>> BarMapping.from_dict({"colums": {}})
        Traceback (most recent call last):
        mia_ml.core.errors.ConfigError: unknown mapping key 'colums': did you mean 'columns'?
        """
        known = tuple(each.name for each in fields(cls) if each.init)
        for key in settings:
            if key not in known:
                raise ConfigError(refuse_unknown("mapping key", str(key), known))
        if "columns" not in settings:
            raise ConfigError("mapping.columns is missing: it says which column is ts, open, high, ...")
        return cls(**settings)

    def from_name(self, name: str, symbol: str | None) -> tuple[str | None, str]:
        """The symbol and the date (or '') that a name gives. Raises ConfigError where it gives none.

        >>> columns = {"ts": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}
        >>> pattern = r"_(?P<year>[0-9]{4})(?P<month>[0-9]{2})"
        >>> mapping = BarMapping(columns, header=False, name_pattern=pattern)
        >>> mapping.from_name("20131007_es_minute_trade_201312.csv", "ES")
        ('ESZ3', '')
        """
        found = self._name.search(name)
        if not found:
            raise ConfigError(f"its name does not match name_pattern {self.name_pattern!r}")
        groups = found.groupdict()
        if "symbol" in groups:
            symbol = groups["symbol"].upper()
        if symbol and "month" in groups and "year" in groups:
            month = int(groups["month"])
            if not 1 <= month <= 12:
                raise ConfigError(f"its name gives contract month {groups['month']}, which is none")
            symbol = f"{symbol}{MONTH_CODES[month - 1]}{int(groups['year']) % 10}"
        return symbol, groups.get("date", "")
