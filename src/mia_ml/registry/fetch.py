"""A registered bundle as a local folder: its files are downloaded, the model is never loaded, so nothing runs."""

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mia_ml.core.errors import DataError, UsageError
from mia_ml.registry import address
from mia_ml.registry.model import BUNDLE
from mia_ml.scoring import bundle
from mia_ml.tracking import server, versions

if TYPE_CHECKING:
    from mlflow import MlflowClient


def fetch(uri: str, tracking_uri: str, into: Path) -> Path:
    """The bundle folder of `models:/name@alias` or `models:/name/version`, as `into`/name-version.

    tracking_uri: as `server.resolve` gives it. A version never changes: one that is there and whole is not downloaded
    again. Raises UsageError when the store is down or has no such version, DataError when what came is not the bundle
    that was registered.
    """
    asked = address.parse(uri)
    try:
        server.prepare(tracking_uri)
        client = server.client(tracking_uri)
        found = address.find(client, asked)
        target = into / f"{found.name}-{found.version}"
        if not _is_bundle(target, found.tags.get(versions.IDENTITY)):
            _download(client, tracking_uri, found, target)
    except server.Unreachable as error:
        raise UsageError(f"{uri} cannot be fetched: {error}; start the store or correct tracking.uri") from None
    return target


def _is_bundle(folder: Path, seal: str | None) -> bool:
    try:
        return bundle.load(folder).seal == seal
    except DataError:
        return False


def _download(client: "MlflowClient", tracking_uri: str, found: Any, target: Path) -> None:
    """Beside the target first, checked, then under its name."""
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as room:
        try:
            source = client.get_model_version_download_uri(found.name, str(found.version))
            came = Path(get_artifact_repository(source, tracking_uri).download_artifacts(BUNDLE, room))
        except (MlflowException, OSError) as error:
            raise DataError(
                f"{found.name} version {found.version}: its bundle cannot be downloaded ({server.first_line(error)}); "
                "try again, or register it again"
            ) from error
        seal, registered = bundle.load(came).seal, found.tags.get(versions.IDENTITY)
        if seal != registered:
            raise DataError(
                f"{found.name} version {found.version}: bundle {seal[:12]} came where {str(registered)[:12]} was "
                "registered; register it again"
            )
        shutil.rmtree(target, ignore_errors=True)
        came.rename(target)
