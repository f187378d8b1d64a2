"""Feature rows of many trading days.

The heavy stage, events to bars, needs nothing but its own day: days are read and run side by side on threads (the
kernels hold no GIL). The light one, bars to rows, then follows in order with what each day carries to the next. A day
under way, the last one, ends with its last event; the others run to their close.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from mia_ml.datasets.days import Day, Days, tape_of
from mia_ml.features import engine, intake, tape
from mia_ml.features.bar import BAR
from mia_ml.features.stream import Engine
from mia_ml.features.tape import Tape

Read = Callable[[Day, int], Tape]
"""The events of a day, given how many ns after its end a bar waits for late ones."""


def _bars(
    params: np.ndarray, session: np.ndarray, day: Day, last: bool, grace_ns: int, read: Read
) -> tuple[np.ndarray, np.ndarray]:
    """The bars of one day from its own events, and what it knew of options and VIX at its end."""
    events = read(day, grace_ns)
    span = intake.first_and_last(events)
    until = int(session["close_ns"][0]) if not last or span is None else span[1]
    state = np.zeros(1, tape.STATE)
    bars = np.zeros(max(engine.BARS_A_DAY, events.bars.size), BAR)
    closed = engine.bars_of(params, session, state, until, events, bars)
    return bars[:closed], state["levels"]


def rows(
    params: np.ndarray, days: Days, grace_ns: int = 0, workers: int = 0, read: Read = tape_of
) -> Iterator[tuple[Day, np.ndarray]]:
    """Each day with its ROW records, in order. workers: threads, 0 is one a core. read: by default from its files."""
    workers = workers or os.cpu_count() or 1
    stream = Engine(params, days.sessions, days.contracts)
    waiting: deque[tuple[Day, np.ndarray, Future[tuple[np.ndarray, np.ndarray]]]] = deque()
    todo = iter(enumerate(days.days))
    with ThreadPoolExecutor(workers) as pool:
        while True:
            while len(waiting) <= workers and (item := next(todo, None)) is not None:
                position, day = item
                at = int(np.searchsorted(days.sessions["day"], day.day))
                session = days.sessions[at : at + 1].copy()
                last = position == len(days.days) - 1
                waiting.append((day, session, pool.submit(_bars, params, session, day, last, grace_ns, read)))
            if not waiting:
                return
            day, session, future = waiting.popleft()
            bars, levels = future.result()
            yield day, stream.run_closed(bars, session, levels)
