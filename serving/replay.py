"""Replay: canonical tables through the live engine and scorer, in any portions, to one file of rows and decisions."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mia_ml.confluence import decision
from mia_ml.core.errors import UsageError, refuse_unknown
from mia_ml.datasets.days import Days, tape_of
from mia_ml.features import engine
from mia_ml.features.stream import Engine
from mia_ml.features.tape import Tape
from mia_ml.scoring import table
from mia_ml.scoring.scorer import Scorer
from mia_ml.store import records
from serving.intake import event_order as feed

CHUNKS = ("whole", "event", "random")


def _portions(
    stream: Engine, scorer: Scorer, events: Tape, chunks: str, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The rows that each portion of a tape completes, and the decisions on them.

    Random portions restart the engine and the scorer from snapshots in between.
    """
    if chunks == "whole":
        rows = stream.run(events)
        yield rows, scorer.decide(rows)
    elif chunks == "event":
        for event, ts in feed.single_events(events):
            closed = stream.push(event, ts)
            if closed.size:
                yield closed, scorer.decide(closed)
    else:
        for part in feed.random_portions(events, rng):
            stream.restore(stream.snapshot())
            scorer.restore(scorer.snapshot())
            rows = stream.run(part)
            yield rows, scorer.decide(rows)


def replay(
    days: Days, params: np.ndarray, scorer: Scorer, out: Path, chunks: str, seed: int, grace_ns: int
) -> Iterator[tuple[int, int]]:
    """Stream the days to `out`; after each, yield its date yyyymmdd and the rows completed so far.

    scorer: one that has decided nothing yet. chunks: 'whole', 'event' or 'random' (portions drawn from `seed`, with a
    snapshot and a restore between any two). The file is the same byte for byte whatever the chunks, and appears only
    when it is complete.
    """
    if chunks not in CHUNKS:
        raise UsageError(refuse_unknown("way to chunk", chunks, CHUNKS))
    rng = np.random.default_rng(seed)
    stream = Engine(params, days.sessions, days.contracts)
    members = scorer.filter.members if scorer.filter is not None else ()
    with records.Appender(out) as file:
        held = [(np.zeros(0, engine.ROW), np.zeros(0, decision.DECISION))]

        def write() -> None:
            """One trading day's rows with their decisions."""
            rows, decisions = (np.concatenate(parts) for parts in zip(*held, strict=True))
            file.append(table.columns(rows, decisions, scorer.formula.terms, members))

        count = 0
        for day in days.days:
            for rows, decisions in _portions(stream, scorer, tape_of(day, grace_ns), chunks, rng):
                cuts = np.flatnonzero(np.diff(rows["day"])) + 1
                for part in zip(np.split(rows, cuts), np.split(decisions, cuts), strict=True):
                    if part[0].size == 0:
                        continue
                    if held[-1][0].size and part[0]["day"][0] != held[-1][0]["day"][0]:
                        write()
                        held.clear()
                    held.append(part)
                    count += part[0].size
            yield day.day, count
        write()
