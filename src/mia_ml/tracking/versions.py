"""A kept model becomes a version in the registry, and its alias moves there."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient

IDENTITY, KEPT_MS, VERSION = "bundle_sha256", "mia.kept_ms", "model_version"
ARTIFACT_PATH = "model"
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
EXISTS = ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS")


@dataclass(frozen=True)
class Registered:
    """version: `name/3`. line: which version, and where the alias is."""

    version: str
    line: str


def register(client: "MlflowClient", folder: Path, run_id: str) -> Registered:
    """Register `folder`/model as model.json says, as an artifact of the run.

    A version with the same identity is taken instead of a second one. The alias moves to the version, unless it stands
    on one that was kept later: a model that had to wait for its store must not displace its successor.
    """
    model = json.loads((folder / "model.json").read_text())
    version = _version(client, folder, model, run_id)
    holder = aliased(client, model["name"], model["alias"])
    if holder and str(holder.version) != version and int(holder.tags.get(KEPT_MS, 0)) > model["kept_ms"]:
        stays = f"'{model['alias']}' stays at version {holder.version}, which was trained later"
        return Registered(f"{model['name']}/{version}", f"model {model['name']} version {version}; {stays}")
    client.set_model_version_tag(model["name"], version, KEPT_MS, str(model["kept_ms"]))
    client.set_registered_model_alias(model["name"], model["alias"], version)
    return Registered(
        f"{model['name']}/{version}", f"model {model['name']} version {version} is now '{model['alias']}'"
    )


def aliased(client: "MlflowClient", name: str, alias: str) -> Any | None:
    """The version that carries the alias, or None."""
    return _or_none(client.get_model_version_by_alias, name, alias)


def numbered(client: "MlflowClient", name: str, version: str) -> Any | None:
    """The version of that number, or None."""
    return _or_none(client.get_model_version, name, version)


def named(client: "MlflowClient", name: str) -> Any | None:
    """The registered model of that name, or None."""
    return _or_none(client.get_registered_model, name)


def _or_none(ask: Callable[..., Any], *which: str) -> Any | None:
    from mlflow.exceptions import MlflowException

    try:
        return ask(*which)
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
        return None


def _version(client: "MlflowClient", folder: Path, model: Mapping[str, Any], run_id: str) -> str:
    from mlflow.exceptions import MlflowException

    same = client.search_model_versions(f"name = '{model['name']}' and tags.{IDENTITY} = '{model['identity']}'")
    if same:
        return str(same[0].version)
    client.log_artifacts(run_id, str(folder / "model"), ARTIFACT_PATH)
    try:
        client.create_registered_model(model["name"])
    except MlflowException as error:
        if error.error_code not in EXISTS:
            raise
    source = f"{client.get_run(run_id).info.artifact_uri}/{ARTIFACT_PATH}"
    tags = {**model["tags"], IDENTITY: model["identity"], KEPT_MS: str(model["kept_ms"]), "run_id": run_id}
    return str(client.create_model_version(model["name"], source, run_id, tags).version)
