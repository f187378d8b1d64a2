"""Which registered version is meant: models:/NAME@ALIAS, models:/NAME/VERSION, or a bare alias or number of a model."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mia_ml.core.errors import UsageError
from mia_ml.tracking import server, versions

if TYPE_CHECKING:
    from mlflow import MlflowClient

_URI = re.compile(r"models:/(?P<name>[\w. -]+)(@(?P<alias>[\w.-]+)|/(?P<version>[0-9]+))")


@dataclass(frozen=True)
class Address:
    """Of a version: by its alias, or by its number as text. The other one is empty."""

    name: str
    alias: str = ""
    version: str = ""

    def __str__(self) -> str:
        """
        >>> str(parse("paper", "mia-es")), str(parse("3", "mia-es")), str(parse("models:/mia-es@paper"))
        ('models:/mia-es@paper', 'models:/mia-es/3', 'models:/mia-es@paper')
        """
        return f"models:/{self.name}" + (f"@{self.alias}" if self.alias else f"/{self.version}")


def parse(text: str, model: str = "") -> Address:
    """model: whose alias or number a bare one is; without it only a whole address will do. Raises UsageError."""
    asked = _URI.fullmatch(text)
    if asked:
        return Address(asked["name"], asked["alias"] or "", asked["version"] or "")
    if model and re.fullmatch(r"[\w.-]+", text):
        return Address(model, version=text) if text.isdecimal() else Address(model, alias=text)
    bare = ", or a number or an alias" if model else ""
    raise UsageError(f"'{text}' names no version: write models:/NAME@ALIAS or models:/NAME/VERSION{bare}")


def find(client: "MlflowClient", address: Address) -> Any:
    """The version in the registry. Raises UsageError with those that there are, Unreachable when the store is down."""
    from mlflow.exceptions import MlflowException

    name, alias, version = address.name, address.alias, address.version
    try:
        found = versions.aliased(client, name, alias) if alias else versions.numbered(client, name, version)
        if found:
            return found
        there = sorted(int(found.version) for found in client.search_model_versions(f"name = '{name}'"))
        if not there:
            raise UsageError(f"no model '{name}' is registered: run the register stage first")
        aliases = client.get_registered_model(name).aliases
    except MlflowException as error:
        raise server.Unreachable(server.first_line(error)) from error
    known = [f"@{alias}" for alias in sorted(aliases)] + [f"/{number}" for number in there]
    asked = f"alias '{alias}'" if alias else f"version {version}"
    raise UsageError(f"model '{name}' has no {asked}: ask for {', '.join(known)}")
