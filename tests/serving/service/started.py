"""A service in this process on a real registry, and the market that it lives through."""

import itertools
import json

import msgspec

from mia_ml.store.rules import Rules
from mia_ml.tracking import server
from serving.day.decisions import Kept
from serving.service import Service
from serving.versions import lookout
from serving.versions.chosen import Lookout
from serving.versions.succession import Wanted
from tests.serving import live_registry, live_world
from tests.tracking import store

PORTION = 400


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
