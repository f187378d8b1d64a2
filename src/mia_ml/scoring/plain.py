"""Plain values and JSON, strictly: finite numbers, text, true, false, null, lists and objects, each key once."""

import json
import math
from collections.abc import Mapping
from typing import Any

from mia_ml.core.errors import DataError

Kind = type | tuple[type, ...]

DEEPEST = 16
"""Lists and objects within each other; nothing that is written has more than five."""

LARGEST = 2**63 - 1
"""Whole numbers lie within +-LARGEST."""


def to_json(value: Mapping[str, Any], where: str) -> bytes:
    """Indented UTF-8 with a last line feed, keys in their own order; equal values give equal bytes."""
    _refuse_odd(value, where)
    return (json.dumps(value, indent=1) + "\n").encode()


def from_json(data: bytes, where: str) -> dict[str, Any]:
    """An object. Raises DataError, which begins with `where`, on anything else, on NaN or on a key said twice."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not readable JSON ({error})") from None
    if not isinstance(value, dict):
        raise DataError(f"{where}: a {type(value).__name__} where an object is needed")
    _refuse_odd(value, where)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in pairs:
        if name in out:
            raise ValueError(f"'{name}' stands twice")
        out[name] = value
    return out


def _refuse_odd(value: Any, where: str, depth: int = 0) -> None:
    if depth > DEEPEST:
        raise DataError(f"{where} is nested more than {DEEPEST} deep")
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _refuse_odd(inner, f"{where}: {name}" if where.endswith(".json") else f"{where}.{name}", depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_odd(inner, where, depth + 1)
    elif isinstance(value, int) and abs(value) > LARGEST:
        raise DataError(f"{where} is a whole number beyond {LARGEST}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise DataError(f"{where} is {value}: a finite number is needed")
    elif value is not None and not isinstance(value, bool | int | float | str):
        raise DataError(f"{where} is a {type(value).__name__}: only plain values can be written")


def take(section: Mapping[str, Any], where: str, **kinds: Kind) -> list[Any]:
    """The values of exactly the keys named, each of its kind. Raises DataError on what is missing, unknown or not."""
    for name in section:
        if name not in kinds:
            raise DataError(f"{where}: unknown key '{name}'")
    for name, kind in kinds.items():
        if name not in section:
            raise DataError(f"{where}: '{name}' is missing")
        allowed = kind if isinstance(kind, tuple) else (kind,)
        if type(section[name]) not in allowed:
            wanted = " or ".join("null" if each is type(None) else each.__name__ for each in allowed)
            raise DataError(f"{where}: {name} is {section[name]!r}: {wanted} is needed")
    return [section[name] for name in kinds]
