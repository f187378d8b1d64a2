"""Who holds an alias, and whether a promotion put it there: anyone who can open the MLflow UI can move it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mia_ml.core.errors import DataError
from mia_ml.registry import history, marks, record
from mia_ml.registry.record import Entry
from mia_ml.tracking import versions

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Standing:
    """version: its number. seal: of the bundle that was registered. overridden: why it went past its gates, empty when
    it did not. on_record: a promotion or rollback put it where it is; else `why` says in one line what is wrong."""

    version: str
    seal: str
    overridden: str
    on_record: bool
    why: str


def standing(client: "MlflowClient", model: str, alias: str, path: Path | None) -> Standing | None:
    """Who holds an alias of a model; None when nobody does.

    path: of the record; where there is none on this machine, what promotions left in MLflow is checked instead. While a
    promotion is under way both its versions stand on record. Aliases other than `paper`, `champion` and `previous` are
    not moved by promotions, so they are never on record. Raises UsageError when the store is down.
    """
    kept = marks.Marks(client, model)
    with marks.answering(f"{model}@{alias}"):
        found = versions.aliased(client, model, alias)
    if found is None:
        return None
    number, branded = str(found.version), found.tags.get(marks.OVERRIDE, "")
    why, reasons = "", tuple[str, ...]()
    try:
        entries = record.read(path) if path else []
        if entries:
            why = _against_record(kept, entries, alias, number, str(path))
            reasons = history.overridden(entries, model, number)
        elif alias in history.STAGES:
            why, reasons = _against_marks(kept, alias, number)
        else:
            why = f"there is no record here that says who is '{alias}'"
    except DataError as error:
        why = str(error)
    overridden = "; ".join(reasons) or branded
    return Standing(number, found.tags.get(versions.IDENTITY, ""), overridden, not why, why)


def expected(entries: Sequence[Entry], model: str, alias: str) -> str:
    """The number of the version that the record has behind an alias, empty when none."""
    if alias == marks.PREVIOUS:
        stack = history.holders(entries, model, "champion")[:-1]
    else:
        stack = history.holders(entries, model, alias)
    return stack[-1].version if stack else ""


def moved_by_hand(model: str, alias: str, found: str, recorded: str) -> str:
    """
    >>> moved_by_hand("mia-es", "champion", "5", "3")
    'mia-es@champion is at version 5 where the record has version 3: it was moved by hand, or by another record'
    """
    has = f"version {recorded}" if recorded else "none"
    at = f"at version {found}" if found else "nowhere"
    return f"{model}@{alias} is {at} where the record has {has}: it was moved by hand, or by another record"


def _against_record(kept: marks.Marks, entries: Sequence[Entry], alias: str, number: str, where: str) -> str:
    head = marks.fits(kept.tags(), entries, kept.model, where)
    if alias not in (*history.STAGES, marks.PREVIOUS):
        return f"promotions do not move '{alias}'"
    recorded, last = expected(entries, kept.model, alias), history.begun(entries)
    on_the_way = (
        last is not None
        and (last.model, last.stage, last.version) == (kept.model, alias, number)
        and last.number <= head.length
    )
    return "" if on_the_way or number == recorded else moved_by_hand(kept.model, alias, number, recorded)


def _against_marks(kept: marks.Marks, alias: str, number: str) -> tuple[str, tuple[str, ...]]:
    """Why it is not on record, and the reasons of its overrides."""
    known = marks.marks_in(kept.tags(), alias)
    mine = [mark for mark in known if mark.version == number]
    if not mine:
        return moved_by_hand(kept.model, alias, number, known[0].version if known else ""), ()
    entry = kept.entry(mine[-1])
    if (entry.model, entry.version, entry.stage) != (kept.model, number, alias):
        return f"entry {entry.number} of the record is of {entry.named} and {entry.stage}", ()
    return "", entry.overridden
