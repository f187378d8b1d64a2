"""Planted leaks, one a file. A file dropped in here is part of the catalogue; nothing else has to know of it.

Each file has a docstring that says what the leak is and how it gets into honest work, and

    leaking(history: History) -> Claims     the research with the leak
    clean(history: History) -> Claims       the same done right, where there is such a thing
"""

import importlib
import pkgutil
from dataclasses import dataclass

from mia_ml.canaries.examination import Procedure
from mia_ml.core.errors import DataError


@dataclass(frozen=True)
class Canary:
    """about: its docstring's first line."""

    name: str
    about: str
    leaking: Procedure
    clean: Procedure | None


def load() -> tuple[Canary, ...]:
    """Every canary of this folder, by name. Raises DataError for a file without `leaking` or without a docstring."""
    found = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda each: each.name):
        planted = importlib.import_module(f"{__name__}.{module.name}")
        leaking = getattr(planted, "leaking", None)
        if leaking is None or not planted.__doc__:
            raise DataError(f"{planted.__file__}: no canary: give it a docstring and leaking(history) -> Claims")
        about = planted.__doc__.strip().splitlines()[0]
        found.append(Canary(module.name, about, leaking, getattr(planted, "clean", None)))
    return tuple(found)
