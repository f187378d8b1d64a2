"""How signals become positions: barriers, time-out, latency, costs, sizing. Every field is a setting.

Resting orders stand on the tick grid, at the first price at or beyond the barrier: with A = 2.1 points of ES (8.4
ticks) the stop is 9 ticks from the entry and a take-profit of 2 A 17 ticks. Rounding outwards changes no exit: a price
on the grid reaches 8.4 ticks when it reaches 9.

Fills are recorded at market prices and the cost of a round trip is charged once: net = gross - cost.
"""

import math
from dataclasses import dataclass

import numpy as np

from mia_ml.core.errors import ConfigError
from mia_ml.core.instruments import Instrument
from mia_ml.core.moments import MINUTE

PARAMS = np.dtype(
    [
        ("tick", "f8"),  # points
        ("tick_value", "f8"),  # USD per contract
        ("take_profit", "f8"),  # in A
        ("stop", "f8"),  # in A
        ("timeout_ns", "i8"),  # 0: counted in bars
        ("timeout_bars", "i8"),
        ("latency_ns", "i8"),
        ("flat_before_close_ns", "i8"),  # negative: positions may stay over night
        ("cost_ticks", "f8"),  # a round trip
        ("capital", "f8"),  # USD
        ("risk_usd", "f8"),  # budget of one trade, 0: `contracts`
        ("contracts", "i8"),
        ("reverse", "i8"),
    ],
    align=True,
)


@dataclass(frozen=True)
class Execution:
    """Execution settings; the defaults are those of ES.

    take_profit, stop: barriers in A (1.5 and 1.0 are the literal plan).
    timeout_bars, timeout_bar_min: longest holding, 20 bars of 5 minutes. `timeout_bar_min=0` counts the tape's own
        bars, for bars that are sparse in the day.
    latency_ms: a fill needs a print at or after decision + latency. A bar's open fills when the bar opened at or after
        the decision and closes after decision + latency: bars resolve no finer.
    slippage_ticks: a side. commission_ticks: a round trip. Together the whole cost; fills add no other.
    flat_at_session_end, flat_before_close_min: flat 5 minutes before the day's close (16:55 ET, or before an early
        close) and no entry from then on. False holds over night and lets a day's last signal enter on the next open.
    reverse: an opposite signal closes the position and opens its own, else it is blocked.
    contracts: size, unless `risk_fraction` (0.005 = 0.5 %) sets it to the whole contracts whose stop loses at most that
        share of `capital_usd`. Capital is fixed: profits are not reinvested.
    """

    take_profit: float = 2.0
    stop: float = 1.0
    timeout_bars: int = 20
    timeout_bar_min: int = 5
    latency_ms: int = 250
    slippage_ticks: float = 1.0
    commission_ticks: float = 0.3
    flat_at_session_end: bool = True
    flat_before_close_min: int = 5
    reverse: bool = False
    capital_usd: float = 100_000.0
    contracts: int = 1
    risk_fraction: float | None = None

    def __post_init__(self) -> None:
        for name in ("take_profit", "stop", "timeout_bars", "capital_usd", "contracts"):
            self._refuse_unless(name, getattr(self, name) > 0, "must be above 0")
        for name in (
            "timeout_bar_min",
            "latency_ms",
            "slippage_ticks",
            "commission_ticks",
            "flat_before_close_min",
        ):
            self._refuse_unless(name, getattr(self, name) >= 0, "must not be below 0")
        if self.risk_fraction is not None:
            self._refuse_unless("risk_fraction", 0 < self.risk_fraction < 1, "is a share of capital, in (0, 1)")

    def _refuse_unless(self, name: str, holds: bool, requirement: str) -> None:
        value = getattr(self, name)
        if not holds or not math.isfinite(value):
            raise ConfigError(f"execution.{name} = {value} {requirement}")

    @property
    def cost_ticks(self) -> float:
        """A round trip, all in.

        >>> Execution().cost_ticks
        2.3
        """
        return 2 * self.slippage_ticks + self.commission_ticks


def params(execution: Execution, instrument: Instrument) -> np.ndarray:
    """The settings as the kernels read them, one PARAMS record."""
    record = np.zeros(1, PARAMS)
    record["tick"] = instrument.tick
    record["tick_value"] = instrument.tick_value
    record["take_profit"] = execution.take_profit
    record["stop"] = execution.stop
    record["timeout_ns"] = execution.timeout_bars * execution.timeout_bar_min * MINUTE
    record["timeout_bars"] = execution.timeout_bars
    record["latency_ns"] = execution.latency_ms * 1_000_000
    record["flat_before_close_ns"] = execution.flat_before_close_min * MINUTE if execution.flat_at_session_end else -1
    record["cost_ticks"] = execution.cost_ticks
    record["capital"] = execution.capital_usd
    record["risk_usd"] = execution.capital_usd * (execution.risk_fraction or 0.0)
    record["contracts"] = execution.contracts
    record["reverse"] = execution.reverse
    return record


def blackouts(intervals: list[str]) -> np.ndarray:
    """Intervals written START/END in UTC as int64 rows [start_ns, end_ns), in time.

    >>> blackouts(["2024-01-05T13:25:00Z/2024-01-05T13:45:00Z"]).tolist()
    [[1704461100000000000, 1704462300000000000]]
    """
    edges = [[np.datetime64(edge.rstrip("Z"), "ns") for edge in interval.split("/")] for interval in intervals]
    rows = np.array(edges, "datetime64[ns]").astype(np.int64).reshape(-1, 2)
    return rows[np.argsort(rows[:, 0], kind="stable")]
