"""The judgement of a run or of a registered version: what the gates said of the run that made it.

A bundle that is made again is the same version, but it may be judged again, after more trials: the latest counts.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mia_ml.core.errors import DataError, UsageError
from mia_ml.judge import judgement
from mia_ml.judge.judgement import Judgement
from mia_ml.registry import address
from mia_ml.tracking import server, versions

if TYPE_CHECKING:
    from mlflow import MlflowClient

ARTIFACT = "judge/judgement.json"
"""Where a run keeps it among its files."""


@dataclass(frozen=True)
class Judged:
    """version: `name/3`, empty where the run made none. run_id: of the run that holds the judgement."""

    version: str
    run_id: str
    judgement: Judgement


def fetch(asked: address.Address, tracking_uri: str) -> Judged:
    """The latest judgement of a version.

    tracking_uri: as `server.resolve` gives it. Raises UsageError when the store is down or has no such version,
    DataError when the version was never judged or its judgement cannot be read.
    """
    from mlflow.exceptions import MlflowException

    try:
        server.prepare(tracking_uri)
        client = server.client(tracking_uri)
        found = address.find(client, asked)
        version = f"{found.name}/{found.version}"
        try:
            run_id = next(filter(lambda run_id: _has_one(client, run_id), _runs(client, found, version)), "")
        except MlflowException as error:
            raise server.Unreachable(server.first_line(error)) from error
    except server.Unreachable as error:
        raise UsageError(f"{asked} cannot be looked up: {error}; start the store or correct tracking.uri") from None
    if not run_id:
        raise DataError(f"{version} has no judgement: it was registered before the judge existed: run dvc exp run")
    return Judged(version, run_id, _read(client, run_id, version))


def of_run(run_id: str, tracking_uri: str) -> Judged:
    """The judgement of a run. Raises UsageError when the store is down or has no such run, else as `fetch`."""
    from mlflow.exceptions import MlflowException

    try:
        server.prepare(tracking_uri)
        client = server.client(tracking_uri)
        try:
            tags = client.get_run(run_id).data.tags
            judged = _has_one(client, run_id)
        except MlflowException as error:
            if error.error_code in versions.ABSENT:
                raise UsageError(f"the store has no run {run_id}: mlflow ui lists those there are") from None
            raise server.Unreachable(server.first_line(error)) from error
    except server.Unreachable as error:
        raise UsageError(
            f"run {run_id} cannot be looked up: {error}; start the store or correct tracking.uri"
        ) from None
    if not judged:
        raise DataError(f"run {run_id} has no judgement: it tested nothing or is older than the judge: run dvc exp run")
    return Judged(tags.get(versions.VERSION, ""), run_id, _read(client, run_id, f"run {run_id}"))


def _runs(client: "MlflowClient", found: Any, version: str) -> Iterator[str]:
    """Runs that made this version, the latest first."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    made = client.search_runs(experiments, f"tags.{versions.VERSION} = '{version}'", order_by=["start_time DESC"])
    yield from (run.info.run_id for run in made)
    if found.run_id:
        yield found.run_id  # when it was cut off before it got its tag


def _has_one(client: "MlflowClient", run_id: str) -> bool:
    return any(file.path == ARTIFACT for file in client.list_artifacts(run_id, str(Path(ARTIFACT).parent)))


def _read(client: "MlflowClient", run_id: str, version: str) -> Judgement:
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory() as room:
        try:
            came = Path(client.download_artifacts(run_id, ARTIFACT, room))
        except (MlflowException, OSError) as error:
            raise DataError(
                f"{version}: its judgement cannot be downloaded ({server.first_line(error)}); try again"
            ) from error
        try:
            return judgement.read(came)
        except DataError as error:
            raise DataError(str(error).replace(str(came), version)) from None
