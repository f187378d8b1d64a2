"""Settings of the gates; their units stand in conf/gates."""

from typing import Any

from mia_ml.settings.base import Section


class GateFile(Section):
    title: str
    blocking: bool
    gates: dict[str, Any]
