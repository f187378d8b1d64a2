"""The service on a real registry: who decides, who takes over and when, and what it does without its registry."""

import asyncio

import msgspec
import pytest

from mia_ml.core.errors import DataError, UsageError
from mia_ml.core.moments import MINUTE
from serving import service
from serving.day.decisions import Kept
from serving.day.desk import Desk
from serving.intake import wire
from serving.service import Service
from serving.versions import chosen
from serving.versions.chosen import Lookout
from tests.serving import live_registry
from tests.serving.service.started import PORTION, Running, check_parts, versions_of
from tests.tracking import store

pytestmark = pytest.mark.anyio


async def test_the_champion_decides_and_a_shadow_along(market, registry, tmp_path):
    """With the registry asked by a process of its own."""
    async with Running(market, tmp_path / "live", shadows=("paper",), kind=Lookout) as running:
        running.feed(market.portions)
        check_parts(market, running.decided())
        assert [line for _, line in running.decided("shadow")] == market.research[1][: len(running.decided("shadow"))]
        assert versions_of(running.decided()) == ["mia-es/1"]
        state = running.service.state()
    assert [version["role"] for version in state["versions"]] == ["champion", "shadow"]
    assert state["registry"] == "ok"


async def test_versions_take_over_between_two_bars_and_back(market, registry, tmp_path):
    third = len(market.portions) // 4
    async with Running(market, tmp_path / "live") as running:
        running.feed(market.portions[:third])
        live_registry.promote(registry, 2, "champion")
        await running.service.reload()
        running.feed(market.portions[third : 2 * third])
        live_registry.promote(registry, 3, "paper")
        live_registry.promote(registry, 3, "champion")
        await running.service.reload()
        running.feed(market.portions[2 * third : 3 * third])
        live_registry.rollback(registry)
        await running.service.reload()
        running.feed(market.portions[3 * third :])
        running.feed([[wire.Clock(market.last.close_ns)]])
        decided = running.decided()
    assert versions_of(decided) == ["mia-es/1", "mia-es/2", "mia-es/3", "mia-es/2"]
    check_parts(market, decided)
    assert len(decided) == len(market.research[0])


async def test_a_restart_goes_on_with_whoever_decided_then_with_who_does_now(market, registry, tmp_path):
    half = len(market.portions) // 2
    async with Running(market, tmp_path / "live") as running:
        running.feed(market.portions[:half])
    live_registry.promote(registry, 2, "champion")
    async with Running(market, tmp_path / "live") as running:
        assert running.service.resume_after("f") == half * PORTION
        running.feed(market.portions[half:])
        decided = running.decided()
    assert versions_of(decided) == ["mia-es/1", "mia-es/2"]
    check_parts(market, decided)


async def test_without_its_registry_the_last_good_versions_go_on_and_it_is_said(market, registry, tmp_path):
    state, nowhere = tmp_path / "live", "http://127.0.0.1:9"
    with pytest.raises(UsageError, match="no version was ever at work here"):
        async with Running(market, state, uri=nowhere):
            pass
    async with Running(market, state) as running:
        running.feed(market.portions[:3])
    async with Running(market, state, uri=nowhere) as running:
        running.feed(market.portions[3:6])
        told = running.service.state()
        check_parts(market, running.decided())
    assert told["last_good_bundle"]
    assert "cannot be asked" in told["registry"]
    assert told["versions"][0]["version"] == "mia-es/1"


async def test_an_alias_moved_by_hand_starts_nothing_and_moves_nobody(market, registry, tmp_path):
    client = store.client(registry)
    async with Running(market, tmp_path / "live") as running:
        client.set_registered_model_alias(live_registry.MODEL, "champion", "3")
        await running.service.reload()
        assert running.service.state()["versions"][0]["version"] == "mia-es/1"
        assert "by hand" in running.service.state()["registry"]
    with pytest.raises(DataError, match="by hand"):
        async with Running(market, tmp_path / "live"):
            pass


async def test_an_alias_that_nobody_holds_is_refused_with_those_there_are(market, registry, tmp_path):
    with pytest.raises(UsageError, match="@champion"):
        async with Running(market, tmp_path / "live", champion="crown"):
            pass


async def test_a_shadow_that_cannot_start_stays_as_it_was_and_holds_up_no_champion(market, registry, tmp_path):
    live_registry.promote(registry, 3, "paper")
    async with Running(market, tmp_path / "live", shadows=("paper",)) as running:
        running.feed(market.portions[:3])
        live_registry.promote(registry, 2, "paper")
        live_registry.promote(registry, 3, "champion")
        running.lookout.broken = {"paper": {"seal": "ab" * 32}}
        await running.service.reload()
        told = running.service.state()
        running.feed(market.portions[3:6])
        assert versions_of(running.decided()) == ["mia-es/1", "mia-es/3"]
        check_parts(market, running.decided())
        assert "where abababababab was registered" in told["registry"]
        assert [version["version"] for version in told["versions"] if version["role"] == "champion"] == ["mia-es/3"]
        running.lookout.broken = {}
        await running.service.reload()
        told = running.service.state()
    assert told["registry"] == "ok"
    assert {(version["version"], version["role"]) for version in told["versions"]} >= {("mia-es/2", "shadow")}


async def test_a_shadow_that_cannot_start_is_read_once_and_again_when_asked(market, registry, tmp_path, monkeypatch):
    read, load = [], chosen.load
    monkeypatch.setattr(chosen, "load", lambda one, role: read.append(one.version) or load(one, role))
    async with Running(market, tmp_path / "live", shadows=("paper",)) as running:
        running.feed(market.portions[:2])
        live_registry.promote(registry, 3, "paper")
        running.lookout.broken = {"paper": {"seal": "ab" * 32}}
        read.clear()
        for _ in range(3):
            await running.service._look()
            assert running.service.state()["registry"].endswith("was registered; when that is mended, reload")
        assert read == ["mia-es/3"]
        await running.service.reload()
        assert read == ["mia-es/3"] * 2


async def test_a_champion_that_cannot_start_changes_nothing(market, registry, tmp_path):
    async with Running(market, tmp_path / "live") as running:
        live_registry.promote(registry, 2, "champion")
        running.lookout.broken = {"champion": {"seal": "ab" * 32}}
        assert (await running.service.reload())["versions"] == {"champion": "mia-es/1"}
        assert [one["version"] for one in running.service.state()["versions"]] == ["mia-es/1"]


async def test_to_stand_down_by_hand_outlives_a_restart_and_covers_what_it_finds(market, registry, tmp_path):
    state = tmp_path / "live"
    async with Running(market, state) as running:
        running.feed(market.portions[:4])
        running.service.stand_down(True, "maintenance")
        assert running.service.ready()[0].startswith("stood down by hand: maintenance")
        number = running.service.state()["decisions"]["number"]
    (path,) = (state / "decisions").glob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-5]))  # a crash before they were written
    async with Running(market, state) as running:
        assert running.service.ready()[0].startswith("stood down by hand: maintenance")
        found = [msgspec.json.decode(line, type=Kept).live for line in running.service.decisions(number - 5, 100)]
        assert [(live.recovered, live.why[-1]) for live in found] == [(True, "stood down by hand: maintenance")] * 5
        running.service.stand_down(False, "done")
        assert running.service.ready() == []
    (state / service.STOOD_DOWN).write_text("")  # of a write that a crash tore
    async with Running(market, state) as running:
        assert running.service.ready()[0].startswith("stood down by hand: before the service was started")


async def test_a_close_that_is_next_is_rehearsed_when_all_are_answered(market, registry, tmp_path, monkeypatch):
    rehearsed = []
    monkeypatch.setattr(Desk, "rehearse", lambda desk: rehearsed.append(1))
    async with Running(market, tmp_path / "live") as running:
        running.feed(market.portions[:2])
        await asyncio.sleep(0)
        rehearsed.clear()
        desk = running.service._up()
        position, ends = desk.resume_after("f") + 1, desk.day.rails[0].engine.last_close_ns + MINUTE
        running.service.take("f", [wire.Vix(position=position, symbol="VIX", ts_event=ends, value=13.0)], 0)
        assert rehearsed == []
        await asyncio.sleep(0)
        assert rehearsed == [1]


@pytest.mark.parametrize("name", ["tick", "watch", "poll"])
async def test_a_task_that_stops_is_said_and_the_service_is_not_ready(market, registry, tmp_path, monkeypatch, name):
    monkeypatch.setattr(service, "TICK_S", 0.001)
    monkeypatch.setattr(service, "WATCH_S", 0.001)

    def fail(*_):
        raise RuntimeError("of no known kind")

    running = Running(market, tmp_path / "live")
    running.service.serve = running.service.serve.model_copy(update={"poll_s": 0.001})
    monkeypatch.setattr(
        *{
            "tick": (service.Desk, "tick", fail),
            "watch": (Service, "_look_around", fail),
            "poll": (Service, "_look", fail),
        }[name]
    )
    async with running:
        assert running.service.ready() == []
        while not running.service.ready():
            await asyncio.sleep(0.001)
        (why,) = running.service.ready()
        assert why.startswith(f"{name} has stopped: of no known kind; restart the service")
        state = running.service.state()
        assert (state["ready"], state["why"], state["stand_down"]) == (False, [why], [why])


async def test_an_account_that_contradicts_itself_stands_against_acting_and_the_day_goes_on(market, registry, tmp_path):
    async with Running(market, tmp_path / "live") as running:
        running.service._papers.broken["mia-es/1"] = "paper.db: another result"
        running.feed(market.portions)
        await asyncio.sleep(0)
        assert running.service.ready()[0].startswith("paper.db: another result")
        check_parts(market, running.decided())
