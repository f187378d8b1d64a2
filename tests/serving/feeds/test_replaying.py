"""Pace by event time on a clock that the test turns; portions; what a thread that reads ahead leaves behind."""

import asyncio
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from mia_ml.core.moments import NS
from serving.feeds import feed, merge, replaying
from tests.serving.feeds.contract import run


class TurnedClock(asyncio.SelectorEventLoop):
    """A loop whose time jumps to whatever is waited for next."""

    now_s = 1_000.0

    def time(self) -> float:
        return self.now_s

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.now_s = max(self.now_s, self._scheduled[0].when())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def block(times_s: list[float], first: int = 1) -> merge.Block:
    when = (np.array(times_s) * NS).astype(np.int64)
    positions = np.arange(first, first + when.size)
    return merge.Block(first, [feed.Arrival("vix", "VIX", {"ts_event": when}, positions)], when)


def delivered(pace: float, blocks: list[merge.Block], after: int = 0) -> list[tuple[float, list[int]]]:
    """When portions came, in seconds from the first, and the positions in them."""

    async def read() -> list[tuple[float, list[int]]]:
        loop = asyncio.get_running_loop()
        found = []
        async for (arrival,) in replaying.replay(iter(blocks), after, pace):
            found.append((loop.time(), arrival.positions.tolist()))
        return [(round(at - found[0][0], 6), positions) for at, positions in found]

    loop = TurnedClock()
    try:
        return loop.run_until_complete(read())
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


BLOCKS = [block([0, 1, 1, 5]), block([5, 9], 5)]


@pytest.mark.parametrize("pace", [1.0, 4.0, 0.5])
def test_events_come_when_their_time_has_come(pace: float) -> None:
    wanted = [(0.0, [1]), (1 / pace, [2, 3]), (5 / pace, [4]), (5 / pace, [5]), (9 / pace, [6])]
    assert delivered(pace, BLOCKS) == wanted


def test_pace_0_waits_for_nothing() -> None:
    assert delivered(0.0, BLOCKS) == [(0.0, [1, 2, 3, 4]), (0.0, [5, 6])]


def test_what_is_passed_over_takes_no_time() -> None:
    assert delivered(1.0, BLOCKS, after=3) == [(0.0, [4]), (0.0, [5]), (4.0, [6])]
    assert delivered(1.0, BLOCKS, after=6) == []


def test_a_paced_portion_spans_little_time() -> None:
    found = delivered(2.0, [block(list(np.arange(0, 1, 0.001)))])
    assert max(len(positions) for _, positions in found) <= 2 * replaying.SMOOTH_S * 1_000
    assert found[-1][0] == pytest.approx(0.48)  # the first one came when its last event was due, at 0.0195


def test_a_portion_comes_when_its_last_event_is_due() -> None:
    assert delivered(1.0, [block([0, 0.015, 1.0])]) == [(0.0, [1, 2]), (0.985, [3])]


def test_a_step_that_is_under_way_is_waited_for_and_its_source_closed() -> None:
    going, finish = threading.Event(), threading.Event()
    closed = []

    def slow() -> Iterator[int]:
        try:
            yield 1
            going.set()
            finish.wait(10)
            yield 2
        finally:
            closed.append(True)

    async def cancelled() -> None:
        async def consume() -> None:
            async for _ in replaying.in_thread(slow()):
                pass

        task = asyncio.ensure_future(consume())
        await asyncio.to_thread(going.wait, 10)
        task.cancel()
        await asyncio.sleep(0)
        assert not closed
        finish.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(cancelled())
    assert closed == [True]
