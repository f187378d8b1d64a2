"""A store with judged versions of `mia-es`, made once and copied, and promoters on it, each a process of its own."""

import functools
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store  # noqa: F401, for those who fork from here
from mlflow.tracking._tracking_service import utils

from mia_ml.registry import address, judged, paper_gate, promotion, proof, standing
from mia_ml.registry.promotion import Desk, Moved
from mia_ml.registry.record import Entry
from mia_ml.registry.standing import Standing
from mia_ml.tracking import runs, server
from tests.judge import sample
from tests.processes import PROCESSES
from tests.tracking import store, trees

MODEL = "mia-es"
RECORD = "ledger/promotions.jsonl"
VERSIONS = {"1": "pass", "2": "pass", "3": "pass", "4": "undecidable", "5": "fail", "6": ""}
"""What the last gate of each says; 6 was never judged."""
RULES = paper_gate.Rules(days=30, least_complete=0.98, level=0.95)
PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


@functools.cache
def made() -> Path:
    """The store that is copied."""
    kept = tempfile.TemporaryDirectory(prefix="mia-shelf-")
    _KEPT.append(kept)
    root = store.lay(Path(kept.name))
    for number, status in VERSIONS.items():
        files = {}
        if status:
            path = root / "judgement.json"
            sample.judgement(sample.table("pass", "pass", status)).write(path)
            files = {judged.ARTIFACT: path}
        run = replace(trees.run(root, children=0, files=files), start_ms=trees.START_MS + int(number))
        runs.log(root, store.URI, "tests", run, trees.model(root, MODEL, number * 64))
    return root


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def copy(source: Path, target: Path) -> Path:
    """A store of its own: the places that it names are moved with it. MLflow forgets where the runs of the same number
    had theirs, so one copy is used at a time."""
    utils._artifact_repos_cache.clear()
    target.mkdir(parents=True, exist_ok=True)
    for name in ("mlartifacts", "ledger", "live"):
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)
    shutil.copyfile(source / "mlflow.db", target / "mlflow.db")
    with sqlite3.connect(target / "mlflow.db") as opened:
        for table, column in PLACES:
            opened.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (source.as_uri(), target.as_uri()))
    opened.close()
    return target


def fresh(target: Path) -> Path:
    return copy(made(), target)


def desk(root: Path, who: str = "ana", record: str = RECORD) -> Desk:
    return Desk(server.resolve(store.URI, root), root / record, who)


def promote(root: Path, version: str, stage: Any = "champion", **changes: Any) -> Moved:
    given = {"state": root / "live", "rules": RULES} | changes
    return promotion.promote(desk(root), address.Address(MODEL, version=version), stage, **given)


def rollback(root: Path, **changes: Any) -> Moved:
    return promotion.rollback(desk(root), MODEL, **{"reason": "worse"} | changes)


def crown(root: Path, *versions: str) -> list[Entry]:
    """Make them champions, one after the other."""
    made = []
    for version in versions:
        made.append(promote(root, version, "paper").entry)
        shown(root, version)
        made.append(promote(root, version).entry)
    return made


def days(n: int = 30, **changes: Any) -> list[dict[str, Any]]:
    given = {"bars": 1380, "decided": 1380, "complete": True, "trades": 2, "r": 0.4, "usd": 25.0, "incidents": []}
    return [{"day": 20240101 + i, **given, **changes} for i in range(n)]


def shown(root: Path, version: str, n: int = 30, **changes: Any) -> Path:
    """What paper has shown of a version."""
    path = paper_gate.path_of(root / "live", MODEL, version)
    path.parent.mkdir(parents=True, exist_ok=True)
    edge = {"mean": 0.1, "low": -0.2, "high": 0.4, "unit": "R a trade", "n": 60, "level": 0.95}
    path.write_text(json.dumps({"version": f"{MODEL}/{version}", "days": days(n), "edge": edge} | changes))
    return path


def aliases(root: Path) -> dict[str, str]:
    found = store.client(root).get_registered_model(MODEL).aliases
    return {alias: str(version) for alias, version in found.items() if alias != "candidate"}


def stands(root: Path, alias: str = "champion", here: bool = True) -> Standing | None:
    """here: whether the record is on this machine."""
    return standing.standing(store.client(root), MODEL, alias, root / RECORD if here else None)


def whole(root: Path) -> str:
    return proof.verify(store.client(root), MODEL, root / RECORD)


def by_hand(root: Path, version: str, alias: str = "champion") -> None:
    store.client(root).set_registered_model_alias(MODEL, alias, version)


def work(root: Path, version: str, stage: str, override: str | None, begun: Callable[[], None]) -> None:
    promotion.connected(desk(root).tracking_uri).search_registered_models()  # what is slow the first time
    begun()
    promote(root, version, stage, override=override)


def begun(root: Path, version: str, stage: str = "champion", override: str | None = None) -> BaseProcess:
    """A promoter that is about to begin."""
    event = PROCESSES.Event()
    process = PROCESSES.Process(target=work, args=(root, version, stage, override, event.set))
    process.start()
    assert event.wait(60)
    return process
