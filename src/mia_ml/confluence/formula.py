"""A confluence formula as data: which components, with which weights, multiplied by which context, against what.

raw    sum(w_i c_i) over the components present, divided by their share of the absolute weight
score  raw x session x volatility_adjustment x gamma_cycle
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mia_ml.core.errors import ConfigError, refuse_unknown
from mia_ml.core.moments import MINUTE
from mia_ml.features import engine
from mia_ml.features.clock import SESSIONS
from mia_ml.features.volatility import REGIMES

MAX_TERMS = 32
CYCLE = ("expiry", "peak", "approach", "far")

FORMULA = np.dtype(
    [
        ("terms", "i8"),
        ("column", "i8", (MAX_TERMS,)),  # position among the eight-byte fields of a ROW
        ("weight", "f8", (MAX_TERMS,)),
        ("least_weight", "f8"),  # share of the absolute weight that must be present
        ("threshold", "f8", (len(REGIMES),)),  # by volatility regime
        ("threshold_session", "i8"),  # 1 multiplies the threshold by the session factor too
        ("regime_column", "i8"),
        ("session_factor", "f8", (len(SESSIONS),)),
        ("cycle_days", "i8", (len(CYCLE) - 1,)),  # up to and including
        ("cycle_factor", "f8", (len(CYCLE),)),
        ("volatility_factor", "f8", (len(REGIMES),)),
        ("cooldown_ns", "i8"),
        ("most_signals", "i8"),  # a trading day
    ],
    align=True,
)


def column_of(name: str) -> int:
    """The position of a ROW field among its eight-byte fields."""
    assert engine.ROW.fields is not None
    return int(engine.ROW.fields[name][1]) // 8


def regime_field(context: Mapping[str, Any]) -> str:
    """The ROW field of the volatility regime that a context section asks for."""
    return "volatility_regime_trailing" if context["volatility"]["ratio"] == "trailing" else "volatility_regime"


def cycle_days(context: Mapping[str, Any]) -> tuple[int, ...]:
    """Last days to expiry, inclusive, of each part of the gamma cycle but the last."""
    return tuple(context["gamma_cycle_days"][name] for name in CYCLE[:-1])


@dataclass(frozen=True)
class Formula:
    """A named formula: `record` is the FORMULA the kernels read, `terms` the components in its order."""

    name: str
    terms: tuple[str, ...]
    record: np.ndarray


def build(confluence: Mapping[str, Any], context: Mapping[str, Any]) -> Formula:
    """The formula of two settings sections, as plain values.

    An unknown volatility regime is scored as normal. Raises ConfigError on a component that does not exist.
    """
    terms = {name: weight for name, weight in confluence["terms"].items() if weight != 0}
    for name in terms:
        if name not in engine.COMPONENTS:
            raise ConfigError(f"confluence.terms: {refuse_unknown('component', name, engine.COMPONENTS)}")
    if not 1 <= len(terms) <= MAX_TERMS:
        raise ConfigError(f"confluence.terms has {len(terms)} weighted components: 1 to {MAX_TERMS} are possible")
    record = np.zeros(1, FORMULA)
    f = record[0]
    f["terms"] = len(terms)
    f["column"][: len(terms)] = [column_of(name) for name in terms]
    f["weight"][: len(terms)] = list(terms.values())
    f["least_weight"] = confluence["min_weight_present"]
    threshold, adjust = confluence["threshold"], confluence["volatility_adjustment"]
    by_regime = {"normal": 1.0, "low": threshold["low"], "high": threshold["high"], "unknown": 1.0}
    f["threshold"] = [threshold["base"] * by_regime[name] for name in REGIMES]
    f["threshold_session"] = threshold["session"]
    f["regime_column"] = column_of(regime_field(context))
    f["session_factor"] = [confluence["session"][name] for name in SESSIONS]
    f["cycle_days"] = cycle_days(context)
    f["cycle_factor"] = [confluence["gamma_cycle"][name] for name in CYCLE]
    f["volatility_factor"] = [adjust["normal" if name == "unknown" else name] for name in REGIMES]
    f["cooldown_ns"] = round(confluence["cooldown_minutes"] * MINUTE)
    f["most_signals"] = confluence["max_signals_per_day"]
    return Formula(confluence["name"], tuple(terms), record)
