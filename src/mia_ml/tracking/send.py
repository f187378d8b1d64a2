"""A kept run on its way to MLflow: each step may have been done before, so each looks first or repeats without effect.

Every run of the tree carries two tags, the name of the kept folder and its place in the tree, by which it is found
again. A run is terminated last, after its children: one that is FINISHED has all that belongs to it.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mia_ml.tracking import server, versions

if TYPE_CHECKING:
    from mlflow import MlflowClient

KEPT, PLACE, PARENT = "mia.kept", "mia.place", "mlflow.parentRunId"
PARAMS_PER_REQUEST, METRICS_PER_REQUEST = 100, 900  # MLflow takes 100 params, and 1,000 values in all
LONGEST_DIGEST = 36  # characters of a data set's fingerprint; the tag data_fingerprint has all of them


@dataclass(frozen=True)
class Arrived:
    """run_id: of the parent. version: `name/3`, or empty without a model. line: what became of the model."""

    run_id: str = ""
    version: str = ""
    line: str = ""


def send(folder: Path, uri: str, root: Path) -> Arrived:
    """Send one kept folder to the store at a resolved `uri`. Raises Unreachable with the reason; the folder stays."""
    record = json.loads((folder / "run.json").read_text())
    with _refusals(uri):
        client = server.client(uri)
        experiment_id = _experiment_id(client, record["experiment"], uri, root)
        run_id = _send_tree(client, experiment_id, _known(client, experiment_id, folder.name), folder, record)
        if not (folder / "model.json").is_file():
            return Arrived(run_id)
        registered = versions.register(client, folder, run_id)
        client.set_tag(run_id, versions.VERSION, registered.version)
        return Arrived(run_id, registered.version, registered.line)


def find(name: str, experiment: str, uri: str) -> Arrived:
    """The run that another process sent from the folder of that name. Raises Unreachable."""
    with _refusals(uri):
        client = server.client(uri)
        found = client.get_experiment_by_name(experiment)
        run = _known(client, found.experiment_id, name).get("") if found else None
        return Arrived(run.info.run_id, run.data.tags.get(versions.VERSION, "")) if run else Arrived()


@contextlib.contextmanager
def _refusals(uri: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever a store, its driver or the network raises
        raise server.Unreachable(f"{server.public(uri)} refused the run: {server.first_line(error)}") from error


def _experiment_id(client: "MlflowClient", name: str, uri: str, root: Path) -> str:
    found = client.get_experiment_by_name(name)
    if found:
        return found.experiment_id
    place = (root / "mlartifacts").as_uri() if uri.startswith(server.SQLITE) else None
    return client.create_experiment(name, artifact_location=place)


def _known(client: "MlflowClient", experiment_id: str, name: str) -> dict[str, Any]:
    """Runs that were created from the folder of that name, by their place in the tree."""
    known: dict[str, Any] = {}
    token = None
    while True:
        page = client.search_runs([experiment_id], f"tags.`{KEPT}` = '{name}'", page_token=token)
        known |= {run.data.tags[PLACE].strip("/"): run for run in page}
        token = page.token
        if not token:
            return known


def _send_tree(
    client: "MlflowClient",
    experiment_id: str,
    known: Mapping[str, Any],
    folder: Path,
    record: Mapping[str, Any],
    place: str = "",
    kept: str = "",
    parent_id: str = "",
) -> str:
    """Send a run and its children; its id."""
    kept = kept or folder.name
    run = known.get(place)
    if run and run.info.status == "FINISHED":
        return run.info.run_id
    if not run:
        tags = record["tags"] | {KEPT: kept, PLACE: f"/{place}"} | ({PARENT: parent_id} if parent_id else {})
        run = client.create_run(experiment_id, record["start_ms"], tags, record["name"])
    run_id = run.info.run_id
    for i, child in enumerate(record.get("children", ())):
        below = f"{place}/{i:04d}".strip("/")
        inside = folder / "children" / f"{i:04d}"
        _send_tree(client, experiment_id, known, inside, child, below, kept, run_id)
    _log_values(client, run_id, record)
    if record.get("data"):
        _log_data(client, run_id, record["data"])
    client.log_artifacts(run_id, str(folder / "files"))
    client.set_terminated(run_id, end_time=record["end_ms"])
    return run_id


def _log_values(client: "MlflowClient", run_id: str, record: Mapping[str, Any]) -> None:
    from mlflow.entities import Metric, Param

    params = [Param(key, value) for key, value in record["params"].items()]
    metrics = [Metric(key, value, record["end_ms"], 0) for key, value in record["metrics"].items()]
    while params or metrics:
        client.log_batch(run_id, metrics[:METRICS_PER_REQUEST], params[:PARAMS_PER_REQUEST])
        del metrics[:METRICS_PER_REQUEST], params[:PARAMS_PER_REQUEST]


def _log_data(client: "MlflowClient", run_id: str, data: Mapping[str, str]) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    digest = data["fingerprint"].rpartition(":")[2].strip()[:LONGEST_DIGEST]
    dataset = Dataset(data["name"], digest, "mia", json.dumps({"source": data["source"]}))
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
