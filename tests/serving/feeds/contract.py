"""What every feed must keep, as a suite that the tests of each kind inherit."""

import asyncio
import itertools
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mia_ml.core.tables import SCHEMAS, Batch, Columns, Item
from serving.feeds import feed, merge

TIMEOUT_S = 60
T = TypeVar("T")
Tables = dict[tuple[str, str], Columns]


@dataclass(frozen=True)
class Source:
    """make: a new feed of the same source. tables: what all of its events are, by table and symbol, in their order."""

    make: Callable[[], feed.Feed]
    tables: Tables

    @property
    def rows(self) -> int:
        return sum(columns["ts_event"].size for columns in self.tables.values())


def run(work: Coroutine[Any, Any, T]) -> T:
    async def limited() -> T:
        return await asyncio.wait_for(work, TIMEOUT_S)

    return asyncio.run(limited())


async def collect(made: feed.Feed, after: int = 0, rows: int | None = None) -> list[feed.Portion]:
    """Portions to the end, or until `rows` rows came."""
    found: list[feed.Portion] = []
    seen = 0
    if rows == 0:
        return found
    portions = made.portions(after)
    try:
        async for portion in portions:
            found.append(portion)
            seen += sum(arrival.positions.size for arrival in portion)
            if rows is not None and seen >= rows:
                break
    finally:
        await portions.aclose()  # type: ignore[attr-defined]
    return found


def rows_of(portions: list[feed.Portion]) -> list[tuple[int, str, str, bytes]]:
    """Every event: its position, table, symbol and the bytes of its values, by position."""
    found = []
    for arrival in itertools.chain.from_iterable(portions):
        dtype = [(name, arrival.columns[name].dtype.str) for name in sorted(arrival.columns)]
        packed = np.empty(arrival.positions.size, [each for each in dtype if each[1] != "|O"])
        for name in packed.dtype.names or ():
            packed[name] = arrival.columns[name]
        raw, size = packed.tobytes(), packed.itemsize
        for i, position in enumerate(arrival.positions.tolist()):
            found.append((position, arrival.table, arrival.symbol, raw[i * size : (i + 1) * size]))
    return sorted(found)


def tables_of(portions: list[feed.Portion]) -> Tables:
    """The events by table and symbol, in the order of their positions."""
    parts: dict[tuple[str, str], list[feed.Arrival]] = {}
    for arrival in itertools.chain.from_iterable(portions):
        parts.setdefault((arrival.table, arrival.symbol), []).append(arrival)
    found = {}
    for key, arrivals in parts.items():
        order = np.argsort(np.concatenate([arrival.positions for arrival in arrivals]))
        names = arrivals[0].columns
        found[key] = {n: np.concatenate([arrival.columns[n] for arrival in arrivals])[order] for n in names}
    return found


def joined(items: list[Item]) -> Tables:
    """The batches of a source by table and symbol."""
    parts: dict[tuple[str, str], list[Columns]] = {}
    for item in items:
        if isinstance(item, Batch):
            parts.setdefault((item.table, item.symbol), []).append(item.columns)
    return {key: {n: np.concatenate([part[n] for part in found]) for n in found[0]} for key, found in parts.items()}


def same(found: Tables, wanted: Tables) -> None:
    assert found.keys() == wanted.keys()
    for key, columns in wanted.items():
        assert found[key].keys() == columns.keys(), key
        for name, values in columns.items():
            assert found[key][name].dtype == values.dtype, (key, name)
            if values.dtype == object:
                assert found[key][name].tolist() == values.tolist()
            else:
                assert found[key][name].tobytes() == values.tobytes(), (key, name)


def open_files() -> set[str]:
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            continue
    return {name for name in found if name.startswith("/") and not name.startswith(("/dev", "/proc"))}


class FeedContract:
    """Inherit it, set `screened` and `ends`, and give a class-scoped fixture `source`."""

    screened: ClassVar[bool]
    ends: ClassVar[bool] = True
    ranked: ClassVar[bool] = True
    """Whether events of one time come in the order of their tables over the whole feed."""

    @pytest.fixture(scope="class")
    @classmethod
    def source(cls) -> Source:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def whole(cls, source: Source) -> list[feed.Portion]:
        return run(collect(source.make(), 0, cls._until(source.rows)))

    @classmethod
    def _until(cls, rows: int) -> int | None:
        return None if cls.ends else rows

    def test_it_says_whether_its_rows_were_screened(self, source: Source) -> None:
        made = source.make()
        assert made.screened is self.screened
        assert (made.connected, made.gaps, made.trouble, made.rejects.total) == (False, 0, "", 0)

    def test_positions_are_unique_and_climb(self, whole: list[feed.Portion]) -> None:
        last = 0
        for portion in whole:
            assert portion
            for arrival in portion:
                assert arrival.positions.dtype == np.int64
                assert arrival.positions.size > 0
                assert (np.diff(arrival.positions) > 0).all()
                assert arrival.positions[0] > last
            positions = np.concatenate([arrival.positions for arrival in portion])
            assert np.unique(positions).size == positions.size <= feed.MOST_ROWS
            last = int(positions.max())

    def test_events_come_in_event_order(self, whole: list[feed.Portion]) -> None:
        events = []
        for arrival in itertools.chain.from_iterable(whole):
            rank = merge.RANK[arrival.table] if self.ranked else 0
            events += [(p, ts, rank) for p, ts in zip(arrival.positions, self.when(arrival), strict=True)]
        order = [(ts, rank) for _, ts, rank in sorted(events)]
        assert order == sorted(order)

    def when(self, arrival: feed.Arrival) -> np.ndarray:
        """When the rows of an arrival are events."""
        return arrival.columns["ts_event"]

    def test_columns_keep_the_contract(self, whole: list[feed.Portion]) -> None:
        for arrival in itertools.chain.from_iterable(whole):
            schema = SCHEMAS[arrival.table]
            known = schema.columns | schema.optional
            assert set(schema.columns) <= set(arrival.columns) <= set(known)
            for name, values in arrival.columns.items():
                assert values.dtype == np.dtype(known[name]), name
                assert values.shape == arrival.positions.shape

    def test_the_tables_are_those_of_the_source(self, source: Source, whole: list[feed.Portion]) -> None:
        same(tables_of(whole), source.tables)

    def test_another_run_gives_the_same(self, source: Source, whole: list[feed.Portion]) -> None:
        again = run(collect(source.make(), 0, self._until(source.rows)))
        assert rows_of(again) == rows_of(whole)

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(data=st.data())
    def test_what_is_behind_a_position_is_the_tail(self, source: Source, whole: list[feed.Portion], data: Any) -> None:
        everything = rows_of(whole)
        taken = data.draw(st.integers(0, len(everything)))
        positions = [0, *(position for position, *_ in everything), everything[-1][0] + 2]
        after = data.draw(st.sampled_from([positions[taken], positions[taken + 1] - 1]))
        left = len(everything) - taken
        tail = run(collect(source.make(), after, self._until(left)))
        assert rows_of(tail) == everything[taken:]

    def test_closing_it_midway_closes_its_files(self, source: Source) -> None:
        before = open_files()
        run(collect(source.make(), 0, 1))
        assert open_files() == before

    def test_cancelling_it_closes_its_files(self, source: Source) -> None:
        before = open_files()

        async def cancelled() -> None:
            began = asyncio.Event()

            async def consume() -> None:
                async for _ in source.make().portions(0):
                    began.set()

            task = asyncio.ensure_future(consume())
            await began.wait()
            task.cancel()
            await asyncio.wait([task])

        run(cancelled())
        assert open_files() == before

    def test_other_tasks_breathe(self, source: Source, whole: list[feed.Portion]) -> None:
        """Another task of the loop has a turn between any two portions."""
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async def both() -> list[int]:
            counter = asyncio.ensure_future(count())
            at = []
            portions = source.make().portions(0)
            for _ in range(min(len(whole), 5)):
                await anext(portions)
                at.append(turns)
            await portions.aclose()  # type: ignore[attr-defined]
            counter.cancel()
            return at

        assert all(a < b for a, b in itertools.pairwise(run(both())))
