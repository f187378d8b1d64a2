"""A champion and two shadows from a real registry; promotion and rollback by their commands while events come."""

import asyncio
import itertools
import subprocess
import time
from pathlib import Path

import msgspec
import pytest

from serving.day.decisions import Kept
from tests.serving import live_registry, live_world
from tests.serving.end_to_end.clients import Feed, Listener, together
from tests.serving.end_to_end.running import MIA, Running
from tests.tracking import store

AGAIN = "challenger"
SLOWLY_S = 0.02
NOWHERE = "http://127.0.0.1:9"


class Registry:
    """Three versions, of which the third has other features: champion, paper, and one that only an alias names.

    lines: what research makes of each version, by its name and by bar.
    """

    def __init__(self, market, root: Path) -> None:
        contents = live_registry.contents(market.world.tables)
        self.market = market
        self.root = live_registry.registry(root, market.world.tables, contents)
        for version in (1, 2):
            live_registry.promote(self.root, version, "paper")
        live_registry.promote(self.root, 1, "champion")
        store.client(self.root).set_registered_model_alias(live_registry.MODEL, AGAIN, "3")
        days = [day.day for day in market.world.days]
        self.lines = {}
        for number, content in enumerate(contents, 1):
            found = live_world.research(content, market.world.tables, days)
            own = dict(zip(found.rows["ts"].tolist(), found.lines, strict=True))
            self.lines[f"{live_registry.MODEL}/{number}"] = own
        self.bars = sorted(own)

    def service(self, folder: Path, uri: str = store.URI) -> Running:
        sections = {
            "tracking": {"model": live_registry.MODEL, "uri": uri},
            "promotion": {"paper_days": 0},
        }
        shadows = ("--shadow", "paper", "--shadow", AGAIN)
        service = Running(folder, self.market.world.before, *shadows, sections=sections)
        service.cwd = self.root
        return service

    def mia(self, service: Running, *arguments: str) -> None:
        command = [MIA, *arguments, "--params", str(service.params)]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def registry(market, tmp_path_factory):
    return Registry(market, tmp_path_factory.mktemp("registry"))


class Pace:
    """As fast as it goes, but slowly while something is waited for."""

    def __init__(self) -> None:
        self.slowly = False

    async def wait(self) -> None:
        await asyncio.sleep(SLOWLY_S if self.slowly else 0)

    def size(self) -> int:
        return 5 if self.slowly else 100


async def change(registry, service, feed, listener, pace, at, arguments, version):
    """A command when the feed has come so far: how long it took, and from its end to the first decision by the other
    version, below 0 where that came while the command still wrote its record. Seconds."""
    while feed.position < at:
        await asyncio.sleep(0.001)
    pace.slowly = True

    async def decided() -> float:
        while not any(line.version == version and line.role == "champion" for line in listener.lines[-30:]):
            await asyncio.sleep(0.001)
        return time.perf_counter()

    began, first = time.perf_counter(), asyncio.create_task(decided())
    await asyncio.to_thread(registry.mia, service, *arguments)
    ended = time.perf_counter()
    took = await first - ended
    pace.slowly = False
    return round(ended - began, 2), round(took, 3)


def test_versions_take_over_while_events_come(registry, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    market, pace, took = registry.market, Pace(), {}
    first, second = f"{live_registry.MODEL}/1", f"{live_registry.MODEL}/2"
    with registry.service(folder) as service:
        feed = Feed("ws", market.world.messages, pace.size, market.close_ns, pace.wait)
        listener = Listener()
        quarter = len(market.world.messages) // 4

        async def changes() -> None:
            given = (registry, service, feed, listener, pace)
            promote = ["promote", "2", "--to", "champion", "--reason", "better"]
            took["promote"] = await change(*given, quarter, promote, second)
            took["rollback"] = await change(*given, 2 * quarter, ["rollback", "--reason", "worse"], first)

        async def heard() -> None:
            while not any(line.head.ts == registry.bars[-1] and line.role == "champion" for line in listener.lines):
                await asyncio.sleep(0.01)
            await asyncio.to_thread(service.until, lambda: service.state_of()["decisions"]["number"] == listener.cursor)
            listening.cancel()

        async def listen() -> None:
            nonlocal listening
            listening = asyncio.create_task(listener.listen(service, 1 << 30))
            await asyncio.wait([listening])

        listening = None
        asyncio.run(together(listen(), feed.send(service), changes(), heard()))
        print(f"command, then first decision, s: {took}; start {service.started_s:.2f} s")
        check(registry, listener.lines)
        champions = [line for line in listener.lines if line.role == "champion"]
        assert [name for name, _ in itertools.groupby(line.version for line in champions)] == [first, second, first]
        assert [line.head.ts for line in champions] == registry.bars
        third = [line for line in listener.lines if line.version == f"{live_registry.MODEL}/3"]
        assert [line.head.ts for line in third] == registry.bars
        shadowed = {line.head.ts for line in listener.lines if line.version == second}
        assert len(shadowed) > len(registry.bars) * 0.9
        assert service.stop() == 0


def check(registry, lines: list[Kept]) -> None:
    """Each line is research's of its version on that bar, and no version says anything twice on a bar."""
    for line in lines:
        assert bytes(line.decision) == registry.lines[line.version][line.head.ts], line.number
    said = [(line.version, line.head.ts) for line in lines]
    assert len(set(said)) == len(said)


def kept(service: Running) -> list[Kept]:
    return [msgspec.json.decode(line, type=Kept) for line in service.lines()]


def test_its_registry_goes_away_while_it_runs_and_is_not_there_at_a_start(registry, tmp_path):
    """It says so, and goes on with what it has; a version that was promoted meanwhile is taken when it is back."""
    messages = registry.market.world.messages
    third = len(messages) // 3
    database = registry.root / "mlflow.db"
    content = database.read_bytes()
    with registry.service(tmp_path) as service:
        asyncio.run(Feed("ws", messages[:third], lambda: 200).send(service))
        database.write_bytes(b"not a database" * 1_000)
        try:
            service.until(lambda: service.state_of()["registry"] != "ok")
            asyncio.run(Feed("ws", messages[: 2 * third], lambda: 200).send(service))
            state = service.state_of()
            assert state["ready"]
            assert not state["last_good_bundle"]
            assert service.request("/ready")[0] == 200
        finally:
            database.write_bytes(content)
        service.until(lambda: service.state_of()["registry"] == "ok")
        assert service.stop() == 0
    with registry.service(tmp_path, NOWHERE) as service:
        state = service.state_of()
        assert state["last_good_bundle"]
        assert "cannot be asked" in state["registry"]
        assert state["versions"][0]["version"] == f"{live_registry.MODEL}/1"
        asyncio.run(Feed("ws", messages, lambda: 200, registry.market.close_ns).send(service))
        lines = kept(service)
        check(registry, lines)
        assert [line.head.ts for line in lines if line.role == "champion"] == registry.bars
        print(f"start without a registry {service.started_s:.2f} s")
