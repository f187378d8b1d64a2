"""The tables of `single.kernels`, filled: one event after another through screening, engine and scorer."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mia_ml.confluence import decision
from mia_ml.core.kernel import entry
from mia_ml.features import engine, live
from mia_ml.features.stream import Engine, copied
from mia_ml.scoring.scorer import Scorer
from mia_ml.single import arrival, kernels
from mia_ml.single.kernels import NO_TABLE, QUEUE, RUN, SCREEN, SCREENED_OUT, TABLE, WAIT
from mia_ml.store import rules
from mia_ml.store.screen import Screen


class Source(NamedTuple):
    """Where the events of a table come from.

    table: 'trades', 'book', 'options' or 'vix'. record: an array of length one whose fields, of eight bytes, are from
    `ts_event` on the table's columns in order; its owner overwrites it. screen: None for what was screened before.
    session: the SESSION that the events belong to.
    """

    table: str
    record: np.ndarray
    screen: Screen | None
    session: np.void


class Queue:
    """Rows of an index that wait for the first price which is not earlier: in order, for the roads that share it."""

    def __init__(self) -> None:
        self.events = np.zeros(QUEUE, live.EVENT)
        self.count = np.zeros(1, np.int64)

    def __len__(self) -> int:
        return int(self.count[0])

    @property
    def is_full(self) -> bool:
        return len(self) == QUEUE

    def clear(self) -> None:
        self.count[0] = 0


class Road:
    """engine, scorer: what an event goes through; both may be used in other ways between two events.

    event: EVENT array of length one. Without a source it is the event, else it becomes it, for whoever else wants it.
    queue: what goes before an event as soon as its time has come.
    """

    def __init__(
        self,
        through: Engine,
        scorer: Scorer,
        event: np.ndarray,
        source: Source | None = None,
        queue: Queue | None = None,
    ) -> None:
        self.engine = through
        self.scorer = scorer
        self._event = event
        self._out = np.zeros(engine.BARS_A_DAY, decision.DECISION)
        screen = source.screen if source is not None else None
        self._refused = screen is not None and not screen.known
        self._screens = 0 if screen is None else SCREEN
        arrays = {"event": event, "out": self._out, "formula": scorer.formula.record, "scorer": scorer.state}
        words = {"kind": NO_TABLE}
        if source is not None:
            words = {"kind": kernels.EVENTS[source.table], **_of_session(source.session)}
            arrays["record"] = _from_time_on(source.record)
        if screen is not None and screen.known:
            arrays |= {"screen": screen.state, "limits": screen.limits}
        if scorer.filter is not None:
            gate, words["filtered"] = scorer.filter.gate, 1
            arrays |= {"gate": gate.terms, "columns": gate.columns, "along": gate.along, **gate.models._asdict()}
        self._queue = queue
        if queue is not None:
            arrays |= {"queue": queue.events, "queued": queue.count}
        arrays |= through.arrays
        self._held = list(arrays.values())
        words |= {name: array.ctypes.data for name, array in arrays.items()}
        words |= {f"n_{name}": len(array) for name, array in arrays.items()}
        self._table = np.array([words.get(name, 0) for name in TABLE], np.int64)
        self._address = self._table.ctypes.data
        self._call = _entry()

    def screen(self) -> int:
        """The reason of the event by `store.rules`, 0 when it may enter: `run` comes next."""
        return self._reason(self._screens)

    def wait(self) -> int:
        """The same of a row of an index, which is in the queue if it may enter. Raises IndexError when that is full."""
        if self._queue is None or self._queue.is_full:
            raise IndexError(f"the queue has room for {QUEUE} rows")
        return self._reason(self._screens | WAIT)

    def run(self) -> int:
        """How many rows the event closed, with what had waited for it; they are decided."""
        return self._call(self._address, RUN)

    def take(self) -> int:
        """Screened and run at once: the rows closed, or SCREENED_OUT plus the reason, which is negative."""
        if self._refused:
            return SCREENED_OUT + rules.UNKNOWN_SYMBOL
        return self._call(self._address, self._screens | RUN)

    def _reason(self, steps: int) -> int:
        if self._refused:
            return rules.UNKNOWN_SYMBOL
        found = self._call(self._address, steps)
        return found - SCREENED_OUT if found else 0

    def rows(self, closed: int) -> np.ndarray:
        """The ROWs that the last event closed."""
        return self.engine.closed(closed)

    def decisions(self, closed: int) -> np.ndarray:
        """The DECISIONs on them."""
        return copied(self._out[:closed])

    def rehearse(self) -> tuple[np.ndarray, np.ndarray]:
        """The ROW of the bar under way and the DECISION on it if the bar closed as it is, and crossed: by the very code
        that will take it. Nothing of it is kept. Without a source only."""
        rows, decided = self.rows(0), self.decisions(0)
        with self.scorer.put_back():
            for _ in ("as it is", "crossing"):
                with self.engine.put_back() as until:
                    if until is None:
                        break
                    self._event["kind"], self._event["ts"] = live.CLOCK, until
                    closed = self.run()
                    rows, decided = self.rows(closed), self.decisions(closed)
                if closed:
                    self.scorer.lean(decided)
        return rows, decided


def _of_session(session: np.void) -> dict[str, int]:
    return {"open_ns": int(session["open_ns"]), "session": int(session["index"])}


def _from_time_on(record: np.ndarray) -> np.ndarray:
    return record.view(np.uint8)[record.dtype.fields["ts_event"][1] :]  # type: ignore[index]


@functools.cache
def _entry() -> Callable[[int, int], int]:
    return entry(kernels.take)


def warm() -> None:
    """Load the compiled call, and the judge of what arrives, or compile them."""
    _entry()
    arrival.judge(np.zeros((0, arrival.TS + 1), np.int64), False, False, 0, 0, 0)
