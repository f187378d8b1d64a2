"""Streams as one sequence: event order whatever the chunks, and nothing read before its time."""

import itertools
from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.moments import NONE
from serving.feeds import merge
from serving.feeds.feed import Arrival
from tests.serving.feeds.contract import rows_of


def rows(table: str, times: list[int]) -> merge.Rows:
    columns = {"ts_event": np.array(times, np.int64), "value": np.arange(len(times)) + 1000.0 * merge.RANK[table]}
    return merge.Timing(0).rows(table, "X", columns)


def stream(found: merge.Rows, cuts: list[int]) -> merge.Stream:
    def chunks() -> Iterator[merge.Chunk]:
        edges = [0, *sorted(min(cut, found.when.size) for cut in cuts), found.when.size]
        for first, end in itertools.pairwise(edges):
            part = found.part(slice(first, end))
            until = int(part.when[-1]) if part.when.size else NONE
            yield [part], until

    return merge.Stream(int(found.when[0]) if found.when.size else NONE, chunks)


TIMES = st.lists(st.integers(0, 12), max_size=14).map(sorted)
CUTS = st.lists(st.integers(0, 14), max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.tuples(TIMES, TIMES, TIMES), st.tuples(CUTS, CUTS, CUTS))
def test_events_are_numbered_in_event_order_whatever_the_chunks(
    times: tuple[list[int], ...], cuts: tuple[list[int], ...]
) -> None:
    tables = [rows(table, each) for table, each in zip(("book", "trades", "vix"), times, strict=True)]
    streams = [stream(each, where) for each, where in zip(tables, cuts, strict=True)]
    blocks = list(merge.merged(streams))
    found = [(position, table) for block in blocks for position, table, *_ in rows_of([tuple(block.arrivals)])]
    wanted = sorted((int(ts), merge.RANK[each.table], each.table) for each in tables for ts in each.when)
    assert found == [(i, table) for i, (_, _, table) in enumerate(wanted, 1)]
    assert [int(ts) for block in blocks for ts in block.when] == [ts for ts, *_ in wanted]
    for table in tables:
        values = [
            arrival.columns["value"] for block in blocks for arrival in block.arrivals if arrival.table == table.table
        ]
        assert np.concatenate([np.zeros(0), *values]).tolist() == table.columns["value"].tolist()


def test_a_stream_is_not_read_before_its_time() -> None:
    read = []

    def noting(name: str, times: list[int]) -> merge.Stream:
        def chunks() -> Iterator[merge.Chunk]:
            read.append(name)
            yield [rows("vix", times)], times[-1]

        return merge.Stream(times[0], chunks)

    blocks = merge.merged([noting("third", [9]), noting("first", [1, 3]), noting("second", [3, 4])])
    assert next(blocks).when.tolist() == [1]
    assert read == ["first"]
    next(blocks)
    assert "third" not in read
    list(blocks)
    assert read == ["first", "second", "third"]


def test_a_row_further_back_than_promised_takes_its_place_in_what_comes_next() -> None:
    def chunks() -> Iterator[merge.Chunk]:
        yield [rows("trades", [1, 8])], 7
        yield [rows("book", [2, 9])], 9

    found = [row for block in merge.merged([merge.Stream(0, chunks)]) for row in rows_of([tuple(block.arrivals)])]
    assert [(position, table) for position, table, *_ in found] == [
        (1, "trades"),
        (2, "book"),
        (3, "trades"),
        (4, "book"),
    ]


def test_a_late_row_comes_before_other_events_of_the_time_it_arrived() -> None:
    minute = 60_000_000_000
    late = {"ts_event": np.array([5, 7, minute + 9]), "ts_recv": np.array([6, minute + 9, minute + 10])}
    trades = merge.Timing(3).rows("trades", "X", late)
    assert trades.when.tolist() == [5, minute + 9, minute + 9]
    streams = [stream(trades, []), stream(rows("vix", [minute + 9]), [])]
    events = [row for block in merge.merged(streams) for row in rows_of([tuple(block.arrivals)])]
    assert [(position, table) for position, table, *_ in events] == [
        (1, "trades"),
        (2, "trades"),
        (3, "vix"),
        (4, "trades"),
    ]


def test_a_part_of_a_block_is_what_lies_between_two_positions() -> None:
    trades = Arrival("trades", "X", {"ts_event": np.array([1, 2, 4])}, np.array([1, 3, 5]))
    vix = Arrival("vix", "X", {"ts_event": np.array([1, 3])}, np.array([2, 4]))
    block = merge.Block(1, [trades, vix], np.array([1, 1, 2, 3, 4]))
    assert [(each.table, each.positions.tolist()) for each in block.part(2, 4)] == [("trades", [3]), ("vix", [2])]
    assert [each.columns["ts_event"].tolist() for each in block.part(2, 4)] == [[2], [1]]
    assert block.part(6, 9) == ()
