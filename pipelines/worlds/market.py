"""A simulated market as the stages would have made it: rows and labels, with its tapes at hand, nothing written."""

from dataclasses import dataclass

import numpy as np

from mia_ml.core import calendar
from mia_ml.datasets import build, held
from mia_ml.datasets.held import Held
from mia_ml.features import clock
from mia_ml.settings import Settings
from mia_ml.sources import simulator
from mia_ml.sources.simulator import contracts
from pipelines.labels import labelled
from pipelines.market import engine_parameters, grace_ns
from pipelines.rows import Sample


@dataclass(frozen=True)
class Market:
    """sample: the rows that can signal, see `made`, and their labels. held: the days with their tables."""

    sample: Sample
    held: Held


def made(chosen: Settings, world: simulator.World) -> Market:
    """The market of a world, from its events through the engine and the simulator of executions.

    Rows are kept of the sessions in which the formula may signal, and the one row in front of them: where a session's
    factor is 0 the score is 0, which is inside the threshold, so what is left out could only have armed. The judge's
    other configurations, some of which would trade all day, are given the same rows.
    """
    sessions = contracts.sessions(world)
    years = sessions["day"][[0, -1]] // 10_000
    loaded = calendar.load(chosen.instrument.calendar, int(years[0]), int(years[1]) + 1)
    kept = held.hold(simulator.read(world), chosen.instrument.root, loaded)
    wanted = _sessions_that_signal(chosen)
    rows = {}
    for day, own in build.rows(engine_parameters(chosen, False), kept.days, grace_ns(chosen), 1, kept.tape):
        rows[day.day] = own[_with_the_row_before(np.isin(own["session"], wanted))]
    decided = labelled(chosen, kept.days, False, lambda day: rows[day.day], kept.prices)
    labels = np.concatenate([own for *_, own in decided])
    return Market(Sample(np.concatenate(list(rows.values())), labels), kept)


def _sessions_that_signal(chosen: Settings) -> list[int]:
    factor = chosen.confluence.session.model_dump()
    return [at for at, name in enumerate(clock.SESSIONS) if factor[name] > 0]


def _with_the_row_before(wanted: np.ndarray) -> np.ndarray:
    return wanted | np.append(wanted[1:], False)
