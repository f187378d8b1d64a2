"""Days that are over are run again from their logs, one at a time, and held against what was sent.

Until that is done a day's notes say that it is not, and it counts for nothing. The notes are the queue: whatever ends
the look, or the service, the day still waits.
"""

import asyncio
import dataclasses
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from mia_ml.store.rules import Rules
from serving.child import Child, NoAnswer
from serving.papers.books import Papers
from serving.unavailable import Unavailable

ANSWER_S, AGAIN_S = 3600.0, 60.0
"""How long a look may take, and after how long one that came to nothing is tried again."""
_log = logging.getLogger("mia.looks")


class Answer(msgspec.Struct, frozen=True):
    """difference: empty when there is none. failed: why it cannot be said, empty when it can."""

    difference: str = ""
    failed: str = ""


class Looks:
    """papers: whose days they are. bundle_of: the folder of a version's bundle. state, tables: folders of the service.
    rules: of the screening."""

    def __init__(
        self, papers: Papers, bundle_of: Callable[[str], Path], state: Path, tables: Path, rules: Rules
    ) -> None:
        self._papers = papers
        self._bundle_of = bundle_of
        self._where = {"state": str(state), "tables": str(tables), "rules": dataclasses.asdict(rules)}
        self._child = Child("serving.day.lookback", answer_s=ANSWER_S)
        self._wanted = asyncio.Event()
        self._wanted.set()

    def want(self) -> None:
        """A day is over."""
        self._wanted.set()

    async def run(self) -> None:
        """For as long as the service does: what waited when it was started, and every day that ends."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if not await self._all():
                self._wanted.set()
                await asyncio.sleep(AGAIN_S)

    async def close(self) -> None:
        await self._child.close()

    async def _all(self) -> bool:
        """Every day that waits, the oldest first; whether none does any more."""
        done = True
        try:
            for day, versions in self._papers.unseen().items():
                done = await self._one(day, versions) and done
        except Unavailable as error:
            _log.warning("%s; days that are over are looked at later", error)
            return False
        return done

    async def _one(self, day: int, versions: list[str]) -> bool:
        """Whether there was an answer, and it is in the notes."""
        bundles = {version: str(self._bundle_of(version)) for version in versions}
        try:
            answer = await self._child.ask(
                {"day": day, "versions": bundles, **self._where}, partial(msgspec.json.decode, type=Answer)
            )
            if answer.failed:
                raise NoAnswer(answer.failed)
            self._papers.seen(day, versions, answer.difference)
            if answer.difference:
                _log.error("parity of %s: %s", day, answer.difference)
            return True
        except (NoAnswer, Unavailable) as error:
            _log.warning("%s could not be run again from its log: %s; it is tried again", day, error)
            return False
        finally:
            await self._child.close()
