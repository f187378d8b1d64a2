"""Which versions the service runs: asked of the registry in another process, remembered for when it is away."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from mia_ml.core.errors import DataError, UsageError
from mia_ml.scoring import bundle
from serving.child import Child, NoAnswer
from serving.day.rail import Contender
from serving.unavailable import Unavailable

LAST_GOOD = "last_good.json"
AWAY = "the registry cannot be asked"
"""What every answer says while nobody answers."""


class Chosen(msgspec.Struct, frozen=True):
    """A version behind an alias. why: what is wrong with how it came there, empty when nothing is. judgement: a file,
    or empty."""

    version: str
    folder: str
    seal: str
    overridden: str = ""
    why: str = ""
    judgement: str = ""


class Lookout:
    """The process that asks the registry. model, uri, record: as `serving.versions.lookout`. bundles: folder to fetch
    into. answer_s: how long it may take, bundles included."""

    def __init__(self, model: str, uri: str, record: Path, bundles: Path, answer_s: float = 60.0) -> None:
        self.bundles = bundles
        bundles.mkdir(parents=True, exist_ok=True)
        where = (model, uri, str(record), str(bundles))
        self._child = Child("serving.versions.lookout", *where, answer_s=answer_s)

    async def ask(self, aliases: Sequence[str]) -> dict[str, Chosen | str]:
        """For each alias what stands there, or why it cannot be said."""
        try:
            return await self._child.ask({"aliases": list(aliases)}, partial(_answer, aliases))
        except NoAnswer as error:
            return dict.fromkeys(aliases, f"{AWAY}: {error}")

    async def close(self) -> None:
        await self._child.close()


def _answer(aliases: Sequence[str], line: bytes) -> dict[str, Chosen | str]:
    answer = msgspec.json.decode(line, type=dict[str, dict[str, str]])
    if set(answer) != set(aliases):
        raise ValueError("an answer to another question")
    return {
        alias: found["error"] if "error" in found else msgspec.convert(found, Chosen) for alias, found in answer.items()
    }


def remember(bundles: Path, chosen: dict[str, Chosen]) -> None:
    """Keep what is at work, for a start without the registry. Raises Unavailable."""
    beside = bundles / f".{LAST_GOOD}"
    try:
        with beside.open("wb") as file:
            file.write(msgspec.json.encode(chosen))
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, bundles / LAST_GOOD)
    except OSError as error:
        raise Unavailable(f"{beside}: {error.strerror}; a start without the registry would not find it") from None


def last_good(bundles: Path) -> dict[str, Chosen]:
    """What was at work last, by alias; empty when nothing was. Raises DataError when that cannot be read."""
    path = bundles / LAST_GOOD
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Chosen]) if path.is_file() else {}
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{path}: {error}; remove it, the registry is asked then") from None


def of_folder(folder: Path) -> Chosen:
    """A bundle's folder as a version without a registry, named by its seal."""
    seal = bundle.load(folder).seal
    return Chosen(f"local/{seal[:12]}", str(folder), seal)


def load(chosen: Chosen, role: str) -> Contender:
    """Read a version, check that it is the one that was chosen, and replay its golden tape.

    Raises DataError on any mismatch, one line: such a version does not start.
    """
    loaded = bundle.load(Path(chosen.folder))
    if loaded.seal != chosen.seal:
        raise DataError(f"{chosen.folder}: bundle {loaded.seal[:12]} where {chosen.seal[:12]} was registered")
    bundle.verify(loaded)
    return Contender.of(chosen.version, role, chosen.overridden, loaded)


def judged(alias: str, found: Chosen | str) -> Chosen:
    """What stands behind an alias. Raises UsageError when it cannot be said, DataError when it came there by hand."""
    if isinstance(found, str):
        raise UsageError(found)
    if found.why and alias in ("champion", "paper"):
        raise DataError(f"{alias} is {found.version}: {found.why}")
    return found
