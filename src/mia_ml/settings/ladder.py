"""Settings of the ladders; their units stand in conf/ladder."""

from typing import Any

from mia_ml.settings.base import Section


class Ladder(Section):
    title: str
    steps: dict[str, Any]
