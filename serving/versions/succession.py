"""Who decides: the versions behind the aliases, when the service starts and whenever one of them moves."""

import asyncio
import logging
from pathlib import Path
from typing import NamedTuple

from mia_ml.core.errors import DataError, MiaError, UsageError
from serving.app.metrics import Metrics
from serving.day import swap
from serving.day.desk import Desk
from serving.day.history import Snapshots
from serving.day.rail import CHAMPION, SHADOW, STANDBY, Contender
from serving.unavailable import Unavailable
from serving.versions import chosen as versions
from serving.versions.chosen import Chosen, Lookout

_log = logging.getLogger("mia.succession")


class Wanted(NamedTuple):
    """champion: an alias, or a bundle's folder. shadows: aliases."""

    champion: str
    shadows: tuple[str, ...]

    @property
    def aliases(self) -> tuple[str, ...]:
        return () if Path(self.champion).is_dir() else (self.champion, *self.shadows)


class Succession:
    """chosen: by alias, what is at work. registry: 'ok', or what is wrong with it. last_good: whether the registry was
    away at the start and what had been at work last is used."""

    def __init__(self, wanted: Wanted, lookout: Lookout, metrics: Metrics) -> None:
        self.chosen: dict[str, Chosen] = {}
        self.registry = "ok"
        self.last_good = False
        self._wanted = wanted
        self._lookout = lookout
        self._metrics = metrics
        self._turn = asyncio.Lock()
        self._refused: dict[Chosen, str] = {}
        """What cannot start, and why: it is not tried at every look."""

    async def begin(self) -> list[Contender]:
        """The versions to start with, the champion first, each as its golden tape has it.

        Raises MiaError, one line, when one of them cannot be started as it should.
        """
        self.chosen = await self._choose()
        return [await asyncio.to_thread(versions.load, one, role) for one, role in self._roles(self.chosen)]

    def begun(self) -> None:
        """What was chosen is at work: it is what is used when the registry is away."""
        try:
            versions.remember(self._lookout.bundles, self.chosen)
        except Unavailable as error:
            _log.warning("%s", error)

    async def follow(self, desk: Desk, snapshots: Snapshots, anew: bool = False) -> bool:
        """Ask the registry, and bring the versions at work to what it says; whether anything changed.

        anew: try what could not start before once more.
        """
        if not self._wanted.aliases:
            return False
        async with self._turn:
            if anew:
                self._refused.clear()
            found = await self._lookout.ask(self._wanted.aliases)
            chosen, problems = dict(self.chosen), []
            for alias, said in found.items():
                try:
                    chosen[alias] = versions.judged(alias, said)
                except MiaError as error:
                    problems.append(str(error))
            self.registry = "; ".join(problems) or "ok"
            if problems:
                self._metrics.registry_failures.inc()
            else:
                self.last_good = False
            return chosen != self.chosen and await self._change(desk, snapshots, chosen)

    def bundle_of(self, version: str) -> Path:
        """The folder of a version that was ever at work here, if it is still there."""
        at_work = {one.version: Path(one.folder) for one in self.chosen.values()}
        return at_work.get(version, self._lookout.bundles / version.replace("/", "-"))

    async def close(self) -> None:
        await self._lookout.close()

    async def _choose(self) -> dict[str, Chosen]:
        wanted, bundles = self._wanted, self._lookout.bundles
        if not wanted.aliases:
            return {wanted.champion: versions.of_folder(Path(wanted.champion))}
        found = await self._lookout.ask(wanted.aliases)
        away = [said for said in found.values() if isinstance(said, str) and versions.AWAY in said]
        if not away:
            return {alias: versions.judged(alias, found[alias]) for alias in wanted.aliases}
        before = versions.last_good(bundles)
        if wanted.champion not in before:
            raise UsageError(f"{away[0]}; and no version was ever at work here")
        self.last_good, self.registry = True, away[0]
        _log.warning("the last good versions are used: %s", away[0])
        return {alias: before[alias] for alias in wanted.aliases if alias in before}

    def _roles(self, chosen: dict[str, Chosen]) -> list[tuple[Chosen, str]]:
        roles = [(chosen[self._wanted.champion], CHAMPION)]
        for alias in self._wanted.shadows:
            if alias in chosen and chosen[alias].version not in {one.version for one, _ in roles}:
                roles.append((chosen[alias], SHADOW))
        return roles

    async def _change(self, desk: Desk, snapshots: Snapshots, chosen: dict[str, Chosen]) -> bool:
        """A champion that cannot start changes nothing; a shadow that cannot leaves its alias with whom it had."""
        fleet = desk.core.fleet
        for one, role in self._roles(chosen):
            problem = await self._let_in(desk, snapshots, one, role)
            if problem:
                self.registry = problem
                if role == CHAMPION:
                    return False
                chosen = self._without(chosen, one)
        if chosen == self.chosen:
            return False
        before, roles = fleet.champion, self._roles(chosen)
        wanted = {one.version: role for one, role in roles}
        swap.take_over(desk, next(contender for contender in fleet if contender.version == roles[0][0].version))
        for contender in list(fleet):
            if wanted.get(contender.version) == SHADOW and contender.role == STANDBY:
                swap.give(desk, contender, SHADOW)
            elif contender.version not in wanted and contender is not before:
                swap.give(desk, contender, STANDBY)
                fleet.remove(contender)
        self.chosen = chosen
        self.begun()
        if fleet.champion is not before:
            _log.warning("champion is now %s, before it was %s", fleet.champion.version, before.version)
        return True

    async def _let_in(self, desk: Desk, snapshots: Snapshots, one: Chosen, role: str) -> str:
        """Have a version among those at work; why it cannot be, else empty."""
        if one in self._refused or one.version in {contender.version for contender in desk.core.fleet}:
            return self._refused.get(one, "")
        try:
            newcomer = await asyncio.to_thread(versions.load, one, SHADOW if role == SHADOW else STANDBY)
            await swap.join(desk, snapshots, newcomer)
        except MiaError as error:
            _log.error("%s stays as it was: %s", role, error)
            if not isinstance(error, DataError):
                return str(error)
            self._refused[one] = f"{error}; when that is mended, reload"
            return self._refused[one]
        return ""

    def _without(self, chosen: dict[str, Chosen], refused: Chosen) -> dict[str, Chosen]:
        """What is chosen, but for a version."""
        left = {alias: self.chosen.get(alias) if one is refused else one for alias, one in chosen.items()}
        return {alias: one for alias, one in left.items() if one is not None}
