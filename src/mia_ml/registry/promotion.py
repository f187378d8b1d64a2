"""Promotion as a transaction: what moves a version on, candidate -> paper -> champion, and back.

    1  lock the record; end what a killed promotion has left
    2  the entry: who, why, the gates, fingerprints                          on disk
    3  the entry in MLflow, as tags and artifact: the registry knows it      a second promoter sees it here
    4  the alias moves, in one upsert
    5  the entry that it is done                                             on disk, then in MLflow

Killed before 4, the promotion is withdrawn by whoever comes next: the old version has the alias; killed after 4 it is
finished: the new one has. An alias has one version at every moment. On a machine the lock of the record lets promoters
wait for each other; two machines with a record each, at one registry, find in 3 that the registry's head is not theirs.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mia_ml.core.errors import DataError, UsageError
from mia_ml.registry import address, case, history, marks, paper_gate, record, standing
from mia_ml.registry.history import Stage
from mia_ml.registry.record import Entry, Writer
from mia_ml.tracking import server, versions

if TYPE_CHECKING:
    from mlflow import MlflowClient

FINGERPRINTS = ("data_fingerprint", "code_fingerprint", "config_sha256", versions.IDENTITY, "synthetic", "run_id")
LONGEST_TEXT = 1000  # characters


@dataclass(frozen=True)
class Desk:
    """tracking_uri: as `server.resolve` gives it. record: its file, of one store. who: acts."""

    tracking_uri: str
    record: Path
    who: str


@dataclass(frozen=True)
class Moved:
    """entry: what was done. settled: what a killed promotion had left and became of it, empty when nothing."""

    entry: Entry
    settled: str


def promote(
    desk: Desk,
    asked: address.Address,
    stage: Stage,
    *,
    state: Path,
    rules: paper_gate.Rules,
    reason: str = "",
    override: str | None = None,
) -> Moved:
    """Move a stage's alias to a version.

    state: the folder of the service, which keeps what paper has shown. override: why to go past what stands against
    it; kept for good. Raises UsageError when something stands against it and there is no override, or the store is
    down; DataError when the record, or what paper has shown, does not fit.
    """
    reason = _plain(reason, "--reason")
    if override is not None and not (override := _plain(override, "--override")):
        raise UsageError("an override needs its reason: say it with --override")
    client = connected(desk.tracking_uri)
    with marks.answering(str(asked)):
        found = address.find(client, asked)
    model, version = found.name, str(found.version)
    verdicts = case.judged_as(model, version, desk.tracking_uri)
    with record.writing(desk.record) as writer:
        kept, settled = _ready(client, desk, writer, model)
        held = kept.holder(stage)
        recorded = standing.expected(writer.entries, model, stage)
        if recorded and not kept.has(recorded):
            recorded = ""  # who deletes a version takes its aliases
        if version == held == recorded:
            raise UsageError(f"{model}/{version} is {stage} already")
        held_against = case.build(model, version, stage, verdicts, writer.entries, state, rules)
        against = list(held_against.against)
        if held != recorded:
            moved = standing.moved_by_hand(model, stage, held, recorded)
            against.append(f"{moved}{f' (mia rollback --to-stage {stage} puts it back)' * bool(recorded)}")
        refused = "; ".join(against)
        if refused and override is None:
            raise UsageError(f"{model}/{version} may not become {stage}: {refused}; --override REASON is recorded")
        own = (override,) if refused and override else ()
        before = history.overridden(writer.entries, model, version)
        entry = _carried_out(
            kept,
            writer,
            who=desk.who,
            action="promote",
            model=model,
            version=version,
            stage=stage,
            from_version=held,
            reason=reason or (override or "" if not own else ""),
            refused=refused if own else "",
            override=own[0] if own else "",
            overridden=tuple(dict.fromkeys((*before, *own))),
            allowed=held_against.allowed,
            gates=held_against.gates(),
            fingerprints=held_against.fingerprints
            | {name: found.tags[name] for name in FINGERPRINTS if name in found.tags},
        )
    return Moved(entry, settled)


def rollback(desk: Desk, model: str, stage: Stage = "champion", *, reason: str) -> Moved:
    """Move a stage's alias back to the version that held it before; one that was moved by hand, to where the record has
    it. The gates are not asked again: the entry has those that the version came by. Raises as `promote` does."""
    if not (reason := _plain(reason, "--reason")):
        raise UsageError("a rollback needs its reason: say it with --reason")
    client = connected(desk.tracking_uri)
    with record.writing(desk.record) as writer:
        kept, settled = _ready(client, desk, writer, model)
        held = kept.holder(stage)
        stack = [entry for entry in history.holders(writer.entries, model, stage) if kept.has(entry.version)]
        if stack and held == stack[-1].version:
            stack = stack[:-1]
        if not stack:
            now = f"version {held}" if held else "today"
            raise UsageError(f"nothing to roll back to: on record no version was {stage} of {model} before {now}")
        target = stack[-1]
        entry = _carried_out(
            kept,
            writer,
            who=desk.who,
            action="rollback",
            model=model,
            version=target.version,
            stage=stage,
            from_version=held,
            reason=reason,
            overridden=history.overridden(writer.entries, model, target.version),
            allowed=target.allowed,
            gates=target.gates,
            fingerprints=target.fingerprints,
        )
    return Moved(entry, settled)


def settle(desk: Desk, wait_s: float = 0.0) -> str:
    """End what a killed promotion has left: what became of it in one line, empty when nothing was left.

    Raises UsageError when the store is down or a promotion is under way for longer than `wait_s`, DataError when the
    record does not fit.
    """
    if not desk.record.exists():
        return ""
    with record.writing(desk.record, wait_s) as writer:
        if not writer.entries:
            return ""
        return _ready(connected(desk.tracking_uri), desk, writer, writer.entries[-1].model)[1]


def connected(tracking_uri: str) -> "MlflowClient":
    """A client of a store that answers. Raises UsageError when it does not."""
    try:
        server.prepare(tracking_uri)
    except server.Unreachable as error:
        raise UsageError(f"the registry cannot be asked: {error}; start the store or correct tracking.uri") from None
    return server.client(tracking_uri)


def _ready(client: "MlflowClient", desk: Desk, writer: Writer, model: str) -> tuple[marks.Marks, str]:
    """The registry with all that the record has, and what became of a promotion that was cut off."""
    last, where, settled = history.begun(writer.entries), str(writer.path), ""
    if last:
        theirs = marks.Marks(client, last.model)
        head = marks.fits(theirs.tags(), writer.entries, last.model, where)
        moved = last.number <= head.length and theirs.holder(last.stage) == last.version
        _end(writer, last, "done" if moved else "withdrawn", desk.who)
        theirs.catch_up(writer.entries, where)
        became = "is finished now" if moved else "is withdrawn: the alias had not moved"
        settled = f"entry {last.number}, {last.named} to {last.stage}, was cut off and {became}"
    kept = marks.Marks(client, model)
    kept.catch_up(writer.entries, where)
    return kept, settled


def _carried_out(kept: marks.Marks, writer: Writer, **fields: Any) -> Entry:
    where = str(writer.path)
    entry = writer.append(when_utc=_now(), **fields)
    with _begun(entry):
        kept.publish(writer.entries, where)
        kept.brand(writer.entries, entry.version)
        if marks.fits(kept.tags(), writer.entries, kept.model, where) != writer.head:
            raise DataError(f"{where}: another record was promoted with meanwhile")
        kept.point(entry.stage, entry.version)
        _end(writer, entry, "done", entry.who)
        kept.catch_up(writer.entries, where)
    return entry


@contextlib.contextmanager
def _begun(entry: Entry) -> Iterator[None]:
    try:
        yield
    except (UsageError, DataError) as error:
        told = f"{error}; entry {entry.number} is begun: the next promotion or rollback finishes or withdraws it"
        raise type(error)(told) from None


def _end(writer: Writer, entry: Entry, action: record.Action, who: str) -> None:
    same = {"model": entry.model, "version": entry.version, "stage": entry.stage}
    writer.append(when_utc=_now(), who=who, action=action, of=entry.number, **same)


def _plain(text: str, option: str) -> str:
    """One line that every store takes."""
    plain = " ".join(text.encode("utf-8", "replace").decode().split())
    if len(plain) > LONGEST_TEXT:
        raise UsageError(f"{option} has {len(plain):,} characters: say it in {LONGEST_TEXT:,}")
    return plain


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
