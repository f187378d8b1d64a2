"""Does the record of promotions hold what happened? Its chain, its anchors in MLflow, the aliases; and its return."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mia_ml.core.errors import DataError, UsageError
from mia_ml.registry import history, marks, record, standing

if TYPE_CHECKING:
    from mlflow import MlflowClient


def verify(client: "MlflowClient", model: str, path: Path) -> str:
    """Check the record at `path` against what promotions left in MLflow, for `model` and every other that it names.

    What was found whole, in one line; entries of versions that were deleted have but the chain. Raises DataError that
    names the first entry, or alias, that does not fit.
    """
    entries = record.read(path)
    anchors = 0
    for name in dict.fromkeys([model, *(entry.model for entry in entries)]):
        kept = marks.Marks(client, name)
        head = marks.fits(kept.tags(), entries, name, str(path))
        carried, there = kept.everything(), {str(version.version) for version in kept.versions()}
        for number, entry in sorted(carried.items()):
            if number > len(entries) or entries[number - 1] != entry:
                raise DataError(f"{path}: entry {number} is not the one that {entry.named} carries in the registry")
        for entry in entries[: head.length]:
            if entry.model == name and entry.version in there and entry.number not in carried:
                tag = f"{marks.ENTRY}.{entry.number}"
                raise DataError(f"{path}: entry {entry.number}: {entry.named} has lost its tag {tag}")
        for alias in (*history.STAGES, marks.PREVIOUS):
            recorded = standing.expected(entries, name, alias)
            _check_alias(client, kept, alias, path, recorded if recorded in there else "")
        anchors += len(carried)
    return f"{path}: whole: {len(entries):,} entries in one chain, {anchors:,} of them found again in the registry"


def restore(client: "MlflowClient", path: Path) -> int:
    """Bring to the record at `path` every entry that the registry has in addition; how many came.

    Raises UsageError when the registry has none, DataError when what is there does not begin it or it has holes.
    """
    with marks.answering("registered models"):
        models = [found.name for found in client.search_registered_models() if marks.HEAD in found.tags]
    if not models:
        raise UsageError("the registry has no entry of a record: nothing was promoted there")
    carried = _numbered(marks.Marks(client, name) for name in models)
    whole = record.parse(b"".join(record.line(carried[number]) for number in sorted(carried)), "the registry's record")
    with record.writing(path) as writer:
        there = len(writer.entries)
        if writer.entries != whole[:there]:
            raise DataError(f"{path}: is not what the registry's record begins with: move it away and restore again")
        for entry in whole[there:]:
            writer.bring(entry)
    return len(whole) - there


def _numbered(registry: Iterable[marks.Marks]) -> dict[int, record.Entry]:
    return {number: entry for kept in registry for number, entry in kept.everything().items()}


def _check_alias(client: "MlflowClient", kept: marks.Marks, alias: str, path: Path, recorded: str) -> None:
    found = standing.standing(client, kept.model, alias, path)
    if found is None and recorded:
        raise DataError(standing.moved_by_hand(kept.model, alias, "", recorded))
    if found is not None and not found.on_record:
        raise DataError(found.why)
