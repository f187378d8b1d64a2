"""A day held in memory: our events a second, and how many times longer pandas and polars take."""

from collections.abc import Iterator

import numpy as np

from benchmarks import pandas_peer, peers, polars_peer
from benchmarks.figures import Figure
from benchmarks.market import FullDay
from benchmarks.timing import medians
from mia_ml.core.errors import DataError
from mia_ml.features import intake


def throughput(day: FullDay) -> Iterator[Figure]:
    """Every family on one core: over the whole day, and over its trades alone."""
    none = slice(0, 0)
    trades = intake.take(day.tape, (slice(None), none, none, none, none, none))
    all_s, trades_s = medians(day.rows, lambda: day.engine().run(trades, until=day.close_ns))
    count = day.tape.trade_ts.size
    yield Figure("features_events_per_s", day.events / all_s, "events/s", 30e6, note=f"{day.events:,} events")
    yield Figure("features_trades_per_s", count / trades_s, "trades/s", 20e6, note=f"{count:,} trades")


def against_pandas(day: FullDay) -> Iterator[Figure]:
    trades, book = pandas_peer.frames(day.tables)
    peer = lambda: pandas_peer.features(trades, book, day.open_ns, day.close_ns)  # noqa: E731
    found = peer()
    agree("pandas", day.rows(), {name: found[name].to_numpy() for name in found})
    ours_s, peer_s = medians(day.rows, peer, repetitions=5)
    note = f"{ours_s:.3f} s (all families, one core) against {peer_s:.3f} s ({len(peers.EXPRESSED)} columns)"
    yield Figure("features_vs_pandas", peer_s / ours_s, "times", 5.0, note=note)


def against_polars(day: FullDay) -> Iterator[Figure]:
    trades, book = polars_peer.frames(day.tables)
    peer = lambda: polars_peer.features(trades, book, day.open_ns, day.close_ns)  # noqa: E731
    agree("polars", day.rows(), {name: peer()[name].to_numpy() for name in peers.EXPRESSED})
    ours_s, peer_s = medians(day.rows, peer)
    note = f"{ours_s:.3f} s (all families, one core) against {peer_s:.3f} s (all cores)"
    yield Figure("features_vs_polars", peer_s / ours_s, "times", 2.0, note=note)


def agree(peer: str, rows: np.ndarray, columns: dict[str, np.ndarray]) -> None:
    """Raises DataError unless a peer computed our numbers: a race to another goal says nothing."""
    if why := peers.disagreement(rows, columns):
        raise DataError(f"{peer} and mia-ml differ in {why}")
