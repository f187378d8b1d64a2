"""Settings of where events come from; their units stand in conf/source.

The names repeat those of `sources.simulator.world.World`, which checks the values: this room must not reach that one,
or every stage would be run again when the simulator changes. A test holds the names together.
"""

from typing import Any, Literal

from pydantic import field_validator

from mia_ml.settings.base import Positive, Section

NO_FILE = "conf/source/none.txt"
"""Stands for a file that is not given: DVC needs every dependency to exist."""


class Faults(Section):
    gaps_per_day: float
    duplicates: float
    outliers: float
    off_grid: float
    zero_size: float
    unknown_side: float
    crossed: float
    late: float


class World(Section):
    seed: int
    start: str
    days: int
    intensity: str | float
    root: str
    start_index: float
    carry_rate: float
    overlap_days: int
    vix_mean: float
    vix_persistence: float
    vix_volatility: float
    realised: float
    jump_day: int
    jump_factor: float
    edge: str
    strength: dict[str, float]
    edge_until_day: int
    missing: dict[str, float]
    large_orders: float
    faults: Faults


class Source(Section):
    """path: a file or folder. vix_path: a file of daily VIX closes, or NO_FILE."""

    path: str
    vix_path: str
    unique_sequence: bool

    @field_validator("path", "vix_path")
    @classmethod
    def _given(cls, path: str) -> str:
        if path == "???":
            raise ValueError("not given: add -S source.path=FILE_OR_FOLDER")
        return path


class Simulate(Source):
    kind: Literal["simulate"]
    world: World


class Databento(Source):
    kind: Literal["databento"]


class Sierra(Source):
    kind: Literal["sierra"]
    symbol: str | None
    zone: str
    fraction: str
    price_multiplier: Positive


class Bars(Source):
    kind: Literal["bars"]
    symbol: str
    mapping: dict[str, Any]


class Tables(Source):
    kind: Literal["tables"]


AnySource = Simulate | Databento | Sierra | Bars | Tables
