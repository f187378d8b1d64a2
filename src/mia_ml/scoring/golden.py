"""The golden tape: a small stretch of recorded events that a bundle carries with the bytes it gave.

Whoever loads the bundle replays the stretch: other bytes mean another machine, another version or a damaged file, and
in each case other decisions. Rows of model inputs go with it, so that every branch of the models has its chance.

Real days are thinned: every k-th print and every m-th snapshot, which is a sparser but equally possible day. Bars,
options and VIX stay whole.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mia_ml.confluence import decision
from mia_ml.core.errors import DataError
from mia_ml.core.moments import MINUTE, SESSION, utc
from mia_ml.features import engine, history, intake
from mia_ml.features.bar import NATIVE
from mia_ml.features.levels import OPTION, VIX
from mia_ml.features.stream import Engine
from mia_ml.features.tape import Tape
from mia_ml.scoring.arrays import expect
from mia_ml.scoring.scorer import Scorer

MOST_EVENTS_A_DAY = 4000
"""Prints, and as many snapshots: six days of both hold 3 MB."""
MOST_INPUT_ROWS = 256

_END_OF_TIME = 7_258_118_400_000_000_000
"""2200, ns UTC: no sum of moments before it overflows."""
_SLOT_OF_MIDNIGHT = 359
"""Slot of the bar that ends at midnight: that of 18:01 the evening before is 0."""

_COLUMNS = {"trade_ts": "i8", "price": "f8", "size": "i8", "side": "i1", "book_ts": "i8", "bid": "f8", "ask": "f8"}
_RECORDS = {"options": OPTION, "vix": VIX, "bars": NATIVE}


@dataclass(frozen=True)
class Golden:
    """events: in time order, over consecutive sessions. sessions, contracts: as `Engine` takes them.

    inputs: float64 [rows, model inputs], no columns when there is no model.
    """

    events: Tape
    sessions: np.ndarray
    contracts: np.ndarray
    inputs: np.ndarray

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Plain arrays; records of eight-byte fields are int64 [n, fields], which keeps every bit."""
        tape = self.events
        out = {name: getattr(tape, name) for name in (*_COLUMNS, "late")}
        out |= {name: _plain(getattr(tape, name)) for name in _RECORDS}
        out |= {"sizes": np.stack(tape.sizes), "sessions": _plain(self.sessions)}
        return out | {"contracts": self.contracts, "inputs": self.inputs}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], n_inputs: int, where: str) -> "Golden":
        """Raises DataError, which begins with `where`, on an array that is absent, unknown, mistyped or misshapen."""
        columns = {name: expect(arrays, name, dtype, (None,), where) for name, dtype in _COLUMNS.items()}
        for names in (("trade_ts", "price", "size", "side"), ("book_ts", "bid", "ask")):
            lengths = [columns[name].size for name in names]
            if len(set(lengths)) > 1:
                raise DataError(f"{where}: columns {', '.join(names)} have lengths {lengths}")
        sizes = expect(arrays, "sizes", "i8", (len(intake.BOOK_SIZES), columns["book_ts"].size), where)
        records = {name: _records(arrays, name, dtype, where) for name, dtype in _RECORDS.items()}
        late = expect(arrays, "late", "i8", (None,), where)
        sessions = _records(arrays, "sessions", SESSION, where)
        contracts = expect(arrays, "contracts", "i8", (sessions.size,), where)
        inputs = expect(arrays, "inputs", "f8", (None, n_inputs), where)
        unknown = sorted(arrays.keys() - {*columns, *records, "sizes", "late", "sessions", "contracts", "inputs"})
        if unknown:
            raise DataError(f"{where}: unknown array '{unknown[0]}'")
        events = Tape(**columns, sizes=tuple(sizes), late=late, **records)
        times = [*intake.times_of(events), sessions["open_ns"], sessions["close_ns"]]
        kinds = ("trade_ts", "book_ts", "options", "vix", "late", "bars", "sessions", "sessions")
        for name, ts in zip(kinds, times, strict=True):
            if (ts[1:] < ts[:-1]).any():
                raise DataError(f"{where}: {name} runs backwards in time")
        _check_sessions(sessions, intake.first_and_last(events), where)
        return cls(events, sessions, contracts, inputs)


@dataclass(frozen=True)
class Answers:
    """What the golden tape gave: how much, and the sha256 of the bytes in hex."""

    rows: int
    crossings: int
    filtered: int
    rows_sha256: str
    decisions_sha256: str
    probabilities_sha256: str


def _check_sessions(sessions: np.ndarray, span: tuple[int, int] | None, where: str) -> None:
    """What the engine takes for granted: compiled code would write a longer day beyond its memory."""
    opened, closed, midnight = sessions["open_ns"], sessions["close_ns"], sessions["midnight_ns"]
    if not sessions.size or not 0 < opened[0] < closed[-1] < _END_OF_TIME:
        raise DataError(f"{where}: its sessions must be one or more, between 1970 and 2200")
    longest = engine.BARS_A_DAY * MINUTE
    apart = (opened[1:] >= closed[:-1]).all() and ((closed > opened) & (closed - opened <= longest)).all()
    if not apart or (sessions["index"] < 1).any() or (np.diff(sessions["index"]) < 1).any():
        raise DataError(f"{where}: its sessions must be trading days of at most a day, numbered, one after the other")
    first, last = (ends // MINUTE - midnight // MINUTE + _SLOT_OF_MIDNIGHT for ends in (opened + MINUTE, closed))
    if (first < -history.SLOTS).any() or (last >= history.SLOTS).any():  # below 0 they count from the end
        raise DataError(f"{where}: a session does not lie around its midnight_ns")
    if span is not None and not 0 < span[0] <= span[1] <= closed[-1]:
        raise DataError(
            f"{where}: events from {utc(span[0])} to {utc(span[1])}, its last session ends {utc(closed[-1])}"
        )


def _plain(records: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(records).view(np.int64).reshape(records.size, records.dtype.itemsize // 8)


def _records(arrays: dict[str, np.ndarray], name: str, dtype: np.dtype[Any], where: str) -> np.ndarray:
    return expect(arrays, name, "i8", (None, dtype.itemsize // 8), where).view(dtype).reshape(-1)


def _every(ts: np.ndarray, most: int) -> slice:
    return slice(None, None, -(-ts.size // most) or 1)


def thin(events: Tape, most: int = MOST_EVENTS_A_DAY) -> Tape:
    """At most `most` prints and as many snapshots, evenly picked; everything else whole."""
    everything = slice(None)
    trades, book = _every(events.trade_ts, most), _every(events.book_ts, most)
    return intake.take(events, (trades, book, everything, everything, everything, everything))


def record(
    days: Iterable[Tape], sessions: np.ndarray, contracts: np.ndarray, inputs: np.ndarray | None = None
) -> Golden:
    """Thin the tapes of a few consecutive days and keep them with their sessions.

    sessions, contracts: of the whole calendar, as `Engine` takes them. inputs: float64 [n, model inputs] of events the
    models have not seen, of which MOST_INPUT_ROWS are kept, evenly picked.
    """
    parts = [thin(intake.tape()), *(thin(day) for day in days)]
    names = [name for name in Tape._fields if name != "sizes"]
    events = Tape(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names},
        sizes=tuple(np.concatenate(columns) for columns in zip(*(part.sizes for part in parts), strict=True)),
    )
    span = intake.first_and_last(events)
    if span is None:
        raise DataError("a golden tape without events: record days that hold trades, book or bars")
    first, last = np.searchsorted(sessions["close_ns"], span)
    kept = np.zeros((0, 0)) if inputs is None else inputs
    picked = np.unique(np.linspace(0, kept.shape[0] - 1, MOST_INPUT_ROWS).astype(np.int64)) if kept.size else slice(0)
    return Golden(
        events,
        sessions[first : last + 1].copy(),
        np.ascontiguousarray(contracts[first : last + 1]),
        np.ascontiguousarray(kept[picked], dtype=np.float64),
    )


def replay(golden: Golden, parameters: np.ndarray, scorer: Scorer) -> Answers:
    """Run the tape through a fresh engine and the scorer, and the inputs through its models."""
    rows = Engine(parameters, golden.sessions, golden.contracts).run(
        golden.events, int(golden.sessions["close_ns"][-1])
    )
    decisions = scorer.decide(rows)
    probabilities = (
        b""
        if scorer.filter is None
        else scorer.filter.probabilities_of(scorer.filter.ensemble.inputs, golden.inputs).tobytes()
    )
    crossed = decisions["crossing"] != 0
    return Answers(
        rows.size,
        int(crossed.sum()),
        int(np.count_nonzero(decisions["action"] == decision.FILTERED)),
        *(hashlib.sha256(part).hexdigest() for part in (rows.tobytes(), decisions.tobytes(), probabilities)),
    )
