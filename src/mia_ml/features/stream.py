"""The engine as an object: feed it events in any portions, get rows, save and restore it at any point."""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from mia_ml.core.errors import CalendarError, DataError
from mia_ml.core.kernel import seal
from mia_ml.core.moments import MINUTE, SESSION, utc
from mia_ml.features import engine, intake, live, tape
from mia_ml.features.bar import BAR
from mia_ml.features.tape import Tape

_NO_ROWS = np.zeros(0, engine.ROW)
_AT = {name: engine.STATE.fields[name][1] for name in engine.STATE.names}  # type: ignore[index,union-attr]
_MOVING = (slice(0, _AT["bars"]), slice(_AT["tape"], _AT["usual"]))
"""Bytes of a STATE that the close of a bar changes, beside that bar."""


@functools.cache
def warm() -> None:
    """Load every entry point for the types that tapes and live events have, compiling what is not in the cache.

    Afterwards an array of another type or stride is an error, where it would silently have compiled a second version.
    """
    params, state, session = np.zeros(1, engine.PARAMS), np.zeros(1, engine.STATE), np.zeros(1, SESSION)
    bars, rows, empty = np.zeros(1, BAR), np.zeros(1, engine.ROW), intake.tape()
    engine.open_day(params, state, session, 0)
    engine.run(params, state, 0, empty, bars, rows)
    engine.bars_of(params, session, np.zeros(1, tape.STATE), 0, empty, bars)
    engine.rows_of(params, state, bars[:0], rows)
    live.push(params, state, event_record(live.CLOCK, 0), 0, bars, rows)
    for entry in (engine.open_day, engine.run, engine.bars_of, engine.rows_of, live.push):
        seal(entry)


class Engine:
    """Events in, rows out, over consecutive trading days.

    params: from `params.build`. sessions: SESSION records, one a trading day, in order. contracts: int64 of the same
    length, what is traded that day (`contract_id`); a change of contract is a roll, and nothing is carried over it.

    Rows of a trading day that a later day's event has ended run to its close; of the day under way, to the last bar
    that an event or a clock has reached. So later data adds rows and changes none.
    """

    def __init__(self, params: np.ndarray, sessions: np.ndarray, contracts: np.ndarray) -> None:
        warm()
        self._params = params
        self._sessions = sessions.copy()  # the calendar's is read-only, which is another type to a kernel
        self._contracts = contracts
        self._state = np.zeros(1, engine.STATE)
        self._bars = np.zeros(engine.BARS_A_DAY, BAR)
        self._rows = np.zeros(engine.BARS_A_DAY, engine.ROW)
        self._closes = sessions["close_ns"]
        self.close_ns = int(np.iinfo(np.int64).min)
        """The end of the trading day under way."""

    def run(self, events: Tape, until: int | None = None) -> np.ndarray:
        """The rows that a tape of any length completes, ROW records.

        until: a later moment known to have been reached, ns UTC. Raises CalendarError outside the sessions.
        """
        rows = []
        if events.late.size:
            events = events._replace(late=events.late[self._in_a_session(events.late)])
        while (span := intake.first_and_last(events)) is not None:
            if span[0] > self.close_ns:
                rows.append(self.open(span[0]))
            today, events = intake.split(events, self.close_ns)
            last = intake.first_and_last(today)
            if last is not None:
                rows.append(self._advance(today, last[1]))
        if until is not None:
            rows.append(self.clock(until))
        return np.concatenate(rows) if rows else _NO_ROWS

    def push(self, event: np.ndarray, ts: int) -> np.ndarray:
        """The rows that one EVENT at `ts` completes."""
        if ts > self.close_ns:
            if event["kind"][0] == live.LATE and not self._in_a_session(ts):
                return _NO_ROWS
            flushed = self.open(ts)
            return np.concatenate([flushed, self.push(event, ts)])
        closed = live.push(self._params, self._state, event, ts, self._bars, self._rows)
        return self.closed(closed) if closed else _NO_ROWS

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """What `live.push` works on, by its arguments' names. They stay where they are as long as the engine lives."""
        return {"params": self._params, "state": self._state, "bars": self._bars, "rows": self._rows}

    def closed(self, count: int) -> np.ndarray:
        """The ROWs that the last event closed."""
        return copied(self._rows[:count])

    def rehearse(self) -> np.ndarray:
        """The row of the bar under way if it closed as it is. The engine is left as it was, to the byte."""
        with self.put_back() as until:
            if until is None:
                return _NO_ROWS
            event = event_record(live.CLOCK, until)
            return self.closed(live.push(self._params, self._state, event, until, self._bars, self._rows))

    @contextlib.contextmanager
    def put_back(self) -> Iterator[int | None]:
        """Whatever is done inside, up to the end of the bar under way, is undone. Gives that end, or None."""
        until = self.last_close_ns + MINUTE
        if not self._state["session"]["index"][0] or until > self.close_ns:
            yield None
            return
        held = self._state.view(np.uint8)
        bar = _AT["bars"] + int(self._state["count"][0]) * BAR.itemsize
        kept = [(part, held[part].copy()) for part in (*_MOVING, slice(bar, bar + BAR.itemsize))]
        try:
            yield until
        finally:
            for part, was in kept:
                held[part] = was

    def clock(self, ts: int) -> np.ndarray:
        """The rows that the mere passing of time up to `ts` completes in the trading day under way."""
        empty = intake.tape()
        return self._advance(empty, ts) if self._state["session"]["index"][0] else _NO_ROWS

    def run_closed(self, bars: np.ndarray, session: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """The rows of a whole trading day whose BAR records were closed elsewhere (`engine.bars_of`).

        levels: one `levels.STATE` record, what that day knew of options and VIX at its end.
        """
        at = int(np.searchsorted(self._closes, session["close_ns"][0]))
        engine.open_day(self._params, self._state, session, self._contracts[at])
        self._state["tape"]["levels"] = levels
        rows = np.zeros(bars.size, engine.ROW)
        engine.rows_of(self._params, self._state, bars, rows)
        return rows

    @property
    def last_close_ns(self) -> int:
        """The end of the last bar that is closed, or could have been: nothing before it can change a row any more."""
        return int(self._state["tape"]["next_close"][0]) - MINUTE

    def snapshot(self) -> bytes:
        """Everything the next event needs."""
        return self._state.tobytes()

    def restore(self, snapshot: bytes) -> None:
        """Continue from a snapshot of an engine with the same parameters. Raises DataError on a foreign length."""
        if len(snapshot) != engine.STATE.itemsize:
            raise DataError(
                f"a snapshot of {len(snapshot)} bytes is not of this version: {engine.STATE.itemsize} bytes"
            )
        self._state.view(np.uint8)[:] = np.frombuffer(snapshot, np.uint8)
        self.close_ns = int(self._state["session"]["close_ns"][0])

    def _in_a_session(self, ts: Any) -> Any:
        """Whether moments lie in a trading day, not in a break: a late arrival in a break opens no day, since it is
        news of the day before, whose bars are all closed."""
        at = np.searchsorted(self._closes, ts, side="left")
        return (at < self._closes.size) & (ts >= self._sessions["open_ns"][np.minimum(at, self._closes.size - 1)])

    def open(self, ts: int) -> np.ndarray:
        """Run the day under way to its close and open the one that `ts` belongs to; the rows of the former.

        Raises CalendarError outside the sessions.
        """
        at = int(np.searchsorted(self._closes, ts, side="left"))
        if at == self._closes.size:
            raise CalendarError(f"{utc(ts)} lies after the last trading day loaded, {self._sessions['day'][-1]}")
        flushed = self.clock(self.close_ns)
        engine.open_day(self._params, self._state, self._sessions[at : at + 1], self._contracts[at])
        self.close_ns = int(self._closes[at])
        return flushed

    def _advance(self, events: Tape, until: int) -> np.ndarray:
        if events.bars.size > engine.BARS_A_DAY:
            day = self._state["session"]["day"][0]
            raise DataError(f"{events.bars.size} bars on trading day {day}: at most {engine.BARS_A_DAY}")
        return self._rows[: engine.run(self._params, self._state, until, events, self._bars, self._rows)].copy()


def copied(records: np.ndarray) -> np.ndarray:
    """Records on their own. Field by field, as numpy copies them, takes ten times as long."""
    return np.frombuffer(bytearray(records.tobytes()), records.dtype)


def contract_id(symbol: str) -> int:
    """A contract symbol as the number the engine compares.

    >>> contract_id("ESH4") == contract_id("ESH4"), contract_id("ESH4") == contract_id("ESM4")
    (True, False)
    """
    return int.from_bytes(symbol.encode()[-8:], "little")


def event_record(kind: int, ts: int, **values: Any) -> np.ndarray:
    """One EVENT array of the given kind; `values` are its other fields."""
    out = np.zeros(1, live.EVENT)
    out["kind"] = kind
    out["ts"] = ts
    for name, value in values.items():
        out[name] = value
    return out
