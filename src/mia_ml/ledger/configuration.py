"""What is counted: a configuration, and what its out-of-sample evaluation gave."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from mia_ml.core.errors import DataError

Scope = Literal["inner", "outer"]
"""inner: scored inside a training window, in-sample. outer: its out-of-sample result was computed."""

State = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True)
class Configuration:
    """Something that is scored on trading days yyyymmdd, both inclusive, of an instrument.

    kind: such as policy, filter. name: for people, and no part of what it is. content: what else makes it the one it
    is, as JSON can hold it: all its parameters, a fingerprint of the data. Raises DataError when days are in disorder.
    """

    scope: Scope
    instrument: str
    first_day: int
    last_day: int
    kind: str
    name: str
    content: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.first_day > self.last_day:
            raise DataError(f"{self.name}: its days {self.first_day}..{self.last_day} are in disorder")

    @cached_property
    def key(self) -> str:
        """sha256 of what it is: the same one scored again has the same.

        >>> one = Configuration("inner", "ES", 20240102, 20240131, "policy", "a/0", {"params": {"x": 0.1}})
        >>> from dataclasses import replace
        >>> one.key == replace(one, name="b/7").key, one.key == replace(one, last_day=20240201).key
        (True, False)
        """
        made_of = (self.scope, self.instrument, self.first_day, self.last_day, self.kind, self.content)
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Outcome:
    """days: int64 [d] yyyymmdd, rising, those without a trade included; pnl_usd: float64 [d], net.

    sharpe: per day. skewness, kurtosis: of the daily P&L, 3 for a normal one. expectancy_r: mean of the trades, R.
    NaN where not known. Raises DataError when days and P&L do not go together.
    """

    days: np.ndarray
    pnl_usd: np.ndarray
    sharpe: float
    skewness: float
    kurtosis: float
    expectancy_r: float

    def __post_init__(self) -> None:
        if self.days.shape != self.pnl_usd.shape or self.days.ndim != 1 or not self.days.size:
            raise DataError(f"an outcome needs a P&L for each day: {self.days.shape} days, {self.pnl_usd.shape} values")
        if (np.diff(self.days) <= 0).any() or not np.isfinite(self.pnl_usd).all():
            raise DataError("an outcome needs days that rise and a P&L that is finite")

    @property
    def n_days(self) -> int:
        return int(self.days.size)


@dataclass(frozen=True, eq=False)
class Outer:
    """A configuration whose out-of-sample result is known. key: its identity."""

    key: str
    kind: str
    name: str
    outcome: Outcome
