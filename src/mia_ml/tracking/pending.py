"""Runs that wait to be sent.

    <root>/reports/pending/<moment>-<hex>/
        run.json                experiment, name, params, metrics, tags, data, start and end; the same for each child
        files/...               what becomes the run's artifacts, under the same relative paths
        children/0000/files/... and those of its children
        model.json, model/...   the MLflow model that the run registers

A folder appears whole, under its name, and is taken away whole.
"""

import contextlib
import fcntl
import json
import math
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FOLDER = Path("reports") / "pending"
LONGEST_PARAM = 6000  # characters, MLflow's limit
HALF, SENT = ".half-", ".sent-"


@dataclass(frozen=True)
class Data:
    """The data a run stands on. fingerprint: of the tables, its algorithm before a colon or absent."""

    name: str
    fingerprint: str
    source: str


@dataclass(frozen=True)
class Run:
    """What a run shows.

    config becomes params by dotted name and the artifact config.json; files maps artifact paths to the files to copy.
    start_ms, end_ms: UTC; without an end the run ends when it is kept.
    """

    name: str
    config: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    files: Mapping[str, Path]
    start_ms: int
    end_ms: int | None = None
    data: Data | None = None
    children: tuple["Run", ...] = ()


@dataclass(frozen=True)
class Model:
    """An MLflow model folder to register. identity: of its content; the same identity is never a second version."""

    folder: Path
    name: str
    alias: str
    identity: str
    tags: Mapping[str, str]


def keep(parent: Path, experiment: str, run: Run, model: Model | None = None) -> Path:
    """Write a run with all that it needs to be sent later; its folder."""
    now_ms = time.time_ns() // 1_000_000
    folder = parent / f"{now_ms}-{secrets.token_hex(4)}"
    half = parent / f"{HALF}{folder.name}"
    half.mkdir(parents=True)
    record = {"experiment": experiment} | _record(run, half, now_ms)
    if model:
        shutil.copytree(model.folder, half / "model")
        described = {key: value for key, value in asdict(model).items() if key != "folder"}
        (half / "model.json").write_text(json.dumps(described | {"kept_ms": now_ms}, indent=2))
    (half / "run.json").write_text(json.dumps(record, indent=2))
    half.rename(folder)
    return folder


def waiting(parent: Path) -> list[Path]:
    """Folders to be sent, oldest first."""
    return sorted(path.parent for path in parent.glob("[!.]*/run.json"))


@contextlib.contextmanager
def alone(parent: Path) -> Iterator[None]:
    """One process sends at a time: queued experiments share a repository."""
    parent.mkdir(parents=True, exist_ok=True)
    with open(parent / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in parent.glob(f"{SENT}*"):
            shutil.rmtree(left)
        yield


def done(folder: Path) -> None:
    """Take a sent folder away; cut off in the middle, the next `alone` finishes it."""
    shutil.rmtree(folder.rename(folder.with_name(SENT + folder.name)))


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as params.

    >>> flatten({"costs": {"slippage_ticks": 1.0}, "blackout": []})
    {'costs.slippage_ticks': '1.0', 'blackout': '[]'}
    """
    params: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            params |= flatten(value, f"{prefix}{key}.")
        else:
            params[prefix + str(key)] = str(value)[:LONGEST_PARAM]
    return params


def _record(run: Run, folder: Path, now_ms: int) -> dict[str, Any]:
    for relative, source in run.files.items():
        target = folder / "files" / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    (folder / "files").mkdir(parents=True, exist_ok=True)
    (folder / "files" / "config.json").write_text(json.dumps(run.config, indent=2))
    undefined = {f"undefined.{key}": str(value) for key, value in run.metrics.items() if not math.isfinite(value)}
    return {
        "name": run.name,
        "params": flatten(run.config),
        "metrics": {key: float(value) for key, value in run.metrics.items() if math.isfinite(value)},
        "tags": dict(run.tags) | undefined,
        "start_ms": run.start_ms,
        "end_ms": now_ms if run.end_ms is None else run.end_ms,
        "data": asdict(run.data) if run.data else None,
        "children": [_record(child, folder / "children" / f"{i:04d}", now_ms) for i, child in enumerate(run.children)],
    }
