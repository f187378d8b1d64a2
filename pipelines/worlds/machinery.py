"""Checks of the machinery that are the code's and not a world's: made once for a campaign."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mia_ml.canaries import audit
from mia_ml.judge.judgement import Integrity
from mia_ml.settings import Settings
from mia_ml.sources import simulator
from mia_ml.store import audit as data_audit
from mia_ml.store.ingest import ingest
from mia_ml.store.rules import Rules
from pipelines.market import engine_parameters
from pipelines.worlds.world import Task

AUDITED_DAYS = 10


def checked(chosen: Settings) -> list[dict[str, Any]]:
    """The leak canaries, and the data audit of the first days of a world as `ingest` writes them."""
    return [check.model_dump() for check in (_canaries(chosen), _audited(chosen))]


def read(path: Path) -> Sequence[Integrity]:
    return tuple(Integrity(**check) for check in json.loads(path.read_text()))


def _canaries(chosen: Settings) -> Integrity:
    """The audit's instrument on its own catalogue; what a world itself has leaked would show in its promotion."""
    found = audit.canaries(engine_parameters(chosen, False))
    return found.model_copy(update={"name": "canaries"})


def _audited(chosen: Settings) -> Integrity:
    with tempfile.TemporaryDirectory() as room:
        tables = Path(room) / "tables"
        world = Task("none", 0.0, 0).world(chosen)
        rules = Rules(**chosen.ingest.model_dump(), unique_sequence=True)
        ingest(simulator.read(world, 0, AUDITED_DAYS), tables, rules)
        found = data_audit.audit(tables, data_audit.Limits(**chosen.audit.model_dump()))
    errors = [finding["text"] for finding in found["findings"] if finding["severity"] == "error"]
    detail = errors[0] if errors else f"{AUDITED_DAYS} days of a world ingested and audited"
    return Integrity(name="audit", ok=bool(found["passed"]), detail=detail)
