"""What a feed does wrong, planted on a sound day and counted.

Each row carries at most one fault, so counts add up: what was planted is what ingest must find.
"""

from dataclasses import dataclass

import numpy as np

from mia_ml.core.moments import MINUTE, NS
from mia_ml.sources.simulator.tape import Book, Prints
from mia_ml.sources.simulator.world import Faults

OFF_GRID = 0.4  # ticks: 0.1 point on a grid of 0.25
CROSSED_TICKS = 3
LAST_SECONDS = 10 * NS
"""Late rows lie this close to the end of their minute, so that seconds of delay carry them past it."""


@dataclass(frozen=True)
class Planted:
    """Faults of one contract's day: rows per kind, and the silent stretches as (first ns, last ns, rows lost)."""

    counts: dict[str, int]
    gaps: list[tuple[int, int, int]]


def _pick(
    rng: np.random.Generator, rates: list[tuple[str, float, np.ndarray | None]], rows: int
) -> dict[str, np.ndarray]:
    """Disjoint sets of rows, each kind with its rate; a kind limited to `among` keeps its rate over these."""
    draw = rng.random(rows)
    picked, floor = {}, 0.0
    for name, rate, among in rates:
        hit = (draw >= floor) & (draw < floor + rate)
        picked[name] = np.flatnonzero(hit if among is None else hit & among)
        floor += rate
    return picked


def _gaps(rng: np.random.Generator, faults: Faults, open_ns: int, close_ns: int) -> list[tuple[int, int]]:
    gaps: list[tuple[int, int]] = []
    for start in np.sort(rng.integers(open_ns, close_ns, size=rng.poisson(faults.gaps_per_day))):
        first, last = int(start), int(start + rng.integers(2 * MINUTE, 15 * MINUTE))
        if gaps and first <= gaps[-1][1]:
            gaps[-1] = gaps[-1][0], max(last, gaps[-1][1])
        else:
            gaps.append((first, last))
    return gaps


def _keep(ts: np.ndarray, gaps: list[tuple[int, int]]) -> np.ndarray:
    keep = np.ones(ts.size, bool)
    for first, last in gaps:
        keep &= (ts < first) | (ts >= last)
    return keep


def _near_minute_end(ts: np.ndarray) -> np.ndarray:
    return np.asarray(ts % MINUTE >= MINUTE - LAST_SECONDS)


def _delay(rng: np.random.Generator, ts: np.ndarray, recv: np.ndarray, rows: np.ndarray) -> None:
    minute_end = ts[rows] - ts[rows] % MINUTE + MINUTE
    recv[rows] = minute_end + NS + rng.integers(0, 4 * NS, size=rows.size)


def plant(
    rng: np.random.Generator, faults: Faults, span_ns: tuple[int, int], prints: Prints, book: Book
) -> tuple[Prints, Book, Planted]:
    """A day with its faults. Rows keep their order by event time; a duplicate follows its original."""
    gaps = _gaps(rng, faults, *span_ns)
    every_ts = np.concatenate([prints.ts_event, book.ts_event])
    lost = [(first, last, int(np.sum((every_ts >= first) & (every_ts < last)))) for first, last in gaps]
    prints, book = (
        prints.take(np.flatnonzero(_keep(prints.ts_event, gaps))),
        book.take(np.flatnonzero(_keep(book.ts_event, gaps))),
    )
    rows = _pick(
        rng,
        [
            ("duplicates", faults.duplicates, None),
            ("outliers", faults.outliers, None),
            ("off_grid", faults.off_grid, None),
            ("zero_size", faults.zero_size, None),
            ("unknown_side", faults.unknown_side, None),
            ("late", faults.late, _near_minute_end(prints.ts_event)),
        ],
        prints.ts_event.size,
    )
    away = rng.uniform(0.02, 0.05, rows["outliers"].size) * rng.choice([-1.0, 1.0], rows["outliers"].size)
    prints.price_ticks[rows["outliers"]] = np.round(prints.price_ticks[rows["outliers"]] * (1.0 + away))
    prints.price_ticks[rows["off_grid"]] += OFF_GRID
    prints.size[rows["zero_size"]] = 0
    prints.side[rows["unknown_side"]] = 0
    _delay(rng, prints.ts_event, prints.ts_recv, rows["late"])
    prints = prints.take(np.sort(np.concatenate([np.arange(prints.ts_event.size), rows["duplicates"]]), kind="stable"))

    book_rows = _pick(
        rng,
        [("crossed", faults.crossed, None), ("late_book", faults.late, _near_minute_end(book.ts_event))],
        book.ts_event.size,
    )
    book.bid[book_rows["crossed"]] = book.ask[book_rows["crossed"]] + CROSSED_TICKS
    _delay(rng, book.ts_event, book.ts_recv, book_rows["late_book"])
    counts = {name: int(found.size) for name, found in (rows | book_rows).items()}
    return prints, book, Planted(counts, lost)
