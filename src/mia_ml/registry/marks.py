"""What promotions leave in MLflow: aliases, tags and the entries, so that the record can be checked and brought back.

alias champion, paper    the version that holds the stage; moving it is one upsert
alias previous           what a rollback of the champion returns to
tag of the model         mia.promotions            "12 <sha256>": the head of the record
                         mia.promotion.champion    "11/3/<sha256>": the entry that put version 3 there; two of them,
                                                   with a space between, while the second is under way
tag of a version         mia.promotion.11          <sha256> of the entry, never changed
                         mia.override              why it went past its gates
run of a version         promotion/11.json         the entry
"""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mia_ml.core.errors import DataError, MiaError, UsageError
from mia_ml.registry import address, history, record
from mia_ml.registry.record import Entry, Head
from mia_ml.tracking import server, versions

if TYPE_CHECKING:
    from mlflow import MlflowClient

HEAD, ENTRY, OVERRIDE, PREVIOUS = "mia.promotions", "mia.promotion", "mia.override", "previous"
FOLDER = "promotion"


class Mark(NamedTuple):
    """What the model's tag of a stage says: the entry that put a version there."""

    number: int
    version: str
    sha256: str


class Marks:
    """One registered model. Every method raises UsageError, one line, when the store does not answer."""

    def __init__(self, client: "MlflowClient", model: str) -> None:
        self.client, self.model = client, model

    def version(self, number: str) -> Any:
        with answering(f"{self.model}/{number}"):
            return address.find(self.client, address.Address(self.model, version=number))

    def holder(self, alias: str) -> str:
        """The number of the version that holds an alias, empty when none does."""
        with answering(f"{self.model}@{alias}"):
            found = versions.aliased(self.client, self.model, alias)
            return str(found.version) if found else ""

    def tags(self) -> dict[str, str]:
        """Those of the model."""
        with answering(self.model):
            found = versions.named(self.client, self.model)
        if found is None:
            raise UsageError(f"no model '{self.model}' is registered: run the register stage first")
        return dict(found.tags)

    def point(self, alias: str, version: str) -> None:
        with answering(f"{self.model}@{alias}"):
            self.client.set_registered_model_alias(self.model, alias, version)

    def keep_previous(self, entries: Sequence[Entry]) -> None:
        """Have `previous` where a rollback of the champion would return to."""
        stack = history.holders(entries, self.model, "champion")
        wanted, found = stack[-2].version if len(stack) > 1 else "", self.holder(PREVIOUS)
        wanted = wanted if wanted and self.has(wanted) else ""
        with answering(f"{self.model}@{PREVIOUS}"):
            if wanted and wanted != found:
                self.client.set_registered_model_alias(self.model, PREVIOUS, wanted)
            elif found and not wanted:
                self.client.delete_registered_model_alias(self.model, PREVIOUS)

    def publish(self, entries: Sequence[Entry], where: str) -> None:
        """Keep in tags and runs what they lack of the record, the head last. Raises DataError as `catch_up` does."""
        tags = self.tags()
        head = fits(tags, entries, self.model, where)
        for entry in entries[head.length :]:
            if entry.model == self.model:
                self._keep(entry)
        for stage in history.STAGES:
            self._tag(tags, f"{ENTRY}.{stage}", marking(entries, self.model, stage))
        self._tag(tags, HEAD, "{} {}".format(*record.head_of(entries)))

    def brand(self, entries: Sequence[Entry], version: str) -> None:
        """Say on the version, by tag and description, why it went past its gates; the tag before the alias moves."""
        found, reasons = self._found(version), "; ".join(history.overridden(entries, self.model, version))
        if found is None:
            return
        description = found.description or ""
        for entry in history.done(entries, self.model):
            said = f"OVERRIDDEN to {entry.stage} by {entry.who}, {entry.when_utc}: {entry.override}"
            if entry.version == version and entry.override and said not in description:
                description = f"{description}\n\n{said}".strip()
        with answering(f"{self.model}/{version}"):
            if reasons and found.tags.get(OVERRIDE) != reasons:
                self.client.set_model_version_tag(self.model, version, OVERRIDE, reasons)
            elif not reasons and OVERRIDE in found.tags:
                self.client.delete_model_version_tag(self.model, version, OVERRIDE)
            if description != (found.description or ""):
                self.client.update_model_version(self.model, version, description)

    def catch_up(self, entries: Sequence[Entry], where: str) -> None:
        """Bring here what a record has in addition, the head last: what was cut off is gone on with.

        Raises DataError when the record is not the one that is known here.
        """
        head = fits(self.tags(), entries, self.model, where)
        behind = [entry for entry in entries[head.length :] if entry.model == self.model]
        if behind:
            self.brand(entries, behind[-1].version)
            self.keep_previous(entries)
            self.publish(entries, where)

    def entry(self, mark: Mark) -> Entry:
        """The entry of a mark, from the version's run. Raises DataError when it is not what was marked."""
        version = self.version(mark.version)
        sealed = version.tags.get(f"{ENTRY}.{mark.number}", "")
        if sealed != mark.sha256:
            raise DataError(
                f"{self.model}/{mark.version}: its tag {ENTRY}.{mark.number} is '{sealed[:12]}', the model's "
                f"{mark.sha256[:12]}"
            )
        return self._kept(version, mark.number, mark.sha256)

    def versions(self) -> list[Any]:
        with answering(self.model):
            return list(self.client.search_model_versions(f"name = '{self.model}'"))

    def everything(self) -> dict[int, Entry]:
        """Every entry that versions of this model carry, by number. Raises DataError as `entry` does."""
        kept = {}
        for version in self.versions():
            for number, sealed in entry_tags(version):
                kept[number] = self._kept(version, number, sealed)
        return kept

    def _kept(self, version: Any, number: int, sealed: str) -> Entry:
        place, asked = f"{FOLDER}/{number}.json", f"{self.model}/{version.version}"
        with answering(asked), tempfile.TemporaryDirectory() as room:
            try:
                came = Path(self.client.download_artifacts(version.run_id, place, room)).read_bytes()
            except Exception as error:
                raise DataError(f"{asked}: its run has no {place}: {server.first_line(error)}") from None
        try:
            entry = record.Entry.model_validate_json(came)
        except ValueError:
            entry = None
        if entry is None or record.line(entry) != came or record.sealed(entry) != entry or entry.sha256 != sealed:
            raise DataError(f"{asked}: {place} of its run is not the entry {sealed[:12]} that was kept there")
        return entry

    def _keep(self, entry: Entry) -> None:
        version = self._found(entry.version)
        if version is None:
            return
        with answering(entry.named):
            self.client.log_text(version.run_id, record.line(entry).decode(), f"{FOLDER}/{entry.number}.json")
            self.client.set_model_version_tag(self.model, entry.version, f"{ENTRY}.{entry.number}", entry.sha256)

    def has(self, number: str) -> bool:
        """Whether the version is still there: anybody may delete one."""
        return self._found(number) is not None

    def _found(self, number: str) -> Any | None:
        with answering(f"{self.model}/{number}"):
            return versions.numbered(self.client, self.model, number)

    def _tag(self, tags: dict[str, str], name: str, value: str) -> None:
        if tags.get(name, "") != value:
            with answering(self.model):
                self.client.set_registered_model_tag(self.model, name, value)


def head_in(tags: dict[str, str]) -> Head:
    """The head that a model's tags keep, 0 entries where they have none. Raises DataError when it is none."""
    text = tags.get(HEAD, f"0 {record.NOTHING_BEFORE}")
    count, _, sha256 = text.partition(" ")
    if not count.isdecimal():
        raise DataError(f"tag {HEAD} is '{text[:40]}', which no promotion wrote")
    return Head(int(count), sha256)


def marks_in(tags: dict[str, str], stage: str) -> list[Mark]:
    """What the model's tag of a stage says, the newest last. Raises DataError when it is no mark."""
    text = tags.get(f"{ENTRY}.{stage}", "")
    try:
        return [Mark(int(number), version, sha) for number, version, sha in (one.split("/") for one in text.split())]
    except ValueError:
        raise DataError(f"tag {ENTRY}.{stage} is '{text[:40]}', which no promotion wrote") from None


def marking(entries: Sequence[Entry], model: str, stage: str) -> str:
    """The tag that says who holds a stage, and who is on the way there."""
    shown = history.holders(entries, model, stage)[-1:]
    last = history.begun(entries)
    if last and (last.model, last.stage) == (model, stage):
        shown.append(last)
    return " ".join(f"{entry.number}/{entry.version}/{entry.sha256}" for entry in shown)


def entry_tags(version: Any) -> list[tuple[int, str]]:
    """Numbers and sha256 of the entries that a version's tags name."""
    found = ((name.removeprefix(f"{ENTRY}."), value) for name, value in version.tags.items() if name.startswith(ENTRY))
    return sorted((int(number), value) for number, value in found if number.isdecimal())


def fits(tags: dict[str, str], entries: Sequence[Entry], model: str, where: str) -> Head:
    """The head that a model's tags keep, which the record begins with. Raises DataError when it does not.

    Behind the head there may be what a kill has left: no alias moves before its entry is known here, so a promotion
    that is done is no such thing.
    """
    head = head_in(tags)
    record.check(entries, head, where, "the registry")
    behind = [entry for entry in entries[head.length :] if entry.model == model]
    if len(behind) > 2 or (len(behind) == 2 and behind[1].action != "withdrawn"):
        raise DataError(
            f"{where}: entry {behind[0].number} of {model} is unknown to the registry: it was put in by hand, or this "
            "is the record of another store: set promotion.record to a file of its own"
        )
    return head


@contextlib.contextmanager
def answering(what: str) -> Iterator[None]:
    """Whatever a store, its driver or the network raises, as one line."""
    try:
        yield
    except MiaError:
        raise
    except Exception as error:
        why = server.first_line(error)
        raise UsageError(f"{what} cannot be looked up: {why}; start the store or correct tracking.uri") from None
