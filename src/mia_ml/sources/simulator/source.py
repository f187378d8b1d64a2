"""The simulator as a source: days of canonical tables, and the truth about them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mia_ml.core.tables import Batch, Columns, FileDone, Item
from mia_ml.sources import Skip, never
from mia_ml.sources.simulator import chain, contracts, faults, index, tape
from mia_ml.sources.simulator.world import World

ROWS_A_BATCH = 1 << 18
"""Bounds the memory of expanded book rows."""


@dataclass(frozen=True)
class Contract:
    """A contract traded on a day: its price above the index in points, and its share of the day's volume."""

    symbol: str
    basis: float
    share: float


@dataclass(frozen=True)
class DayTruth:
    """What was planted on a day.

    faults: rows per kind and symbol. gaps: silent stretches per symbol as (first ns, last ns, rows lost). strength: the
    edge in force. drivers: by minute from the open, unit variance. value: the front contract, at each whole second from
    the open, points. sigma: points per root second, by minute. vix: the day's close. missing: tables left out.
    """

    day: int
    open_ns: int
    symbol: str
    faults: dict[str, dict[str, int]]
    gaps: dict[str, list[tuple[int, int, int]]]
    strength: dict[str, float]
    drivers: dict[str, np.ndarray]
    value: np.ndarray
    sigma: np.ndarray
    vix: float
    missing: frozenset[str]


def traded(world: World, day: chain.Day) -> list[Contract]:
    """The contract in front and, in the last `overlap_days` before a roll, the next one with growing volume.

    On the day before the roll the next contract trades more than the one in front: that is the crossover.
    """
    date = int(day.session["day"])
    front, behind = contracts.expiries_ahead(date)[:2]
    ahead = contracts.trading_days_to_roll(date)
    after = 0.0
    if ahead <= world.overlap_days:
        after = 0.6 if ahead == 1 else 0.3 * (1.0 - (ahead - 1) / (world.overlap_days + 1))
    spot = day.previous_index
    shares = [(front, 1.0 - after)] + ([(behind, after)] if after > 0.0 else [])
    return [
        Contract(contracts.symbol(world.root, expiry), contracts.basis(world, date, expiry, spot), share)
        for expiry, share in shares
    ]


def _tapes(world: World, day: chain.Day) -> Iterator[tuple[Contract, tape.Prints, tape.Book, faults.Planted]]:
    span = int(day.session["open_ns"]), int(day.session["close_ns"])
    for place, contract in enumerate(traded(world, day)):
        stream, fault_stream = (("front", "faults"), ("next", "faults_next"))[place]
        prints, book = tape.make(world, day, stream, contract.basis, contract.share)
        rng = chain.generator(world, day.position, fault_stream)
        yield contract, *faults.plant(rng, world.faults, span, prints, book)


def read(world: World, first: int = 0, last: int | None = None, *, skip: Skip = never) -> Iterator[Item]:
    """The world's tables day by day, from day position `first` up to, not including, `last`.

    A day's bytes do not depend on which other days are read.
    """
    for day in chain.days(world, first, last):
        if skip(day.label):
            continue
        rows = 0
        for batch in _day_batches(world, day):
            rows += batch.row.size
            yield batch
        yield FileDone(day.label, rows)


def _day_batches(world: World, day: chain.Day) -> Iterator[Batch]:
    row = 1

    def batches(table: str, symbol: str, columns: Iterator[Columns]) -> Iterator[Batch]:
        nonlocal row
        for part in columns:
            count = part["ts_event"].size
            yield Batch(table, symbol, part, day.label, np.arange(row, row + count))
            row += count

    if "options" not in day.missing and day.levels:
        yield from batches("options", "SPX", iter([index.options(world, day)]))
    if "vix" not in day.missing and day.levels:
        yield from batches("vix", "VIX", iter([index.vix(world, day)]))
    for contract, prints, book, _ in _tapes(world, day):
        yield from batches("trades", contract.symbol, _chunks(prints, world.tick))
        if "book" not in day.missing:
            yield from batches("book", contract.symbol, _chunks(book, world.tick))


def _chunks(rows: tape.Prints | tape.Book, tick: float) -> Iterator[Columns]:
    for start in range(0, rows.ts_event.size, ROWS_A_BATCH):
        yield rows.take(np.arange(start, min(start + ROWS_A_BATCH, rows.ts_event.size))).columns(tick)


def truth(world: World, first: int = 0, last: int | None = None) -> Iterator[DayTruth]:
    """What was planted, day by day; it costs as much as reading the days."""
    for day in chain.days(world, first, last):
        found = [(contract, planted) for contract, _, _, planted in _tapes(world, day)]
        front = found[0][0]
        yield DayTruth(
            day=int(day.session["day"]),
            open_ns=int(day.session["open_ns"]),
            symbol=front.symbol,
            faults={contract.symbol: planted.counts for contract, planted in found},
            gaps={contract.symbol: planted.gaps for contract, planted in found},
            strength=day.strength,
            drivers=day.driver,
            value=day.path * world.tick + front.basis,
            sigma=day.sigma * world.tick,
            vix=day.vix,
            missing=day.missing,
        )
