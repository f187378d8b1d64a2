"""One run: written to a folder, then sent.

    <root>/reports/pending/<moment>-<hex>/
        run.json      name, experiment, params, metrics, tags, start and end
        files/...     what becomes the run's artifacts, under the same relative paths
        run_id        appears once the store knows the run: sending again continues it

A folder that was sent is removed; one that could not be sent stays and goes out with the next run.
"""

import json
import math
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mia_ml.tracking import server

PENDING = Path("reports") / "pending"
PER_REQUEST = 100  # MLflow takes at most this many params or tags in one request
LONGEST_PARAM = 6000  # characters


@dataclass(frozen=True)
class Sent:
    """What became of a run. run_id: empty while it waits in `waiting`; `line` tells the user."""

    run_id: str
    waiting: tuple[Path, ...]
    line: str


def log_run(
    *,
    root: Path,
    uri: str,
    experiment: str,
    name: str,
    config: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    files: Mapping[str, Path],
    start_ms: int,
) -> Sent:
    """Keep a run; a store that cannot be reached is said in `line`, not raised.

    `files` maps artifact paths to the files to copy. `config` becomes params by dotted name and the artifact
    config.json. A metric that is not finite becomes the tag `undefined.<metric>`.
    """
    root = server.home(root)
    folder = _write(root / PENDING, experiment, name, config, metrics, tags, files, start_ms)
    waiting, run_id, reason = [], "", ""
    for pending in sorted(path for path in folder.parent.iterdir() if (path / "run.json").is_file()):
        try:
            if reason:
                raise server.Unreachable(reason)
            sent = _send(pending, server.resolve(uri, root), root)
            run_id = sent if pending == folder else run_id
            shutil.rmtree(pending)
        except server.Unreachable as error:
            reason = str(error)
            waiting.append(pending)
    if waiting:
        line = f"MLflow: {reason}; {len(waiting)} run(s) kept in {PENDING}/, the next run sends them"
    else:
        line = f"MLflow: run {run_id} in experiment '{experiment}' at {uri}"
    return Sent(run_id, tuple(waiting), line)


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


def _write(
    parent: Path,
    experiment: str,
    name: str,
    config: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    files: Mapping[str, Path],
    start_ms: int,
) -> Path:
    end_ms = time.time_ns() // 1_000_000
    folder = parent / f"{end_ms}-{secrets.token_hex(4)}"
    for relative, source in files.items():
        target = folder / "files" / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    (folder / "files").mkdir(parents=True, exist_ok=True)
    (folder / "files" / "config.json").write_text(json.dumps(config, indent=2))
    finite = {key: float(value) for key, value in metrics.items() if math.isfinite(value)}
    undefined = {f"undefined.{key}": str(value) for key, value in metrics.items() if not math.isfinite(value)}
    run = {
        "experiment": experiment,
        "name": name,
        "params": flatten(config),
        "metrics": finite,
        "tags": dict(tags) | undefined,
        "start_ms": start_ms,
        "end_ms": end_ms,
    }
    half = folder / "run.json.half"  # a folder without run.json was cut off while being written
    half.write_text(json.dumps(run, indent=2))
    half.rename(folder / "run.json")
    return folder


def _send(folder: Path, uri: str, root: Path) -> str:
    """Send a run folder; the run's id. Raises Unreachable."""
    server.prepare(uri)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    run = json.loads((folder / "run.json").read_text())
    try:
        client = MlflowClient(uri)
        run_id = _run_id(client, folder, run, _experiment_id(client, run["experiment"], uri, root))
        params = [Param(key, value) for key, value in run["params"].items()]
        tags = [RunTag(key, value) for key, value in run["tags"].items()]
        for i in range(0, max(len(params), len(tags)), PER_REQUEST):
            client.log_batch(run_id, params=params[i : i + PER_REQUEST], tags=tags[i : i + PER_REQUEST])
        client.log_batch(run_id, [Metric(key, value, run["end_ms"], 0) for key, value in run["metrics"].items()])
        client.log_artifacts(run_id, str(folder / "files"))
        client.set_terminated(run_id, end_time=run["end_ms"])
    except Exception as error:  # whatever a store, its driver or the network raises: the folder stays
        raise server.Unreachable(f"{uri} refused the run: {server.first_line(error)}") from error
    return run_id


def _experiment_id(client: Any, name: str, uri: str, root: Path) -> str:
    found = client.get_experiment_by_name(name)
    if found:
        return found.experiment_id
    place = (root / "mlartifacts").as_uri() if uri.startswith(server.SQLITE) else None
    return client.create_experiment(name, artifact_location=place)


def _run_id(client: Any, folder: Path, run: Mapping[str, Any], experiment_id: str) -> str:
    known = folder / "run_id"
    if known.is_file():
        return known.read_text()
    created = client.create_run(experiment_id, start_time=run["start_ms"], run_name=run["name"])
    known.write_text(created.info.run_id)
    return created.info.run_id
