"""What a run stands on and what it has made: what the audit asks for, as values and as ways to read a day."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mia_ml.backtest.execution import Execution
from mia_ml.canaries.claims import Fold
from mia_ml.core.instruments import Instrument
from mia_ml.core.tables import Columns
from mia_ml.datasets.days import Day, Days
from mia_ml.features.tape import Tape


@dataclass(frozen=True, eq=False)
class Policy:
    """What decided. decide: ROW records in, one record a row out, from a fresh start at each call. rows: in time."""

    name: str
    decide: Callable[[np.ndarray], np.ndarray]
    rows: np.ndarray


@dataclass(frozen=True, eq=False)
class Run:
    """params: of the engine. days: those that are not sealed. native: they come as bars.

    tape_of: a day's events as the engine had them. prices_of: a day's table of trades, or of bars.
    rows: ROW [n] of these days, in time. labels: LABEL [n, 2]. barrier: float64 [n], A of SPEC 6 in points.
    trades: TRADE records. folds: see `window`.
    """

    params: np.ndarray
    days: Days
    native: bool
    tape_of: Callable[[Day], Tape]
    prices_of: Callable[[Day], Columns]
    rows: np.ndarray
    labels: np.ndarray
    barrier: np.ndarray
    execution: Execution
    instrument: Instrument
    blackouts: np.ndarray
    trades: np.ndarray
    folds: Sequence[Fold] = ()
    policies: Sequence[Policy] = ()

    @property
    def latency_ns(self) -> int:
        """From a decision to the earliest fill. A bar has no finer moment than its open: 0."""
        return 0 if self.native else self.execution.latency_ms * 1_000_000

    @property
    def table(self) -> Literal["bars", "trades"]:
        """That `prices_of` reads."""
        return "bars" if self.native else "trades"

    def rows_of(self, day: Day) -> slice:
        first, last = np.searchsorted(self.rows["day"], (day.day, day.day + 1))
        return slice(int(first), int(last))


def window(name: str, trained: np.ndarray, opens_ns: int, closes_ns: int, embargo_ns: int) -> Fold:
    """A walk-forward fold. trained: LABEL [m, 2] that was learnt from. opens_ns, closes_ns: of its test window."""
    t0_ns, t1_ns = trained["signal_ns"].min(axis=1), trained["end_ns"].max(axis=1)
    return Fold(name, t0_ns, t1_ns, np.array([opens_ns]), np.array([closes_ns]), before_ns=embargo_ns)
