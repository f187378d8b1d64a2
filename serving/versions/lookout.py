"""Who holds an alias now: a process of its own that asks the registry, so that the service never loads its client.

One JSON object a line comes in, `{"aliases": [...]}`, one goes out: for each alias what stands there, fetched into the
folder of bundles, or why it cannot be said. It ends with its input.
"""

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from mia_ml.core.errors import MiaError, UsageError


def look(model: str, alias: str, uri: str, record: Path, bundles: Path) -> dict[str, Any]:
    """version, folder, seal, overridden, why (empty when it stands there on record); and judgement, a file or empty.

    Raises MiaError in one line.
    """
    from mia_ml.registry import address, fetch, promotion
    from mia_ml.registry.standing import standing

    client = promotion.connected(uri)
    found = standing(client, model, alias, record if record.is_file() else None)
    if found is None:
        address.find(client, address.Address(model, alias=alias))  # says which aliases there are
        raise UsageError(f"model '{model}' has no alias '{alias}'")
    folder = fetch.fetch(f"models:/{model}/{found.version}", uri, bundles)
    return {
        "version": f"{model}/{found.version}",
        "folder": str(folder),
        "seal": found.seal,
        "overridden": found.overridden,
        "why": found.why,
        "judgement": _judgement(model, found.version, uri, bundles),
    }


def _judgement(model: str, version: str, uri: str, bundles: Path) -> str:
    """The judgement of a version as a file, kept beside its bundle; empty when it has none."""
    from mia_ml.registry import address, judged

    kept = bundles / f"{model}-{version}.judgement.json"
    if not kept.is_file():
        try:
            found = judged.fetch(address.Address(model, version=version), uri)
        except MiaError:
            return ""
        beside = kept.with_name(f".{kept.name}")  # who waits no longer for an answer kills this process
        beside.write_text(found.judgement.model_dump_json())
        os.replace(beside, kept)
    return str(kept)


class Asker:
    """Asks in full only when an alias has moved, or the record has changed: the service asks often."""

    def __init__(self, model: str, uri: str, record: Path, bundles: Path) -> None:
        self._where = (model, uri, record, bundles)
        self._known: dict[str, tuple[tuple[str, int], dict[str, Any]]] = {}

    def answer(self, alias: str) -> dict[str, Any]:
        model, uri, record, bundles = self._where
        try:
            seen = (_holder(model, alias, uri), record.stat().st_mtime_ns if record.is_file() else 0)
            if alias not in self._known or self._known[alias][0] != seen:
                self._known[alias] = (seen, look(model, alias, uri, record, bundles))
            return self._known[alias][1]
        except (MiaError, OSError) as error:
            self._known.pop(alias, None)
            return {"error": " ".join(str(error).split())}


def _holder(model: str, alias: str, uri: str) -> str:
    from mia_ml.registry import marks, promotion

    return marks.Marks(promotion.connected(uri), model).holder(alias)


def settle(uri: str, record: Path) -> None:
    """Finish or withdraw a promotion that was killed, unless somebody is at it."""
    from mia_ml.registry import promotion

    with contextlib.suppress(MiaError, OSError):  # whatever stands in its way, the next promotion says it
        if record.is_file():
            promotion.settle(promotion.Desk(uri, record, "mia serve"))


def main(model: str, uri: str, record: str, bundles: str) -> None:
    settle(uri, Path(record))
    asker = Asker(model, uri, Path(record), Path(bundles))
    for line in sys.stdin:
        print(json.dumps({alias: asker.answer(alias) for alias in json.loads(line)["aliases"]}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
