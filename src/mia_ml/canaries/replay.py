"""The run's own products, made again with another future: feature rows, labels, decisions.

What is not byte-equal is a finding. Days are sampled, since each costs a reading of its tape.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from mia_ml.canaries import futures
from mia_ml.canaries.products import Policy, Run
from mia_ml.canaries.rules import Finding
from mia_ml.core.moments import utc
from mia_ml.datasets.days import Day
from mia_ml.features import engine, history, intake
from mia_ml.features.stream import Engine
from mia_ml.features.tape import Tape
from mia_ml.labels.barriers import Walker

SHOWN = 3
"""Field names in a finding."""
HELD_DAYS = 10
"""How far back labels are walked again where positions may stay over night."""


def difference(what: str, made: np.ndarray, again: np.ndarray, at_ns: np.ndarray, moment: int) -> list[Finding]:
    """Where records as they were made, [n], are not those made again. at_ns: int64 [n], what the former are dated."""
    n = min(made.size, again.size)
    same = (_bytes(made[:n]) == _bytes(again[:n])).all(axis=1)
    if same.all() and made.size == again.size:
        return []
    if same.all():
        told, when = f"{made.size} records, but {again.size}", int(at_ns[n]) if n < at_ns.size else moment
    else:
        first = int(np.argmin(same))
        told, when = _fields(made[first], again[first]), int(at_ns[first])
    return [Finding("future", what, when, f"{told} in another future from {utc(moment)} on")]


def _bytes(records: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(records).view(np.uint8).reshape(records.size, records.dtype.itemsize)


def _fields(made: np.void, again: np.void) -> str:
    names = [name for name in made.dtype.names or () if made[name].tobytes() != again[name].tobytes()]
    shown = ", ".join(f"{name} {made[name]}, but {again[name]}" for name in names[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more fields" if len(names) > SHOWN else "")


def sampled(days: Sequence[Day], rng: np.random.Generator, count: int) -> range:
    """Positions of `count` days in a row, wherever they fall."""
    count = min(count, len(days))
    first = int(rng.integers(0, len(days) - count + 1))
    return range(first, first + count)


def warm_from(run: Run, first: int) -> int:
    """The day from which an engine must run to stand at day `first` like one that has seen all days before it.

    It carries profiles of so many trading days and so many bars; each bar has left a row.
    """
    dates = [day.day for day in run.days.days]
    index = run.days.sessions["index"][np.searchsorted(run.days.sessions["day"], dates)]
    bars = np.searchsorted(run.rows["day"], dates)
    start = first
    while start > 0 and (index[first] - index[start] < history.DAYS or bars[first] - bars[start] < history.CARRIED):
        start -= 1
    return start


def rows(run: Run, chosen: range, rng: np.random.Generator) -> tuple[list[Finding], int]:
    """Findings on the rows of the chosen days, and in how many other futures those were made again."""
    stream = Engine(run.params, run.days.sessions, run.days.contracts)
    found: list[Finding] = []
    tried = 0
    for position in range(warm_from(run, chosen.start), chosen.stop):
        day = run.days.days[position]
        tape = run.tape_of(day)
        if position in chosen:
            before, stored = stream.snapshot(), run.rows[run.rows_of(day)]
            for moment, other in _other_tapes(tape, stored["ts"], rng):
                stream.restore(before)
                again = stream.run(other, moment)
                again = again[(again["day"] == day.day) & (again["ts"] <= moment)]
                made = stored[stored["ts"] <= moment]
                found += difference("rows", made, again, made["ts"], moment)
                tried += 1
            stream.restore(before)
        stream.run(tape)
    return found, tried


def _other_tapes(tape: Tape, dated_ns: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[int, Tape]]:
    """Moments, each with a tape that is the day's up to there; the last is the day itself, to its last event.

    Moments are drawn from those at which an event of each kind but the book is about to become known, and, twice, from
    those at which rows are dated.
    """
    trades, _, options, vix, _, bars = intake.times_of(tape)
    for ts in (trades, options, vix, bars, dated_ns, dated_ns):
        if ts.size:
            moment = int(rng.choice(ts[ts.size // 10 :]))
            yield moment, futures.until(tape, moment)
            yield moment, futures.otherwise(tape, moment)
    if (span := intake.first_and_last(tape)) is not None:
        yield span[1], tape


def labels(run: Run, chosen: range, rng: np.random.Generator) -> tuple[list[Finding], int]:
    """Labels that say they had ended by some moment of the last of the chosen days, walked again on a tape cut there.

    Where positions may stay over night, the days before are walked as well. Returns how many labels were compared.
    """
    held = 0 if run.execution.flat_at_session_end else HELD_DAYS
    first, last = max(chosen.start - held, 0), chosen.stop - 1
    ends = run.prices_of(run.days.days[last])["ts_event"]
    moment = int(rng.choice(ends[ends.size // 4 :])) if ends.size else run.days.days[last].open_ns
    walker = Walker(run.execution, run.instrument, _sessions(run, first, last), run.table, run.blackouts)
    again = []
    for position in range(first, last + 1):
        day = run.days.days[position]
        if position > first and day.contract != run.days.days[position - 1].contract:
            again.append(walker.finish())
        prices, decided = run.prices_of(day), run.rows[run.rows_of(day)]
        known = int(np.searchsorted(prices["ts_event"], moment, side="right"))
        decided = decided[decided["ts"] < moment]
        barrier = run.barrier[run.rows_of(day)][: decided.size]
        cut = {name: column[:known] for name, column in prices.items()}
        again.append(walker.advance(cut, decided["ts"].copy(), decided["day"].copy(), barrier))
    walked = np.concatenate([*again, walker.finish()])
    start = run.rows_of(run.days.days[first]).start
    made = run.labels[start : start + walked.shape[0]]
    ended = made["end_ns"] <= moment
    return difference("labels", made[ended], walked[ended], made["signal_ns"][ended], moment), int(ended.sum())


def _sessions(run: Run, first: int, last: int) -> np.ndarray:
    """Of the calendar, from one day of the run to another."""
    dates = [run.days.days[position].day for position in (first, last)]
    at = np.searchsorted(run.days.sessions["day"], dates)
    return run.days.sessions[at[0] : at[1] + 1]


def decisions(policy: Policy, rng: np.random.Generator, cuts: int) -> list[Finding]:
    """Decisions on rows that end at a moment, and on rows whose components are turned around from it on."""
    made = policy.decide(policy.rows)
    found: list[Finding] = []
    for k in rng.integers(0, policy.rows.size, cuts if policy.rows.size else 0):
        other = policy.rows.copy()
        for name in engine.COMPONENTS:
            other[name][k:] = -other[name][k:]
        for again in (policy.decide(policy.rows[:k]), policy.decide(other)[:k]):
            found += difference(policy.name, made[:k], again, policy.rows["ts"][:k], int(policy.rows["ts"][k]))
    return found
