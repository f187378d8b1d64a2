"""What a record of promotions says: who holds a stage, who held it before, what was begun and has no end."""

from collections.abc import Iterable, Sequence
from typing import Literal

from mia_ml.registry.record import Entry

Stage = Literal["paper", "champion"]
STAGES: tuple[Stage, ...] = ("paper", "champion")


def begun(entries: Sequence[Entry]) -> Entry | None:
    """The promotion that has no end: under way, or its process was killed. Only the last entry can be one, since
    whoever goes on ends it first."""
    return entries[-1] if entries and not entries[-1].is_end else None


def done(entries: Iterable[Entry], model: str) -> list[Entry]:
    """Promotions and rollbacks of a model that were carried out, in their order."""
    intended: dict[int, Entry] = {}
    found = []
    for entry in entries:
        if not entry.is_end:
            intended[entry.number] = entry
        elif entry.action == "done" and entry.of in intended and entry.model == model:
            found.append(intended[entry.of])
    return found


def holders(entries: Iterable[Entry], model: str, stage: str) -> list[Entry]:
    """The entries that put the versions where they are: the last one's version holds the stage, the one before it is
    what a rollback returns to. What was rolled back from is forgotten: it is promoted again or never returned to."""
    stack: list[Entry] = []
    for entry in done(entries, model):
        if entry.stage != stage:
            continue
        if entry.action == "rollback":
            while stack and stack[-1].version != entry.version:
                stack.pop()
            stack = stack[:-1]
        stack.append(entry)
    return stack


def was_on(entries: Iterable[Entry], model: str, version: str, stage: str) -> bool:
    """Whether a version ever held a stage on the record."""
    return any(entry.version == version and entry.stage == stage for entry in done(entries, model))


def overridden(entries: Sequence[Entry], model: str, version: str) -> tuple[str, ...]:
    """Every reason for which this version went past its gates, in their order; begun promotions count."""
    last = begun(entries)
    acts = done(entries, model) + ([last] if last and last.model == model else [])
    mine = [entry.overridden for entry in acts if entry.version == version]
    return tuple(dict.fromkeys(reason for reasons in mine for reason in reasons))
