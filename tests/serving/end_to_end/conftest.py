"""A market that the tests of the whole service live through: two days over a roll, of a feed that is not perfect."""

import itertools
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from mia_ml.core.moments import iso
from mia_ml.scoring import bundle
from mia_ml.sources import sierra, simulator
from mia_ml.store import parquet
from mia_ml.store.ingest import ingest
from mia_ml.store.rules import Rules
from serving.papers import accounts
from tests import small_world
from tests.scoring import small
from tests.serving import live_world
from tests.serving.end_to_end.growing import Growing
from tests.serving.end_to_end.running import Running


class Market(NamedTuple):
    """bundle: a folder. only_live: tables of the days that are lived, and of nothing before."""

    world: live_world.World
    bundle: Path
    only_live: Path

    @property
    def lines(self):
        return self.world.lines

    @property
    def close_ns(self):
        return self.world.days[-1].close_ns

    def serve(self, folder, *arguments, **serve) -> Running:
        return Running(folder, self.world.before, "--bundle", str(self.bundle), *arguments, **serve)


def eager(rows, **changes):
    """A bundle's content that signals often, and whose filter lets some of it pass."""
    confluence = dict(small.content(None).confluence)
    confluence["threshold"] = {**confluence["threshold"], "base": 0.1}
    confluence |= {"cooldown_minutes": 5, "max_signals_per_day": 40}
    return small.content(small.ensemble(rows, level=0.55), rows_=rows, confluence=confluence, **changes)


def made(root: Path, live: int, content=None, **simulated) -> Market:
    tables = small_world.write(root / "tables", **simulated)
    rows = small.rows(tables)
    content = content or eager(rows)
    world = live_world.of_tables(root, tables, content, live)
    return of_world(root, world, small.World(tables, rows, content.ensemble))


def of_world(root: Path, world: live_world.World, small_: small.World) -> Market:
    bundle.write(root / "bundle", world.content, small_.golden())
    only = root / "only"
    shutil.copytree(world.tables, only)
    lived = {iso(day.day) for day in world.days}
    for table, name in itertools.product(("trades", "book"), ("*.parquet",)):
        for path in (only / table).rglob(name):
            if path.stem not in lived:
                path.unlink()
    return Market(world, root / "bundle", only)


@pytest.fixture(scope="session")
def market(tmp_path_factory):
    """Two days over a roll; gaps, prints of an unknown side, late events, options and VIX."""
    faults = simulator.Faults(late=0.01, gaps_per_day=3, unknown_side=0.02)
    root = tmp_path_factory.mktemp("market")
    found = made(root, live=2, start="2024-03-06", days=3, intensity=0.001, faults=faults)
    assert len({day.contract for day in found.world.days}) == 2
    assert (found.world.research.rows["late_events"] > 0).any()
    assert {event["kind"] for event in found.world.messages} == {"trade", "book", "options", "vix"}
    return found


@pytest.fixture(scope="session")
def sierra_market(market, tmp_path_factory):
    """The last day of the market as files of Sierra Chart, and what research makes of the ingested files."""
    growing, world = as_files(tmp_path_factory.mktemp("sierra"), market.world)
    return growing, market._replace(world=world)


def as_files(root: Path, world: live_world.World) -> tuple[Growing, live_world.World]:
    """The last day of a world as files of Sierra Chart, and a world of the ingested files with the same days before."""
    day = world.days[-1]
    growing = Growing(
        parquet.read_file(day.prices["trades"], "trades"), parquet.read_file(day.prices["book"], "book"), day.contract
    )
    files = growing.whole(root / "whole")
    ingest(sierra.read(files), root / "tables", Rules())
    shutil.copytree(world.before, root / "tables", dirs_exist_ok=True)
    return growing, live_world.of_tables(root, root / "tables", world.content)


def paper_of(state: Path, version: str):
    """Trades by signal, and outcomes, as the service wrote them."""
    with accounts.open_store(state / accounts.FILE, make=False) as store:
        trades, _ = store.trades(version)
        return trades, store.outcomes(version)


def paper_of_research(market: Market):
    """The same by the stages of research."""
    result = market.world.walked()
    return (found[np.argsort(found["signal"])] for found in (result.trades, result.outcomes))
