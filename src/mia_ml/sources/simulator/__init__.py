"""The built-in market: trades, book, options and VIX with known truth, for any number of trading days.

`World` says what is simulated, `read(world)` yields its canonical tables day by day, `truth(world)` what was planted.
"""

from mia_ml.sources.simulator.source import DayTruth, read, truth
from mia_ml.sources.simulator.world import Faults, World

__all__ = ["DayTruth", "Faults", "World", "read", "truth"]
