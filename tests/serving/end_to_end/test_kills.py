"""The process killed at any instant: whoever comes back with his cursor has every decision once, as research has it.

MIA_KILLS says how often in all (100 for the whole); three in five while a feed sends over its socket, one while the
service starts, one while a configured feed brings what it has.
"""

import asyncio
import os
import statistics
import time

import numpy as np

from tests.serving.end_to_end.clients import Feed, Listener, together
from tests.serving.end_to_end.conftest import paper_of, paper_of_research
from tests.serving.end_to_end.growing import NOBODY_IS_LATE_MS, Writer, begun, configured, finished
from tests.serving.end_to_end.running import Running
from tests.serving.end_to_end.test_day import sizes
from tests.serving.live_world import decision_of, on_disk

KILLS = int(os.environ.get("MIA_KILLS", "5"))
A_START_S = 3.0
MESSAGES_A_LIFE = 50
"""About so many come between two kills; in messages of hundreds the whole market is over after three kills."""
APART_S = 0.002
"""Between two messages."""


class Killer:
    """Kills and starts again; now and then it kills what is only starting. back_s: how long each came to serve."""

    def __init__(self, service: Running, rng: np.random.Generator, starts: int) -> None:
        self.service, self.rng, self.starts = service, rng, starts
        self.kills = 0
        self.back_s: list[float] = []

    def kill(self) -> None:
        self.service.kill()
        self.kills += 1
        while self.starts:
            self.starts -= 1
            self.service.launch()
            time.sleep(self.rng.uniform(0, A_START_S))
            self.service.kill()
            self.kills += 1
            if self.rng.random() < 0.5:
                break
        self.service.start()
        self.back_s.append(self.service.started_s)

    async def at(self, feed: Feed, positions: list[int]) -> None:
        """When the feed has come so far, and a moment more."""
        for position in positions:
            while feed.position < position:
                await asyncio.sleep(0.001)
            await asyncio.sleep(self.rng.uniform(0, 0.05))
            await asyncio.to_thread(self.kill)

    def said(self) -> str:
        return (
            f"{self.kills} kills, back after {statistics.median(self.back_s):.2f} s, at most {max(self.back_s):.2f} s"
        )


def test_while_a_feed_sends_and_while_it_starts(market, tmp_path):
    rng = np.random.default_rng(KILLS)
    n, starts = max(1, KILLS * 3 // 5), max(1, KILLS // 5)
    with market.serve(tmp_path) as service:
        n_events = len(market.world.messages)
        most = max(1, 3 * n_events // (n * MESSAGES_A_LIFE))  # of one message; a third of it on average
        feed = Feed("ws", market.world.messages, sizes(1, most), market.close_ns, lambda: asyncio.sleep(APART_S))
        listeners = [Listener(), Listener()]
        killer = Killer(service, rng, starts)
        positions = sorted(rng.integers(1, n_events - 500, n).tolist())
        wanted = len(market.lines)
        works = [feed.send(service), killer.at(feed, positions), *(one.listen(service, wanted) for one in listeners)]
        asyncio.run(together(*works, seconds=60 + 30 * KILLS))
        print(killer.said())
        for listener in listeners:
            assert listener.of() == market.lines
            assert listener.connections > n // 2
        assert [decision_of(line) for line in service.lines()] == market.lines
        assert service.stop() == 0
    assert [decision_of(line) for line in on_disk(service.state)] == market.lines
    trades, outcomes = paper_of(service.state, listeners[0].lines[0].version)
    wanted_trades, wanted_outcomes = paper_of_research(market)
    assert trades.tobytes() == wanted_trades.tobytes()
    assert outcomes.tobytes() == wanted_outcomes.tobytes()
    assert not [line for line in service.logged() if line["level"] == "error"]


def test_while_files_grow(sierra_market, tmp_path):
    """Whoever is killed reads them again, and the other file is not waited for in vain."""
    growing, market = sierra_market
    rng = np.random.default_rng(KILLS)
    writer = Writer(tmp_path / "sierra", growing, rng)
    feeds = configured(writer.folder, growing)
    kills = max(1, KILLS // 5)
    pieces = sum(len(content) for content in growing.contents.values()) // 30_000
    with market.serve(tmp_path / "run", feeds=feeds, hold_ms=NOBODY_IS_LATE_MS) as service:
        begun(service, writer)
        killer = Killer(service, rng, 0)
        at = set(rng.integers(1, pieces, kills).tolist())
        piece = 0
        while writer.step():
            piece += 1
            time.sleep(rng.uniform(0, 0.02))
            if piece in at:
                killer.kill()
        finished(service, growing, market.close_ns)
        print(killer.said())
        listener = Listener()
        asyncio.run(together(listener.listen(service, len(market.lines))))
        assert listener.of() == market.lines


def test_while_recorded_tables_run(market, tmp_path):
    kills = max(1, KILLS // 10)
    seconds = (market.close_ns - market.world.days[0].open_ns) / 1e9
    feeds = {"tables": {"kind": "tables", "path": str(market.only_live), "pace": seconds / kills}}  # a second a life
    rng = np.random.default_rng(KILLS)
    with market.serve(tmp_path, feeds=feeds) as service:
        listener = Listener()
        killer = Killer(service, rng, 0)

        async def now_and_then() -> None:
            for _ in range(kills):
                await asyncio.sleep(rng.uniform(0, 1))
                await asyncio.to_thread(killer.kill)
            await asyncio.to_thread(service.until, lambda: service.ended("tables"), 60)
            await asyncio.to_thread(service.clock, market.close_ns)

        works = [now_and_then(), listener.listen(service, len(market.lines))]
        asyncio.run(together(*works, seconds=60 + 30 * KILLS))
        assert listener.of() == market.lines
        assert listener.connections > kills // 2
        assert [decision_of(line) for line in on_disk(service.state)] == market.lines
