"""Replay: canonical tables through the live engine and scorer, in any portions, to one file of rows and decisions."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mia_ml.confluence.formula import Formula
from mia_ml.core.errors import UsageError, refuse_unknown
from mia_ml.datasets.days import Days, tape_of
from mia_ml.features import engine
from mia_ml.features.stream import Engine
from mia_ml.features.tape import Tape
from mia_ml.scoring import table
from mia_ml.scoring.scorer import Scorer
from mia_ml.store import records
from serving import feed

CHUNKS = ("whole", "event", "random")


def _portions(stream: Engine, events: Tape, chunks: str, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The rows that each portion of a tape completes; random portions restart the engine from a snapshot in between."""
    if chunks == "whole":
        yield stream.run(events)
    elif chunks == "event":
        for event, ts in feed.single_events(events):
            closed = stream.push(event, ts)
            if closed.size:
                yield closed.copy()
    else:
        for part in feed.random_portions(events, rng):
            stream.restore(stream.snapshot())
            yield stream.run(part)


def replay(
    days: Days, params: np.ndarray, formula: Formula, out: Path, chunks: str, seed: int, grace_ns: int
) -> Iterator[tuple[int, int]]:
    """Stream the days to `out`; after each, yield its date yyyymmdd and the rows completed so far.

    chunks: 'whole', 'event' or 'random' (portions drawn from `seed`, with a snapshot and a restore between any two).
    The file is the same byte for byte whatever the chunks, and appears only when it is complete.
    """
    if chunks not in CHUNKS:
        raise UsageError(refuse_unknown("way to chunk", chunks, CHUNKS))
    rng = np.random.default_rng(seed)
    stream, scorer = Engine(params, days.sessions, days.contracts), Scorer(formula)
    with records.Appender(out) as file:
        held: list[np.ndarray] = []
        count = 0
        for day in days.days:
            for portion in _portions(stream, tape_of(day, grace_ns), chunks, rng):
                for rows in np.split(portion, np.flatnonzero(np.diff(portion["day"])) + 1):
                    if held and rows.size and rows["day"][0] != held[0]["day"][0]:
                        file.append(_decided(scorer, held))
                        held = []
                    if rows.size:
                        held.append(rows)
                        count += rows.size
            yield day.day, count
        file.append(_decided(scorer, held))


def _decided(scorer: Scorer, held: list[np.ndarray]) -> dict[str, np.ndarray]:
    """One trading day's rows with their decisions."""
    rows = np.concatenate(held) if held else np.zeros(0, engine.ROW)
    return table.columns(rows, scorer.decide(rows), scorer.formula.terms)
