"""The search space as data: what is tuned and between which bounds.

    weights:                      # of the components; these replace the terms of the formula
      kind: simplex               # at least 0, sum one; or `signed`: each within its own bounds
      components: {gamma_levels: [0.0, 0.5], vwap_trend_globex: null}   # null: [0, 1], signed [-1, 1]
    threshold: {base: [0.15, 0.45], low: [0.6, 1.0], high: [1.0, 1.8]}  # low, high: times base, by volatility
    session: {morning: [0.8, 1.4]}                                      # factors of the score
    gamma_cycle: {expiry: [0.5, 1.0]}
    volatility_adjustment: {high: [0.7, 1.2]}
    cooldown_minutes: [0, 60]     # whole minutes
    max_signals_per_day: [1, 8]
    filter: {margin: [0.0, 0.1]}  # probability above break-even
    model:                        # hyper-parameters, by member of the ensemble
      boosted: {learning_rate: {log: [0.01, 0.3]}, max_depth: {int: [2, 6]}}
      forest: {max_features: {choice: [sqrt, log2]}}

What is left out keeps its configured value. Params are a flat mapping from dotted names, in the order above.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution

from mia_ml.confluence.formula import CYCLE
from mia_ml.core.errors import ConfigError, refuse_unknown
from mia_ml.features.clock import SESSIONS
from mia_ml.features.volatility import REGIMES
from mia_ml.tuning import dimension
from mia_ml.tuning.dimension import Choice, Dimension, Range, Whole
from mia_ml.tuning.simplex import Simplex

GROUPS = {
    "threshold": ("base", "low", "high"),
    "session": SESSIONS,
    "gamma_cycle": CYCLE,
    "volatility_adjustment": tuple(name for name in REGIMES if name != "unknown"),
    "filter": ("margin",),
}
WHOLE = {"cooldown_minutes": 0, "max_signals_per_day": 1}
"""Whole numbers and the least each may be."""
KEYS = ("weights", *GROUPS, *WHOLE, "model")
WEIGHTS = ("simplex", "signed")

Params = dict[str, Any]


@dataclass(frozen=True)
class Space:
    """A search space; `from_dict` reads one. `as_dict()` gives back what was read, as JSON can hold it."""

    source: Mapping[str, Any]
    simplex: Simplex | None
    dimensions: tuple[tuple[str, Dimension], ...]

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any], known_components: Sequence[str]) -> "Space":
        """Raises ConfigError, beginning with the path of the setting, on the first thing that cannot be searched."""
        for key in mapping:
            if key not in KEYS:
                raise ConfigError(f"space: {refuse_unknown('setting', str(key), KEYS)}")
        simplex, dimensions = _weights(mapping.get("weights"), known_components)
        for name, spec, whole, least in _leaves(mapping):
            found = _read(name, spec, whole)
            lowest = found.low if isinstance(found, Range | Whole) else None
            if least is not None and (lowest is None or lowest < least):
                raise ConfigError(f"space.{name}: {spec} must be numbers from {least} on")
            dimensions.append((name, found))
        space = cls(mapping, simplex, tuple(dimensions))
        if space.size == 0:
            raise ConfigError("space: nothing to search, name at least one range")
        return space

    @property
    def size(self) -> int:
        """Coordinates of a point."""
        return (self.simplex.size if self.simplex else 0) + len(self.dimensions)

    @property
    def choices(self) -> tuple[int, ...]:
        """For each coordinate 0, or among how many values without an order it chooses."""
        plain = (0,) * (self.simplex.size if self.simplex else 0)
        return plain + tuple(len(d.values) if isinstance(d, Choice) else 0 for _, d in self.dimensions)

    def params(self, point: Sequence[float] | np.ndarray) -> Params:
        """The params at a point of the unit cube."""
        at = [float(u) for u in point]
        if len(at) != self.size or not all(0 <= u <= 1 for u in at):
            raise ConfigError(f"point {at} must have {self.size} coordinates in [0, 1]")
        first = self.simplex.size if self.simplex else 0
        params: Params = {}
        if self.simplex:
            params = {f"weights.{name}": weight for name, weight in self.simplex.weights(at[:first]).items()}
        return params | {name: d.value(u) for (name, d), u in zip(self.dimensions, at[first:], strict=True)}

    def point(self, params: Mapping[str, Any]) -> np.ndarray:
        """A point that gives these params: float64 [size]."""
        at = []
        if self.simplex:
            at = self.simplex.point({name: params[f"weights.{name}"] for name in self.simplex.names})
        return np.array(at + [d.coordinate(params[name]) for name, d in self.dimensions])

    def distributions(self) -> dict[str, BaseDistribution]:
        """Optuna's distributions of the params, by name."""
        found: dict[str, BaseDistribution] = {}
        if self.simplex:
            bounds = zip(self.simplex.names, self.simplex.low, self.simplex.high, strict=True)
            found = {f"weights.{name}": Range(low, high).distribution() for name, low, high in bounds}
        return found | {name: d.distribution() for name, d in self.dimensions}

    def as_dict(self) -> dict[str, Any]:
        return _plain(self.source)

    def apply(self, confluence: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
        """The `confluence` section with these params in place; searched weights replace all its terms."""
        section = _plain(confluence)
        weights = {name.split(".", 1)[1]: w for name, w in params.items() if name.startswith("weights.")}
        if weights:
            section["terms"] = weights
        for name, value in params.items():
            group, _, key = name.partition(".")
            if group in WHOLE:
                section[group] = value
            elif group in GROUPS and group != "filter":
                section[group][key] = value
        return section


def model_params(params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The hyper-parameters of each member of the ensemble.

    >>> model_params({"threshold.base": 0.3, "model.forest.max_depth": 5})
    {'forest': {'max_depth': 5}}
    """
    members: dict[str, dict[str, Any]] = {}
    for name, value in params.items():
        group, _, rest = name.partition(".")
        if group == "model":
            member, _, key = rest.partition(".")
            members.setdefault(member, {})[key] = value
    return members


def _weights(
    spec: Mapping[str, Any] | None, known: Sequence[str]
) -> tuple[Simplex | None, list[tuple[str, Dimension]]]:
    if spec is None:
        return None, []
    for key in spec:
        if key not in ("kind", "components"):
            raise ConfigError(f"space.weights: {refuse_unknown('setting', str(key), ('kind', 'components'))}")
    kind, components = spec.get("kind"), spec.get("components")
    if kind not in WEIGHTS:
        raise ConfigError(f"space.weights.kind: {refuse_unknown('kind', str(kind), WEIGHTS)}")
    if not isinstance(components, Mapping) or not components:
        raise ConfigError("space.weights.components: name at least one component with its range")
    ranges: list[tuple[str, Dimension]] = []
    for name, bounds in components.items():
        if name not in known:
            raise ConfigError(f"space.weights.components: {refuse_unknown('component', str(name), list(known))}")
        default = [0.0, 1.0] if kind == "simplex" else [-1.0, 1.0]
        found = _read(f"weights.{name}", default if bounds is None else bounds, whole=False)
        if not isinstance(found, Range) or found.log:
            raise ConfigError(f"space.weights.{name}: {bounds} must be [low, high]")
        ranges.append((f"weights.{name}", found))
    if kind == "signed":
        return None, ranges
    bounds = [(r.low, r.high) for _, r in ranges if isinstance(r, Range)]
    low, high = zip(*bounds, strict=True)
    try:
        return Simplex(tuple(components), low, high), []
    except ConfigError as refusal:
        raise ConfigError(f"space.weights: {refusal}") from None


def _leaves(mapping: Mapping[str, Any]) -> Iterator[tuple[str, Any, bool, float | None]]:
    """Name, spec, whether it is whole and the least it may be, of everything but weights, in the order of `KEYS`."""
    for group, known in GROUPS.items():
        given = _section(group, mapping.get(group))
        for key in given:
            if key not in known:
                raise ConfigError(f"space.{group}: {refuse_unknown('setting', str(key), known)}")
        least = {"threshold": math.ulp(0.0), "filter": -1.0}.get(group, 0.0)
        yield from ((f"{group}.{key}", given[key], False, least) for key in known if key in given)
    yield from ((name, mapping[name], True, least) for name, least in WHOLE.items() if name in mapping)
    for member, given in _section("model", mapping.get("model")).items():
        for key, spec in _section(f"model.{member}", given).items():
            yield f"model.{member}.{key}", spec, False, None


def _section(name: str, given: Any) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigError(f"space.{name}: {given!r} must map names to ranges")
    return given


def _read(name: str, spec: Any, whole: bool) -> Dimension:
    try:
        return dimension.read(dict(spec) if isinstance(spec, Mapping) else spec, whole)
    except ConfigError as refusal:
        raise ConfigError(f"space.{name}: {refusal}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
