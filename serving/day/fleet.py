"""The versions at work and their engines: who is there, who decides, and how a newcomer catches up."""

from collections.abc import Iterator

import numpy as np

from mia_ml.core.errors import DataError
from mia_ml.single import road
from serving.day.history import Market, Show, Snapshots
from serving.day.rail import CHAMPION, STANDBY, Contender, Rail, key_of


class Fleet:
    """contenders: one champion, and whoever else. show: is told how far the days before are, when they take long."""

    def __init__(self, market: Market, snapshots: Snapshots, contenders: list[Contender], show: Show) -> None:
        self.market = market
        self.rails: list[Rail] = []
        self._snapshots = snapshots
        self._contenders = list(contenders)
        self._show = show
        self._seen = 0
        road.warm()  # the first event does not wait for it

    def __iter__(self) -> Iterator[Contender]:
        """The champion first, who only stands by last."""
        return iter(sorted(self._contenders, key=lambda c: (c.role != CHAMPION, c.role == STANDBY)))

    @property
    def champion(self) -> Contender:
        return next(contender for contender in self._contenders if contender.role == CHAMPION)

    def ready_for(self, day: int) -> None:
        """Have engines that have seen every day before `day`, yyyymmdd."""
        before = self.market.before(day)
        if not self.rails or self._seen != (before[-1].day if before else 0):
            self.rails[:] = []
            for contender in self:
                self._seat(contender, day)
            self._seen = before[-1].day if before else 0
        for rail in self.rails:
            rail.begin_day()

    def finished(self, day: int) -> None:
        """The engines have seen a whole trading day."""
        at = int(np.searchsorted(self.market.sessions["day"], day))
        after = int(self.market.sessions["day"][at + 1])
        for rail in self.rails:
            self._snapshots.keep(self.market, rail.contenders[0].content, after, rail.engine)
        self._seen = day

    def check(self, newcomer: Contender) -> None:
        """Raises DataError on a version that cannot share the tape of those that are there."""
        own, theirs = newcomer.content, self.champion.content
        for what, mine, there in (
            ("instrument", own.instrument, theirs.instrument),
            ("calendar", own.calendar, theirs.calendar),
            ("native bars", own.native, theirs.native),
            ("grace_ms", own.grace_ns // 1_000_000, theirs.grace_ns // 1_000_000),
        ):
            if mine != there:
                raise DataError(
                    f"{newcomer.version} has {what} {mine}, {self.champion.version} has {there}: they cannot share one "
                    "tape; serve it on its own"
                )

    def rail_of(self, newcomer: Contender) -> Rail | None:
        """The rail whose rows are a version's as well."""
        key = key_of(newcomer.content)
        return next((rail for rail in self.rails if rail.key == key), None)

    def add(self, newcomer: Contender, rail: Rail) -> None:
        """Let a version in: on a rail that is there, or one of its own that has caught up."""
        self._contenders.append(newcomer)
        if rail in self.rails:
            rail.join(newcomer)
        else:
            self.rails.append(rail)

    def invite(self, newcomer: Contender) -> None:
        """Let a version in while there are no engines: it gets one with the next day."""
        self._contenders.append(newcomer)
        self.rails.clear()

    def remove(self, leaving: Contender) -> None:
        """Let a version go, and its engine when nobody else has it."""
        self._contenders.remove(leaving)
        for rail in list(self.rails):
            rail.contenders = [contender for contender in rail.contenders if contender is not leaving]
            if not rail.contenders:
                self.rails.remove(rail)

    def _seat(self, contender: Contender, day: int) -> None:
        rail = self.rail_of(contender)
        if rail is None:
            built = self._snapshots.engine_before(self.market, contender.content, day, self._show)
            self.rails.append(Rail(built, [contender]))
        else:
            rail.contenders.append(contender)
