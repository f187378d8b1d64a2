"""From Parquet tables on disk to rows, the page cache warm on both sides, and what it takes in memory."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import peers, polars_peer
from benchmarks.figures import Figure
from benchmarks.in_memory import agree
from benchmarks.market import FullDay, Market
from benchmarks.timing import medians
from mia_ml.core.errors import DataError
from mia_ml.datasets import build
from mia_ml.datasets.days import tape_of

REPOSITORY = Path(__file__).resolve().parents[1]
THREADS = 2
FEW_DAYS = 3


def one_day(market: Market, day: FullDay) -> Iterator[Figure]:
    """One day: ours reads its files and runs every family, polars scans the same files for what it can compute."""
    files = day.day.prices["trades"], day.day.prices["book"]

    def ours() -> object:
        return day.engine().run(tape_of(day.day, market.grace_ns), until=day.close_ns)

    def peer():
        return polars_peer.features(*polars_peer.scan(*files), day.open_ns, day.close_ns)

    found = peer()
    agree("polars", day.rows(), {name: found[name].to_numpy() for name in peers.EXPRESSED})
    ours_s, peer_s = medians(ours, peer)
    yield Figure("features_from_parquet_s", ours_s, "s/day", 0.6, at_least=False)
    note = f"{ours_s:.3f} s against {peer_s:.3f} s"
    yield Figure("features_from_parquet_vs_polars", peer_s / ours_s, "times", 1.0, note=note)


def many_days(market: Market) -> Iterator[Figure]:
    """Consecutive days by `datasets.build.rows`, with what each carries to the next."""
    plan = market.days(FEW_DAYS)

    def ours() -> object:
        return [rows.size for _, rows in build.rows(market.params, plan, market.grace_ns, workers=THREADS)]

    (taken,) = medians(ours, repetitions=3)
    yield Figure(
        "features_from_parquet_2_threads_s", taken / len(plan.days), "s/day", note=f"{len(plan.days)} days, with carry"
    )


def memory(market: Market, few: int, many: int) -> Iterator[Figure]:
    """Peak resident memory of a process of its own that builds the rows of few (the largest) and of many days."""
    market.days(many)
    for count in (few, many):
        command = [sys.executable, "-m", "benchmarks.peak_memory", str(market.root), str(count), str(THREADS)]
        path = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH", ""))))
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": path}
        )
        if done.returncode:
            raise DataError(f"measuring memory failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
        yield Figure(f"features_rss_mb_{count}_days", float(done.stdout), "MB", note="rows not kept")
