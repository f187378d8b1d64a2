"""Files that grow: whatever the sizes in which they are written, the events of the whole file; a new file each day."""

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mia_ml.core.errors import SourceError
from mia_ml.core.moments import DAY
from mia_ml.sources import sierra as source_of
from mia_ml.sources.sierra import depth, naming, scid
from serving.feeds import feed, tailing
from serving.feeds.sierra import SierraDepth, SierraTrades
from tests.serving.feeds import contract
from tests.serving.feeds.contract import Source, collect, rows_of, run, tables_of
from tests.sources.test_sierra_binary import DEPTH, SCID, fixture_bytes

T0_US = 3_852_192_600_000_000  # 2022-01-24 13:30 UTC
T0_NS = int(naming.utc_ns(np.array([T0_US]))[0])
POLL_S = 0.001
FIRST_FILL, LAST_FILL = np.float32(-1.99900095e37), np.float32(-1.99900197e37)


def scid_bytes(n: int, seed: int = 0) -> bytes:
    """Trades, orders taken apart into fills, and now and then a bar, which is refused."""
    rng = np.random.default_rng(seed)
    record = np.zeros(n, scid.RECORD)
    record["time_us"] = T0_US + np.cumsum(rng.choice([1, 1, 1, 997, 40_000], n))
    record["open"] = rng.choice(
        np.array([0, 0, FIRST_FILL, LAST_FILL, 4347.5], "f4"), n, p=[0.4, 0.2, 0.19, 0.19, 0.02]
    )
    record["close"] = 4347.5 + 0.25 * rng.integers(-8, 8, n)
    record["volume"] = rng.integers(1, 9, n)
    record["bid_volume"] = np.where(rng.random(n) < 0.5, record["volume"], 0)
    record["ask_volume"] = record["volume"] - record["bid_volume"]
    return fixture_bytes(SCID)[: scid.HEADER.itemsize] + record.tobytes()


def depth_bytes(n: int, seed: int = 0, day: int = 0) -> bytes:
    """Level changes in batches; some delete what is not there and are refused."""
    rng = np.random.default_rng(seed)
    record = np.zeros(n, depth.RECORD)
    record["time_us"] = T0_US + day * DAY // 1000 + np.cumsum(rng.integers(0, 90_000, n))
    record["command"] = rng.choice([2, 3, 2, 3, 4, 5, 6, 7], n)
    record["command"][0] = 1
    record["flags"] = rng.random(n) < 0.4
    record["price"] = 4347.5 + 0.25 * rng.integers(-30, 30, n)
    record["quantity"] = rng.integers(0, 40, n)
    return fixture_bytes(DEPTH)[: depth.HEADER.itemsize] + record.tobytes()


def trades_of(path: Path, **options: int) -> SierraTrades:
    return SierraTrades("trades", path, poll_s=POLL_S, **options)


def book_of(path: Path, symbol: str | None = None, since_ns: int = 0) -> SierraDepth:
    return SierraDepth("book", path, symbol, since_ns=since_ns, poll_s=POLL_S)


class TestTradesContract(contract.FeedContract):
    screened = False
    ends = False

    @pytest.fixture(scope="class")
    @classmethod
    def source(cls, tmp_path_factory: pytest.TempPathFactory) -> Source:
        path = tmp_path_factory.mktemp("scid") / SCID
        path.write_bytes(scid_bytes(9_000))
        return Source(lambda: trades_of(path), contract.joined(list(source_of.read([path]))))


class TestDepthContract(contract.FeedContract):
    screened = False
    ends = False

    @pytest.fixture(scope="class")
    @classmethod
    def source(cls, tmp_path_factory: pytest.TempPathFactory) -> Source:
        folder = tmp_path_factory.mktemp("depth")
        for day in range(3):
            (folder / f"ESH22_FUT_CME.2022-01-{24 + day}.depth").write_bytes(depth_bytes(2_500, day, day))
        return Source(lambda: book_of(folder), contract.joined(list(source_of.read([folder]))))


KINDS = [(SCID, scid_bytes(60), trades_of), (DEPTH, depth_bytes(60), book_of)]


def written_meanwhile(made: feed.Feed, rows: int, write: Callable[[], Awaitable[None]]) -> list[feed.Portion]:
    async def both() -> list[feed.Portion]:
        reading = asyncio.ensure_future(collect(made, 0, rows))
        writing = asyncio.ensure_future(write())
        await asyncio.wait([reading, writing], return_when=asyncio.FIRST_EXCEPTION)
        await writing
        return await reading

    return run(both())


def in_pieces(path: Path, content: bytes, cuts: list[int]) -> Callable[[], Awaitable[None]]:
    async def write() -> None:
        edges = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
        for first, end in itertools.pairwise(edges):
            with path.open("ab") as file:
                file.write(content[first:end])
            await asyncio.sleep(2 * POLL_S)

    return write


@pytest.mark.parametrize(
    ("name", "content", "make"), [(SCID, scid_bytes(60), trades_of), (DEPTH, depth_bytes(60), book_of)]
)
@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 2_500), max_size=8))
def test_a_growing_file_gives_the_events_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    content: bytes,
    make: Callable[[Path], feed.Feed],
    cuts: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("growing")
    complete = folder / "complete"
    complete.mkdir()
    (complete / name).write_bytes(content)
    items = list(source_of.read([complete / name]))
    wanted = contract.joined(items)
    rows = sum(columns["ts_event"].size for columns in wanted.values())
    made = make(folder / name)
    found = written_meanwhile(made, rows, in_pieces(folder / name, content, cuts))
    contract.same(tables_of(found), wanted)
    assert rows_of(found) == rows_of(run(collect(make(complete / name), 0, rows)))


def test_refused_records_reach_whoever_drains_them(tmp_path: Path) -> None:
    path = tmp_path / SCID
    path.write_bytes(fixture_bytes(SCID))
    made = trades_of(path)
    run(collect(made, 0, 8))
    (reject,) = made.rejects.drain()
    assert (reject.row, reject.value, reject.table) == (8, "open 4347.5", "trades")


def test_what_came_before_the_day_is_left_out_and_fills_keep_their_time(tmp_path: Path) -> None:
    """Also where the day begins between two fills of one order: those are of its first fill's time, the day before."""
    path = tmp_path / SCID
    path.write_bytes(scid_bytes(2_000, 3))
    wanted = contract.joined(list(source_of.read([path])))["trades", "ESH22"]["ts_event"]
    whole = rows_of(run(collect(trades_of(path), 0, wanted.size)))
    record = np.frombuffer(path.read_bytes()[scid.HEADER.itemsize :], scid.RECORD)
    inside = np.flatnonzero(np.diff(wanted) == 0)[[3, 40, 90]]
    for row in (whole[i + 1][0] - 1 for i in inside):
        since = int(naming.utc_ns(record["time_us"][row]))
        left = [event for event, ts in zip(whole, wanted, strict=True) if ts >= since]
        assert rows_of(run(collect(trades_of(path, since_ns=since), 0, len(left)))) == left


def test_the_next_day_goes_on_in_its_own_file(tmp_path: Path) -> None:
    contents = [depth_bytes(200, day, day) for day in range(3)]
    names = [f"ESH22_FUT_CME.2022-01-{24 + day}.depth" for day in range(3)]

    async def write() -> None:
        for name, content in zip(names, contents, strict=True):
            await in_pieces(tmp_path / name, content, [30, 64, 100, 1_000])()

    complete = tmp_path / "complete"
    complete.mkdir()
    for name, content in zip(names, contents, strict=True):
        (complete / name).write_bytes(content)
    wanted = contract.joined(list(source_of.read([complete])))
    rows = wanted["book", "ESH22"]["ts_event"].size
    made = book_of(tmp_path)
    found = written_meanwhile(made, rows, write)
    contract.same(tables_of(found), wanted)
    assert sorted({position >> 32 for position, *_ in rows_of(found)}) == [19_016, 19_017, 19_018]
    assert (made.gaps, made.trouble) == (0, "")


def test_older_files_may_go_and_positions_stay(tmp_path: Path) -> None:
    for day in range(2):
        (tmp_path / f"ESH22_FUT_CME.2022-01-{24 + day}.depth").write_bytes(depth_bytes(200, day, day))
    rows = contract.joined(list(source_of.read([tmp_path])))["book", "ESH22"]["ts_event"].size
    whole = rows_of(run(collect(book_of(tmp_path), 0, rows)))
    (tmp_path / "ESH22_FUT_CME.2022-01-24.depth").unlink()
    left = [row for row in whole if row[0] >> 32 == 19_017]
    assert rows_of(run(collect(book_of(tmp_path), 0, len(left)))) == left
    assert rows_of(run(collect(book_of(tmp_path), left[4][0], len(left) - 5))) == left[5:]


def test_a_day_that_ends_inside_a_record_is_a_gap_and_the_next_goes_on(tmp_path: Path) -> None:
    (tmp_path / "ESH22_FUT_CME.2022-01-24.depth").write_bytes(depth_bytes(50)[:-5])
    (tmp_path / "ESH22_FUT_CME.2022-01-25.depth").write_bytes(depth_bytes(50, 1, 1))
    rows = contract.joined(list(source_of.read([tmp_path])))["book", "ESH22"]["ts_event"].size
    made = book_of(tmp_path)
    run(collect(made, 0, rows))
    assert made.gaps == 1


def test_a_folder_of_several_contracts_wants_a_name(tmp_path: Path) -> None:
    for name in ("ESH22", "NQH22"):
        (tmp_path / f"{name}_FUT_CME.2022-01-24.depth").write_bytes(depth_bytes(50))
    with pytest.raises(SourceError, match="depth files of ESH22, NQH22: give one of these as the feed's symbol"):
        run(collect(book_of(tmp_path), 0, 1))
    assert set(tables_of(run(collect(book_of(tmp_path, "NQH22"), 0, 1)))) == {("book", "NQH22")}


def shrink(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 40)


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.replace(other, path)


def rewrite(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    with path.open("r+b") as file:
        file.write(content)


def rewrite_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"XXXX")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (shrink, "shrank to"),
        (replace, "was replaced by another file"),
        (rewrite, "was rewritten: byte"),
        (rewrite_header, "has another header"),
        (Path.unlink, "No such file"),
    ],
)
@pytest.mark.parametrize(
    ("name", "content", "make"), [(SCID, scid_bytes(60), trades_of), (DEPTH, depth_bytes(60), book_of)]
)
def test_a_file_that_is_not_the_one_that_was_read_stops_the_feed(
    tmp_path: Path,
    name: str,
    content: bytes,
    make: Callable[[Path], feed.Feed],
    harm: Callable[[Path], None],
    words: str,
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    made = make(path)

    async def read() -> None:
        async for _ in made.portions(0):
            harm(path)

    with pytest.raises(SourceError, match=words) as refused:
        run(read())
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert made.connected is False


@pytest.mark.parametrize("name", [SCID, DEPTH])
def test_a_header_of_another_kind_is_refused_and_half_a_header_waited_for(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    make: Callable[[Path], feed.Feed] = trades_of if name == SCID else book_of
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(SourceError, match="begins with"):
        run(collect(make(path), 0, 1))
    path.write_bytes(fixture_bytes(name)[:20])
    made = make(path)

    async def waits() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(collect(made, 0, 1), 10 * POLL_S)

    run(waits())
    assert "its header is not complete" in made.trouble


def test_a_chunk_is_a_megabyte_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / SCID
    path.write_bytes(scid_bytes(500))
    whole = rows_of(run(collect(trades_of(path), 0, 400)))
    monkeypatch.setattr(tailing, "CHUNK_BYTES", 99)
    assert rows_of(run(collect(trades_of(path), 0, 400)))[:400] == whole[:400]
