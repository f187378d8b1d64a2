"""Settings in a bundle are numbers, but for the few that are text or may be absent.

The settings' own rules stand above this room and need a library that live scoring does without. This is what the
arithmetic takes for granted: text times a thousand million, which Python would grant, takes all memory there is.
"""

from collections.abc import Mapping
from typing import Any

from mia_ml.core.errors import DataError

TEXT = ("confluence.name", "context.volatility.ratio", "context.session_start", "execution.blackout")
ABSENT = ("context.session_utc_offset_min", "execution.risk_fraction")
"""May be null."""


def check(value: Any, where: str) -> None:
    """Raises DataError unless every leaf of a section named `where` is a number, or what this module says of it.

    >>> check({"grace_ms": 250}, "features")
    >>> check({"grace_ms": "250"}, "features")
    Traceback (most recent call last):
    mia_ml.core.errors.DataError: features.grace_ms is '250': a number is needed
    """
    text = where in TEXT
    if isinstance(value, Mapping):
        for name, inner in value.items():
            check(inner, where if text else f"{where}.{name}")
    elif text and isinstance(value, list | tuple):
        for inner in value:
            check(inner, where)
    elif not (isinstance(value, str if text else int | float) or (value is None and where in ABSENT)):
        raise DataError(f"{where} is {value!r}: {'text' if text else 'a number'} is needed")
