"""Configured feeds of the running service: recorded tables, and the files that another program is writing."""

import time

import numpy as np

from tests.serving.end_to_end.growing import NOBODY_IS_LATE_MS, Writer, begun, configured, finished
from tests.serving.live_world import decision_of


def test_tables_at_full_speed(market, tmp_path):
    feeds = {"tables": {"kind": "tables", "path": str(market.only_live), "pace": 0}}
    with market.serve(tmp_path, feeds=feeds) as service:
        service.until(lambda: service.ended("tables"), 60)
        service.clock(market.close_ns)
        assert [decision_of(line) for line in service.lines()] == market.lines


def test_growing_files_of_sierra_chart(sierra_market, tmp_path):
    growing, market = sierra_market
    writer = Writer(tmp_path / "sierra", growing, np.random.default_rng(0))
    feeds = configured(writer.folder, growing)
    with market.serve(tmp_path / "run", feeds=feeds, hold_ms=NOBODY_IS_LATE_MS) as service:
        begun(service, writer)
        while writer.step():
            time.sleep(0.002)
        finished(service, growing, market.close_ns)
        assert [decision_of(line) for line in service.lines()] == market.lines
