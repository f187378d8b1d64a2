"""The chosen market, as the stages and doors behind ingest see it: its trading days and the engine's parameters."""

from pathlib import Path

import numpy as np

from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.datasets import days
from mia_ml.features import params
from mia_ml.settings import Settings
from pipelines import TABLES

NS_PER_MS = 1_000_000


def trading_days(chosen: Settings, tables: Path = TABLES) -> tuple[days.Days, bool]:
    """The days of the configured instrument, and whether they come as bars (a source without trades and book)."""
    native = days.is_native(tables)
    return days.plan(tables, chosen.instrument.root, chosen.instrument.calendar, native), native


def engine_parameters(chosen: Settings, native: bool) -> np.ndarray:
    """The engine's parameters for the configured instrument, on minutes or on the file's own bars."""
    tick = INSTRUMENTS[chosen.instrument.root].tick
    return params.build(chosen.features.model_dump(), chosen.context.model_dump(), tick, native)


def grace_ns(chosen: Settings) -> int:
    """How long after its end a bar waits for late events."""
    return chosen.features.grace_ms * NS_PER_MS
