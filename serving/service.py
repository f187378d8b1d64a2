"""The service: a desk with feeds, a registry that is asked, a clock that ticks, and everybody who is told.

It starts as it was stopped or killed: versions by their aliases (the last good ones when the registry is away), their
golden tapes replayed, the days before from a snapshot, today's events from the log or from the tables, at full speed.
"""

import asyncio
import contextlib
import gc
import logging
import os
import sys
import time
from collections.abc import Callable, Coroutine, Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from mia_ml.confluence import decision as decisions
from mia_ml.core.errors import DataError, MiaError
from mia_ml.judge import judgement
from mia_ml.settings.serve import Serve
from mia_ml.store.rules import Rules
from serving.afterwards import Afterwards
from serving.app import webhook
from serving.app.hub import Hub
from serving.app.metrics import Metrics
from serving.app.status import Status
from serving.day.acting import Acting
from serving.day.catch_up import begun_in, catch_up
from serving.day.days import DAYS, ENGINE, Core
from serving.day.desk import Desk
from serving.day.fleet import Fleet
from serving.day.history import Market, Show, Snapshots
from serving.day.trading_day import Printed, TradingDay
from serving.feeds import build, feeding
from serving.feeds.feed import Feed
from serving.guards.clock import NS_PER_MS, AnchoredClock
from serving.guards.standing import Standing
from serving.intake import wire
from serving.papers import books as papers
from serving.papers.books import Decisions
from serving.papers.incidents import Episodes
from serving.papers.looks import Looks
from serving.unavailable import Unavailable
from serving.versions.chosen import Lookout
from serving.versions.succession import Succession, Wanted

STOOD_DOWN = "stood_down.txt"
"""Holds the reason while the service is stood down by hand, over restarts."""
TICK_S = 0.05
WATCH_S = 1.0
SWITCH_S = 0.0005
"""How long the event loop waits at most for the interpreter, which a thread that saves has."""
_log = logging.getLogger("mia.service")


class Service:
    """What the application stands in front of. project: what relative paths of the settings are relative to."""

    def __init__(
        self, serve: Serve, rules: Rules, wanted: Wanted, lookout: Lookout, project: Path, level: float, show: Show
    ) -> None:
        self.serve = serve
        self.limits = serve.limits
        self.metrics = Metrics()
        self.hub = Hub(serve.limits.queue, self.metrics)
        self.state_folder = project / serve.state
        self._rules = rules
        self._succession = Succession(wanted, lookout, self.metrics)
        self._project = project
        self._level = level
        self._show = show
        self._desk: Desk | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._starting = "starting"
        self._feeds: list[Feed] = []
        self._afterwards = Afterwards(lambda error: self._has_stopped("what follows a decision", error))

    # the application's side

    async def start(self) -> None:
        """Raises MiaError, one line, when no version can be started as it should."""
        sys.setswitchinterval(SWITCH_S)
        contenders = await self._succession.begin()
        content = contenders[0].content
        tables = self._project / self.serve.tables
        market = Market(content, tables, self.state_folder / DAYS, time.time_ns())
        self._snapshots = Snapshots(self.state_folder / ENGINE)
        fleet = Fleet(market, self._snapshots, contenders, self._show)
        clock = AnchoredClock(self.serve.guards.skew_ms * NS_PER_MS)
        acting = Acting(Standing(), self.serve.guards, self.state_folder / "drift", clock.now_ns)
        begun = begun_in(self.state_folder)
        for contender in contenders:
            acting.know(contender.version, contender.content, begun[-1] if begun else 0)
        self.metrics.build(mia=metadata.version("mia-ml"), bundle=contenders[0].seal)
        self._papers = papers.in_folder(self.state_folder, market.sessions, self._level)
        self._looks = Looks(self._papers, self._succession.bundle_of, self.state_folder, tables, self._rules)
        core = Core(self.serve, self._rules, self.state_folder, fleet, acting, self.metrics)
        self._desk = Desk(core, clock, [self.hub.publish], self)
        self._status = Status(self._desk, self._papers)
        self._judge()
        if (self.state_folder / STOOD_DOWN).is_file():  # a crash may have left it empty
            self._by_hand(self._desk, (self.state_folder / STOOD_DOWN).read_text() or "before the service was started")
        catch_up(self._desk, self._show)
        self._succession.begun()
        gc.collect()
        gc.freeze()  # what lives as long as the service is never looked at again
        self._starting = ""
        works = {"tick": self._tick, "watch": self._watch, "poll": self._poll, "looks": self._looks.run}
        if self.serve.webhook.url:
            secret = os.environ.get(webhook.SECRET, "")
            works["webhook"] = webhook.Poster(self, self.serve.webhook, self.state_folder, secret).run
        self._tasks = [asyncio.create_task(self._kept_up(name, work)) for name, work in works.items()]
        since = int(self._desk.day.arrivals.session["open_ns"]) if self._desk.day else 0
        about = build.Market(content.instrument, content.calendar, content.grace_ns, since)
        for name, section in self.serve.feeds.items():
            feed = build.feed(name, section, about, self._project)
            self._feeds.append(feed)
            self._tasks.append(asyncio.create_task(feeding.run(feed, self._desk)))

    async def stop(self) -> None:
        self._starting = "stopping"
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._succession.close()
        if self._desk is not None:
            await self._looks.close()
            with contextlib.suppress(Unavailable):
                self._desk.close()
            self._afterwards.now()
            with contextlib.suppress(Unavailable):
                self._papers.close()

    def resume_after(self, feed: str) -> int:
        return self._up().resume_after(feed)

    def connected(self, feed: str, on: bool) -> None:
        self._up().connected(feed, on)

    def take(self, feed: str, events: list[wire.Event], ts_recv_ns: int) -> wire.Reply:
        if self._starting:
            raise Unavailable(f"the service is {self._starting}: try again")
        desk = self._up()
        reply = desk.take(feed, events, ts_recv_ns)
        if desk.close_is_next:
            self._afterwards.add(desk.rehearse)
        return reply

    def state(self) -> dict[str, Any]:
        if self._desk is None:
            return {"ready": False, "why": self.ready(), "stand_down": [], "feeds": [], "versions": []}
        return self._status.plain(self.ready(), len(self.hub), self._succession.last_good, self._succession.registry)

    def curves(self) -> dict[str, list[tuple[int, float]]]:
        return {} if self._desk is None else self._papers.curves()

    def ready(self) -> list[str]:
        if self._starting:
            return [self._starting]
        return self._up().core.acting.standing.lines()

    def decisions(self, since: int, limit: int) -> Iterable[bytes]:
        return self._up().journal.after(since, limit)

    def statement(self, day: int | None) -> dict[str, Any]:
        self._up()
        return self._papers.statement(day)

    async def reload(self) -> dict[str, Any]:
        await self._look(anew=True)
        chosen = self._succession.chosen
        return {
            "registry": self._succession.registry,
            "versions": {alias: one.version for alias, one in chosen.items()},
        }

    def stand_down(self, on: bool, reason: str) -> None:
        self._by_hand(self._up(), reason if on else "")
        _log.warning("stand down by hand: %s: %s", "on" if on else "off", reason)
        kept = self.state_folder / STOOD_DOWN
        try:
            kept.write_text(reason) if on else kept.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"{kept}: {error.strerror}; a restart will not know of it: say it again") from None

    def _by_hand(self, desk: Desk, reason: str) -> None:
        desk.core.acting.standing.set("manual", f"stood down by hand: {reason}" if reason else "", desk.now_ns())

    # the desk's side

    def champion_is(self, contender: Any, day: int) -> None:
        self._afterwards.now()
        self._papers.champion_is(contender, day)

    def follow(self, day: TradingDay, out: Decisions) -> None:
        assert self._desk is not None
        stood, printed = self._desk.core.acting.standing.episodes(), day.take_prints()
        self._afterwards.add(lambda: self._tell(day, out, stood, printed))

    def _tell(self, day: TradingDay, out: Decisions, stood: Episodes, printed: Printed) -> None:
        assert self._desk is not None
        self._papers.follow(day, out, stood, printed)
        self._say_broken(self._desk)
        self._status.seen([verdict for verdict, _ in out])
        for verdict, act in out:
            action = decisions.ACTIONS[int(verdict.decision["action"][0])]
            self.metrics.decisions.labels(verdict.contender.version, action, str(act).lower()).inc()

    def end(self, day: TradingDay, bars: int) -> None:
        assert self._desk is not None
        self._afterwards.now()
        self._papers.end(day, bars, self._desk.core.acting.standing.episodes())
        self._looks.want()
        self._say_broken(self._desk)

    def _say_broken(self, desk: Desk) -> None:
        """An account that contradicts itself: nobody acts until somebody has looked."""
        for version, why in self._papers.broken.items():
            if desk.core.acting.standing.add(f"paper:{version}", why, desk.now_ns()):
                _log.error("paper account of %s: %s", version, why)

    def _judge(self) -> None:
        for one in self._succession.chosen.values():
            found = None
            try:
                found = judgement.read(Path(one.judgement)) if one.judgement else None
            except DataError as error:  # statements then say that there is none
                _log.error("%s", error)
            self._papers.judgements[one.version] = found

    # what goes on by itself

    async def _look(self, anew: bool = False) -> None:
        """Ask the registry who stands where, and follow. anew: with what could not start before, too."""
        if await self._succession.follow(self._up(), self._snapshots, anew):
            self._judge()

    async def _kept_up(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """A task that must not end: if it does, nobody acts any more, and it is said."""
        try:
            await work()
        except Exception as error:
            self._has_stopped(name, error)

    def _has_stopped(self, name: str, error: Exception) -> None:
        assert self._desk is not None
        standing, now = self._desk.core.acting.standing, self._desk.now_ns()
        standing.add(name, f"{name} has stopped: {error}; restart the service", now)
        _log.error("%s", name, exc_info=error)

    async def _tick(self) -> None:
        """Time passes for the desk."""
        desk, stuck = self._up(), ""
        while True:
            await asyncio.sleep(TICK_S)
            try:
                desk.tick()
                now = ""
            except Unavailable as error:
                now = str(error)
            if now != stuck:
                desk.core.acting.standing.set("disk", now, desk.now_ns())
                _log.error("%s", now or "taking events again")
            stuck = now

    async def _watch(self) -> None:
        """Guards that look at the clock, and housekeeping."""
        while True:
            await asyncio.sleep(WATCH_S)
            self._look_around(self._up())
            with contextlib.suppress(Unavailable):
                await asyncio.to_thread(self._papers.save_accounts)
            gc.collect(1)

    def _look_around(self, desk: Desk) -> None:
        """What only time tells."""
        if self.serve.clock == "wall":
            standing, now = desk.core.acting.standing, desk.now_ns()
            standing.set("clock", desk.clock.check(), now)
            standing.replace("stale", desk.feeds.stale(now), now)
            self.metrics.clock_offset_s.set(desk.clock.offset_ns() / 1e9)
        for feed in self._feeds:
            feeding.look(feed, desk)
        with contextlib.suppress(Unavailable):
            self._papers.save_notes()

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self.serve.poll_s)
            try:
                await self._look()
            except (MiaError, OSError) as error:
                self._succession.registry = " ".join(str(error).split())

    def _up(self) -> Desk:
        if self._desk is None or self._starting == "starting":
            raise Unavailable(f"the service is {self._starting or 'not started'}: try again")
        return self._desk
