"""One contract's day, compact: what the event loop made, what faults change, what becomes canonical tables."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from mia_ml.core.tables import LEVELS, Columns
from mia_ml.sources.simulator import flow
from mia_ml.sources.simulator.chain import Day, generator
from mia_ml.sources.simulator.world import World

DEPTH = 45.0
"""Contracts at the best price at mean activity and VIX 18; ES overnight shows a third of that."""
PRINTS_PER_ORDER = 1.25
FEED_DELAY_NS = 80_000.0


@dataclass
class _Rows:
    def take(self, rows: np.ndarray) -> Self:
        return type(self)(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})


@dataclass
class Prints(_Rows):
    """Trades; `price_ticks` float64, so that a fault can leave the grid."""

    ts_event: np.ndarray
    ts_recv: np.ndarray
    sequence: np.ndarray
    price_ticks: np.ndarray
    size: np.ndarray
    side: np.ndarray

    def columns(self, tick: float) -> Columns:
        return {
            "ts_event": self.ts_event,
            "price": np.round(self.price_ticks * tick, 6),
            "size": self.size.astype(np.int64),
            "side": self.side,
            "sequence": self.sequence,
            "ts_recv": self.ts_recv,
        }


@dataclass
class Book(_Rows):
    """Updates of the best five levels, which lie on consecutive ticks; `sizes` holds five bids, then five asks."""

    ts_event: np.ndarray
    ts_recv: np.ndarray
    bid: np.ndarray
    ask: np.ndarray
    sizes: np.ndarray

    def columns(self, tick: float) -> Columns:
        columns = {"ts_event": self.ts_event}
        for level in range(LEVELS):
            columns[f"bid_px_{level:02d}"] = (self.bid - level) * tick
        for level in range(LEVELS):
            columns[f"ask_px_{level:02d}"] = (self.ask + level) * tick
        for level in range(LEVELS):
            columns[f"bid_sz_{level:02d}"] = self.sizes[:, level].astype(np.int64)
        for level in range(LEVELS):
            columns[f"ask_sz_{level:02d}"] = self.sizes[:, LEVELS + level].astype(np.int64)
        columns["ts_recv"] = self.ts_recv
        return columns


def make(world: World, day: Day, stream: str, basis: float, share: float) -> tuple[Prints, Book]:
    """A contract's tape: `basis` points above the index, `share` of the full volume."""
    prints_a_day, updates_a_day = world.daily_rates
    rng = generator(world, day.position, stream)
    scale = updates_a_day / 3_000_000
    rate = day.activity * share * updates_a_day / 82_800.0
    depth = np.maximum(3.0, DEPTH * np.clip(day.activity, 0.05, 4.0) ** 0.6 * 18.0 / day.previous_vix * np.sqrt(share))
    raw_prints, raw_book = flow.trade_day(
        rng,
        int(day.session["open_ns"]),
        day.path + basis / world.tick,
        day.sigma,
        rate,
        depth,
        day.skews.book,
        day.skews.flow,
        day.skews.large,
        prints_a_day / updates_a_day / PRINTS_PER_ORDER,
        1.0 / (1.0 + 4.0 * scale),
        world.large_orders,
    )
    receive = generator(world, day.position, "receive" if stream == "front" else "receive_next")
    recv = np.maximum.accumulate(raw_book[0] + np.int64(FEED_DELAY_NS) + _jitter(receive, raw_book[0].size))
    print_recv = recv[np.searchsorted(raw_book[0], raw_prints[0])]  # a print travels with the update it caused
    ts, price, size, side = raw_prints
    prints = Prints(ts, print_recv, np.arange(1, ts.size + 1), price.astype(np.float64), size, side)
    return prints, Book(raw_book[0], recv, raw_book[1], raw_book[2], raw_book[3])


def _jitter(rng: np.random.Generator, rows: int) -> np.ndarray:
    return (FEED_DELAY_NS * rng.standard_exponential(rows)).astype(np.int64)
