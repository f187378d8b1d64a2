"""The real hour of ES orders through the running service: what research makes of the ingested file, byte for byte."""

import asyncio
import json
import time

import numpy as np
import pytest

from mia_ml.scoring import bundle
from mia_ml.sources import databento
from mia_ml.store.ingest import ingest
from mia_ml.store.rules import Rules
from tests import small_world
from tests.scoring import small
from tests.serving import live_world
from tests.serving.day.test_parity import raw_events
from tests.serving.end_to_end.clients import Feed, Listener, together
from tests.serving.end_to_end.conftest import as_files, eager
from tests.serving.end_to_end.growing import NOBODY_IS_LATE_MS, Writer, begun, configured, finished
from tests.serving.end_to_end.running import Running
from tests.serving.end_to_end.test_day import replayed, sizes
from tests.serving.live_world import decision_of

FILE = "databento/esh4-glbx-mdp3-20231225.mbo.dbn.zst"
AN_HOUR = 55
"""Bars that the recording closes at least; the rest of the day is closed by a clock."""


@pytest.fixture(scope="module")
def hour(shared_data, tmp_path_factory):
    """The recording, and a world of the ingested one, with two simulated days before it."""
    path = shared_data / FILE
    if not path.exists():
        pytest.skip(f"{FILE} is not beside this checkout")
    root = tmp_path_factory.mktemp("hour")
    tables = small_world.write(root / "tables", start="2023-12-20", days=2, intensity=0.001)
    content = eager(small.rows(tables))
    golden = small.World(tables, small.rows(tables), content.ensemble).golden()
    bundle.write(root / "bundle", content, golden)
    ingest(databento.read([path]), tables, Rules())
    return path, live_world.of_tables(root, tables, content), root / "bundle"


def test_its_raw_rows_over_websockets(hour, tmp_path):
    path, world, folder = hour
    raw = raw_events(databento.read([path]))
    with Running(tmp_path, world.before, "--bundle", str(folder)) as service:
        listener, feed = Listener(), Feed("raw", raw, sizes(0, 1_000), world.days[-1].close_ns)
        asyncio.run(together(feed.send(service), listener.listen(service, len(world.lines))))
        assert listener.of() == world.lines
    assert sum(line.live.ts_event <= raw[-1]["ts_event"] for line in listener.lines) >= AN_HOUR


def test_its_file_as_a_configured_feed(hour, tmp_path):
    path, world, folder = hour
    feeds = {"recording": {"kind": "dbn", "path": str(path), "pace": 0}}
    with Running(tmp_path, world.before, "--bundle", str(folder), feeds=feeds) as service:
        service.until(lambda: service.ended("recording"), 60)
        service.clock(world.days[-1].close_ns)
        assert [decision_of(line) for line in service.lines()] == world.lines


def test_its_rows_as_files_that_grow(hour, tmp_path):
    """As Sierra Chart would have written them: microseconds, prices of 32 bits, five levels."""
    _, world, folder = hour
    growing, world = as_files(tmp_path, world)
    writer = Writer(tmp_path / "sierra", growing, np.random.default_rng(0))
    feeds = configured(writer.folder, growing)
    running = Running(tmp_path / "run", world.before, "--bundle", str(folder), feeds=feeds, hold_ms=NOBODY_IS_LATE_MS)
    with running as service:
        begun(service, writer)
        while writer.step():
            time.sleep(0.002)
        finished(service, growing, world.days[-1].close_ns)
        assert [decision_of(line) for line in service.lines()] == world.lines
    assert len(world.messages) > 30_000


def test_its_tables_replayed(hour, tmp_path):
    _, world, folder = hour
    found = replayed(world, folder, tmp_path)
    last = world.messages[-1]["ts_event"]
    assert found == [line for line in world.lines if json.loads(line)["ts"] <= last]
    assert len(found) >= AN_HOUR
