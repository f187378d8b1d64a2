"""The simulated market that is measured: whole days at the intensity of ES, on disk and in memory."""

import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np

from mia_ml import settings
from mia_ml.core.errors import DataError
from mia_ml.core.tables import Columns
from mia_ml.datasets import days
from mia_ml.datasets.days import Day, Days
from mia_ml.features import intake, params
from mia_ml.features.stream import Engine
from mia_ml.features.tape import Tape
from mia_ml.sources import simulator
from mia_ml.store.ingest import ingest
from mia_ml.store.rules import Rules

PARAMS = Path(__file__).resolve().parents[1] / "params.yaml"
FULL = (600_000, 3_000_000)
"""Trades and book updates of an ordinary full day of ES."""
MOST_DAYS = 9
WORLD = simulator.World(seed=2, start="2024-03-19", days=MOST_DAYS, intensity=1.15)
"""Regular days without a roll; quieter than its mean at times, hence the intensity above 1."""


class Market:
    """Tables of the first days of a world, written as they are asked for; gone when the benchmark ends."""

    def __init__(self, world: simulator.World = WORLD, least: tuple[int, int] = FULL) -> None:
        self._world = world
        self._least = least
        self._folder = tempfile.TemporaryDirectory(prefix="mia-benchmark-")
        self.root = Path(self._folder.name) / "tables"
        self._written = 0
        chosen = settings.load(PARAMS)
        self.params = params.build(
            chosen.features.model_dump(), chosen.context.model_dump(), tick=world.tick, native=False
        )
        self.grace_ns = chosen.features.grace_ms * 1_000_000

    def __enter__(self) -> "Market":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def days(self, count: int) -> Days:
        """The first `count` trading days, or all that are written when those are more."""
        for position in range(self._written, count):
            ingest(simulator.read(self._world, position, position + 1), self.root, Rules(unique_sequence=True))
        self._written = max(self._written, count)
        return days.plan(self.root, self._world.root, "cme_globex", native=False)


class FullDay:
    """One day in memory: columns for the peers, a tape for us. Raises DataError when it is thinner than `least`."""

    def __init__(self, market: Market, least: tuple[int, int] = FULL) -> None:
        self.plan = market.days(1)
        self.day: Day = self.plan.days[0]
        self._params = market.params
        self.tables: dict[str, Columns] = days.tables_of(self.day)
        self.tape: Tape = intake.tape(**self.tables, grace_ns=market.grace_ns)
        at = int(np.searchsorted(self.plan.sessions["day"], self.day.day))
        self.open_ns = int(self.plan.sessions["open_ns"][at])
        self.close_ns = int(self.plan.sessions["close_ns"][at])
        found = (self.tape.trade_ts.size, self.tape.book_ts.size)
        if found[0] < least[0] or found[1] < least[1]:
            raise DataError(f"the simulated day has {found[0]} trades and {found[1]} book rows, wanted {least}")

    @property
    def events(self) -> int:
        return sum(times.size for times in intake.times_of(self.tape))

    def engine(self) -> Engine:
        return Engine(self._params, self.plan.sessions, self.plan.contracts)

    def rows(self) -> np.ndarray:
        """Every family over the whole day."""
        return self.engine().run(self.tape, until=self.close_ns)
