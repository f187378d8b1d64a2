"""The service on a real registry: who decides, who takes over and when, and what it does without its registry."""

import asyncio
import itertools
import json
import os
import shutil

import msgspec
import pytest

from mia_ml.core.errors import DataError, UsageError
from mia_ml.core.moments import MINUTE
from mia_ml.registry import paper_gate
from mia_ml.store.rules import Rules
from mia_ml.tracking import server
from serving import service
from serving.day import parity
from serving.day.decisions import Kept
from serving.day.desk import Desk
from serving.intake import wire
from serving.service import Service
from serving.versions import chosen, lookout
from serving.versions.chosen import Lookout
from serving.versions.succession import Wanted
from tests.serving import live_registry, live_world
from tests.tracking import store

PORTION = 400
pytestmark = pytest.mark.anyio


class Market:
    def __init__(self, root):
        self.tables, self.history, self.last = live_registry.market(root)
        self.contents = live_registry.contents(self.tables)
        self.registry = live_registry.registry(root / "registry", self.tables, self.contents)
        for version in (1, 2):
            live_registry.promote(self.registry, version, "paper")
        live_registry.promote(self.registry, 1, "champion")
        self.research = [live_world.research(content, self.tables, [self.last.day]).lines for content in self.contents]
        messages = live_world.events_of(self.last)
        self.portions = [live_world.wire_events(messages[k : k + PORTION]) for k in range(0, len(messages), PORTION)]


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    return Market(tmp_path_factory.mktemp("market"))


@pytest.fixture
def registry(market, tmp_path):
    """The registry is moved to, not copied: its places are absolute."""
    kept = tmp_path / "kept.db"
    shutil.copyfile(market.registry / "mlflow.db", kept)
    ledger = tmp_path / "ledger"
    shutil.copytree(market.registry / "ledger", ledger)
    yield market.registry
    shutil.copyfile(kept, market.registry / "mlflow.db")
    shutil.rmtree(market.registry / "ledger")
    shutil.copytree(ledger, market.registry / "ledger")


class Here(Lookout):
    """Asks without a process of its own, whose start takes seconds. broken: what is wrong with whom, by alias."""

    def __init__(self, *where):
        super().__init__(*where)
        self._there = lookout.Asker(*where)
        self._child._heard = self._heard
        self.broken = {}

    async def _heard(self, question):
        aliases = question["aliases"]
        return json.dumps({alias: self._there.answer(alias) | self.broken.get(alias, {}) for alias in aliases}).encode()


class Running:
    """A service, started."""

    def __init__(self, market, state, champion="champion", shadows=(), uri="", kind=Here):
        registry = market.registry
        serve = live_world.serve_settings(state=str(state), tables=str(market.history), poll_s=1000.0)
        where = (
            live_registry.MODEL,
            uri or server.resolve(store.URI, registry),
            registry / "ledger/promotions.jsonl",
            state / "bundles",
        )
        self.lookout = kind(*where)
        wanted = Wanted(champion, shadows)
        self.service = Service(serve, Rules(), wanted, self.lookout, registry, 0.95, lambda what, n: None)

    async def __aenter__(self):
        await self.service.start()
        return self

    async def __aexit__(self, *_):
        await self.service.stop()

    def feed(self, portions):
        for portion in portions:
            self.service.take("f", portion, 0)

    def decided(self, role="champion"):
        """(version, deterministic part) of every line so far, from the journal."""
        kept = [msgspec.json.decode(line, type=Kept) for line in self.service.decisions(0, 1_000_000)]
        assert [line.number for line in kept] == list(range(1, len(kept) + 1))
        return [(line.version, bytes(line.decision)) for line in kept if line.role == role]


def versions_of(decided):
    return [version for version, _ in itertools.groupby(version for version, _ in decided)]


def check_parts(market, decided):
    """Each version's lines are research's of that moment, and every bar has one champion."""
    for k, (version, decision) in enumerate(decided):
        assert decision == market.research[int(version.rpartition("/")[2]) - 1][k], f"bar {k} by {version}"


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


DAY_NS = 86_400_000_000_000


def over(market):
    """That the day is over, and another one has begun."""
    return [[wire.Clock(market.last.close_ns + DAY_NS)]]


def noted(running, version="mia-es/1"):
    """The incidents of each day in a version's evidence, by what the day is."""
    path = paper_gate.path_of(running.service.state_folder, *version.split("/"))
    return {day.day: day.incidents for day in paper_gate.read(path, version).evidence.days}


async def looked_at(running):
    async with asyncio.timeout(60):
        while running.service._papers.unseen():
            await asyncio.sleep(0.01)


async def look_begun(running):
    """The process that looks at a day."""
    async with asyncio.timeout(60):
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
