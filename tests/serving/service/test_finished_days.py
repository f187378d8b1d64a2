"""The service and the days that are over: another process runs them again, whatever ends it or the service."""

import asyncio
import os
import shutil

import pytest

from mia_ml.registry import paper_gate
from serving.day import parity
from serving.intake import wire
from tests.serving import live_registry
from tests.serving.live_world import IDLE_S
from tests.serving.service.started import Running

pytestmark = pytest.mark.anyio
DAY_NS = 86_400_000_000_000


def over(market):
    """That the day is over, and another one has begun."""
    return [[wire.Clock(market.last.close_ns + DAY_NS)]]


def noted(running, version="mia-es/1"):
    """The incidents of each day in a version's evidence, by what the day is."""
    path = paper_gate.path_of(running.service.state_folder, *version.split("/"))
    return {day.day: day.incidents for day in paper_gate.read(path, version).evidence.days}


async def looked_at(running):
    async with asyncio.timeout(IDLE_S):
        while running.service._papers.unseen():
            await asyncio.sleep(0.01)


async def look_begun(running):
    """The process that looks at a day."""
    async with asyncio.timeout(IDLE_S):
        while running.service._looks._child._process is None:
            await asyncio.sleep(0.001)
    return running.service._looks._child._process.pid


async def test_a_day_that_is_over_is_run_again_by_another_process(market, registry, tmp_path, monkeypatch, caplog):
    def here(*_):
        raise AssertionError("on the event loop")

    monkeypatch.setattr(parity, "difference", here)
    async with Running(market, tmp_path / "live", shadows=("paper",)) as running:
        running.feed(market.portions)
        while running.service._looks._wanted.is_set():  # what waited at the start
            await asyncio.sleep(0.001)
        running.feed(over(market))
        day = market.last.day
        assert running.service._papers.unseen() == {day: ["mia-es/1", "mia-es/2"]}
        assert noted(running) == {day: (paper_gate.UNSEEN,)}
        await looked_at(running)
        assert noted(running) == noted(running, "mia-es/2") == {day: ()}
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_one_byte_that_was_not_sent_like_that_is_an_incident_and_an_error(market, registry, tmp_path, caplog):
    async with Running(market, tmp_path / "live") as running:
        running.feed([*market.portions, [wire.Clock(market.last.close_ns)]])
        (path,) = (tmp_path / "live" / "decisions").glob("*.jsonl")
        before = path.read_bytes()
        at = before.index(b'"threshold":', len(before) // 2) + len(b'"threshold":')
        with path.open("r+b") as file:
            file.seek(at)
            file.write(b"7")
        assert path.stat().st_size == len(before)
        running.feed(over(market))
        await looked_at(running)
        ((text,),) = noted(running).values()
    assert text.startswith("parity: decision ")
    wanted = f"parity of {market.last.day}: {text.removeprefix('parity: ')}"
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [wanted]


@pytest.mark.parametrize("bundle", ["there", "gone"])
async def test_a_stop_ends_the_look_and_the_next_start_looks_whoever_decides_then(
    market, registry, tmp_path, caplog, bundle
):
    """At a start the day is over already: nothing of it is run by the service itself."""
    async with Running(market, tmp_path / "live") as running:
        running.feed(market.portions)
        running.feed(over(market))
        pid = await look_begun(running)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert noted(running) == {market.last.day: (paper_gate.UNSEEN,)}
    live_registry.promote(registry, 2, "champion")
    folder = tmp_path / "live" / "bundles" / "mia-es-1"
    if bundle == "gone":
        shutil.rmtree(folder)
    async with Running(market, tmp_path / "live") as running:
        assert running.service.state()["versions"][0]["version"] == "mia-es/2"
        await looked_at(running)
        why = {"there": (), "gone": (f"parity: cannot be looked at: {folder}: no such folder",)}[bundle]
        assert noted(running) == {market.last.day: why}
    assert not [record for record in caplog.records if record.levelname == "WARNING" and "again" in record.message]
