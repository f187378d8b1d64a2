import copy
import json
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mia_ml.confluence import formula
from mia_ml.core.errors import ConfigError
from mia_ml.features import engine
from mia_ml.tuning.simplex import Simplex
from mia_ml.tuning.space import Space, model_params

COMPONENTS = list(engine.COMPONENTS)
FULL: dict[str, Any] = yaml.safe_load(
    """
    weights:
      kind: simplex
      components: {gamma_levels: [0.0, 0.5], vwap_trend_globex: null, tick_momentum: [0.1, 0.6]}
    threshold: {base: [0.15, 0.45], low: [0.6, 1.0], high: [1.0, 1.8]}
    session: {morning: [0.8, 1.4], overnight: [0.0, 1.0]}
    gamma_cycle: {expiry: [0.5, 1.0]}
    volatility_adjustment: {high: [0.7, 1.2]}
    cooldown_minutes: [0, 60]
    max_signals_per_day: [1, 8]
    filter: {margin: [0.0, 0.1]}
    model:
      boosted: {learning_rate: {log: [0.01, 0.3]}, max_depth: {int: [2, 6]}}
      forest: {max_features: {choice: [sqrt, log2]}}
    """
)
SECTION: dict[str, Any] = {
    "name": "bars",
    "terms": {"vwap_trend_globex": 0.5, "dow_trend_regime": 0.5},
    "threshold": {"base": 0.25, "low": 0.8, "high": 1.4, "session": False},
    "session": {"premarket": 0.8, "morning": 1.2, "midday": 1.0, "afternoon": 1.2, "evening": 0.8, "overnight": 0.5},
    "gamma_cycle": {"expiry": 0.7, "peak": 1.3, "approach": 1.1, "far": 1.0},
    "volatility_adjustment": {"low": 1.0, "normal": 1.0, "high": 1.0},
    "min_weight_present": 0.6,
    "cooldown_minutes": 15,
    "max_signals_per_day": 3,
}
CONTEXT = {"volatility": {"ratio": "same_time"}, "gamma_cycle_days": {"expiry": 2, "peak": 5, "approach": 10}}


def full() -> Space:
    return Space.from_dict(FULL, COMPONENTS)


def changed(path: str, value: Any) -> dict[str, Any]:
    mapping = copy.deepcopy(FULL)
    *parents, last = path.split(".")
    at = mapping
    for step in parents:
        at = at[step]
    at[last] = value
    return mapping


@st.composite
def simplices(draw: st.DrawFn) -> Simplex:
    size = draw(st.integers(1, 6))
    weights = draw(st.lists(st.floats(0.01, 1), min_size=size, max_size=size))
    inside = [w / sum(weights) for w in weights]
    low = [w * draw(st.floats(0, 1)) for w in inside]
    high = [w + (1 - w) * draw(st.floats(0, 1)) for w in inside]
    high[0] = max(high[0], min(1.0, 1 - sum(high[1:])))
    return Simplex(tuple(f"c{k}" for k in range(size)), tuple(low), tuple(min(h, 1.0) for h in high))


@given(st.data(), simplices())
@settings(max_examples=200)
def test_simplex_weights_sum_to_one_within_their_bounds_and_come_back(data: st.DataObject, simplex: Simplex) -> None:
    point = data.draw(st.lists(st.floats(0, 1), min_size=simplex.size, max_size=simplex.size))
    weights = simplex.weights(point)
    assert sum(weights.values()) == pytest.approx(1, abs=1e-9)
    for name, low, high in zip(simplex.names, simplex.low, simplex.high, strict=True):
        assert low <= weights[name] <= high
    again = simplex.weights(simplex.point(weights))
    assert list(again.values()) == pytest.approx(list(weights.values()), abs=1e-7)


def test_unbounded_simplex_weights_are_uniform_on_the_simplex() -> None:
    simplex = Simplex(("a", "b", "c", "d"), (0.0,) * 4, (1.0,) * 4)
    rng = np.random.default_rng(0)
    drawn = np.array([list(simplex.weights(u).values()) for u in rng.random((20_000, 3))])
    np.testing.assert_allclose(drawn.mean(axis=0), 0.25, atol=0.01)
    np.testing.assert_allclose(drawn.var(axis=0), 3 / 80, atol=0.002)  # of a flat Dirichlet of 4


def test_every_corner_of_the_simplex_can_be_reached() -> None:
    simplex = Simplex(("a", "b", "c"), (0.0,) * 3, (1.0,) * 3)
    assert [tuple(simplex.weights(u).values()) for u in ([1, 0], [0, 1], [0, 0])] == [(1, 0, 0), (0, 1, 0), (0, 0, 1)]


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        ((0.5, 0.6), (1.0, 1.0), "lower bounds sum to 1.1, their upper bounds to 2"),
        ((0.0, 0.1), (0.3, 0.4), "lower bounds sum to 0.1, their upper bounds to 0.7"),
        ((-0.1, 0.0), (1.0, 1.0), r"not \[-0.1, 1.0\]"),
    ],
)
def test_weights_that_cannot_sum_to_one_are_refused(low: tuple[float, ...], high: tuple[float, ...], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        Simplex(("a", "b"), low, high)
    components = {"gamma_levels": [low[0], high[0]], "tick_momentum": [low[1], high[1]]}
    with pytest.raises(ConfigError, match=text):
        Space.from_dict({"weights": {"kind": "simplex", "components": components}}, COMPONENTS)


@given(arrays(np.float64, full().size, elements=st.floats(0, 1)))
def test_params_of_a_point_come_back(point: np.ndarray) -> None:
    space = full()
    params = space.params(point)
    again = space.params(space.point(params))
    assert list(again) == list(params) == list(space.distributions())
    for name, value in params.items():
        assert again[name] == (pytest.approx(value, abs=1e-7) if isinstance(value, float) else value)
        assert space.distributions()[name]._contains(space.distributions()[name].to_internal_repr(value))


@given(arrays(np.float64, full().size, elements=st.floats(0, 1)))
def test_applied_params_give_a_formula(point: np.ndarray) -> None:
    params = full().params(point)
    before = copy.deepcopy(SECTION)
    section = full().apply(SECTION, params)
    assert before == SECTION
    record = formula.build(section, CONTEXT).record[0]
    assert record["weight"].sum() == pytest.approx(1)
    assert record["most_signals"] == params["max_signals_per_day"]
    assert record["cooldown_ns"] == params["cooldown_minutes"] * 60_000_000_000
    assert section["threshold"] == {
        "base": params["threshold.base"],
        "low": params["threshold.low"],
        "high": params["threshold.high"],
        "session": False,
    }
    assert section["session"] == SECTION["session"] | {
        "morning": params["session.morning"],
        "overnight": params["session.overnight"],
    }
    assert section["volatility_adjustment"]["high"] == params["volatility_adjustment.high"]
    assert section["gamma_cycle"]["expiry"] == params["gamma_cycle.expiry"]


def test_what_is_not_searched_keeps_its_value() -> None:
    space = Space.from_dict({"threshold": {"base": [0.25, 0.75]}}, COMPONENTS)
    assert space.size == 1
    assert space.apply(SECTION, space.params([0.5])) == SECTION | {"threshold": SECTION["threshold"] | {"base": 0.5}}


def test_signed_weights_have_their_own_bounds() -> None:
    components = {"gamma_levels": None, "tick_momentum": [0.0, 2.0]}
    space = Space.from_dict({"weights": {"kind": "signed", "components": components}}, COMPONENTS)
    assert space.params([0.25, 0.75]) == {"weights.gamma_levels": -0.5, "weights.tick_momentum": 1.5}
    assert space.apply(SECTION, space.params([0.25, 0.75]))["terms"] == {"gamma_levels": -0.5, "tick_momentum": 1.5}


def test_a_space_survives_json() -> None:
    space = full()
    assert Space.from_dict(json.loads(json.dumps(space.as_dict())), COMPONENTS).dimensions == space.dimensions


def test_model_params_are_sorted_by_member() -> None:
    assert model_params(full().params(np.full(full().size, 0.5))) == {
        "boosted": {"learning_rate": pytest.approx(0.0547722557), "max_depth": 4},
        "forest": {"max_features": "log2"},
    }


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        (changed("weights.components", {"gama_levels": None}), "unknown component 'gama_levels': .* 'gamma_levels'"),
        (changed("weights.kind", "simplx"), "did you mean 'simplex'"),
        (changed("weights.components", {}), "name at least one component"),
        (changed("weights.components", {"gamma_levels": {"int": [0, 1]}}), r"must be \[low, high\]"),
        (changed("threshold.base", [0.4, 0.1]), "space.threshold.base: low 0.4 is above high 0.1"),
        (changed("threshold.base", [0.0, 0.1]), "space.threshold.base"),
        (changed("threshold.bse", [0.1, 0.2]), "did you mean 'base'"),
        (changed("session.mornin", [0.1, 0.2]), "did you mean 'morning'"),
        (changed("session.morning", [-0.1, 0.2]), "numbers from 0.0 on"),
        (changed("max_signals_per_day", [0, 3]), "numbers from 1 on"),
        (changed("max_signals_per_day", [1, 3.5]), "must be whole numbers"),
        (changed("cooldown", [0, 3]), "did you mean 'cooldown_minutes'"),
        (changed("model", [1]), "must map names to ranges"),
        ({}, "nothing to search"),
    ],
)
def test_bad_spaces_are_refused_in_one_line(mapping: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text) as refusal:
        Space.from_dict(mapping, COMPONENTS)
    assert "\n" not in str(refusal.value)


def test_a_point_outside_the_cube_is_refused() -> None:
    with pytest.raises(ConfigError, match="15 coordinates in"):
        full().params(np.full(full().size, 1.5))
