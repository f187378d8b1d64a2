"""The chosen search and training, as the rooms take them: settings turned into spaces, plans and configurations."""

from collections.abc import Mapping
from typing import Any

from mia_ml.core.errors import ConfigError, refuse_unknown
from mia_ml.features import engine
from mia_ml.labels.weights import Weighting
from mia_ml.models import fit
from mia_ml.models.ensemble import SIGNAL_INPUTS
from mia_ml.models.selection import Selection
from mia_ml.models.training import TrainingConfig
from mia_ml.scoring.filter import ALONG, Rule
from mia_ml.settings import Settings
from mia_ml.settings.tuning import Search
from mia_ml.tuning.objective import Objective
from mia_ml.tuning.plan import Plan
from mia_ml.tuning.pruning import Pruning
from mia_ml.tuning.space import Space

MEMBERS = ("forest", "boosted", "logistic")
FORMULA = "formula"
"""Stands for the components of the configured formula, each within the default bounds of its kind."""


def refuse_foreign_inputs(names: list[str]) -> None:
    known = [feature.name for feature in engine.FEATURES]
    for name in names:
        if name not in known:
            raise ConfigError(f"models.inputs: {refuse_unknown('feature', name, known)}")
        if names.count(name) > 1:
            raise ConfigError(f"models.inputs: '{name}' stands twice: give each feature once")


def model_inputs(chosen: Settings) -> tuple[str, ...]:
    """The models' inputs in order: components along the signal where that is chosen, readings, side and exceedance."""
    turned = engine.COMPONENTS if chosen.models.along else ()
    return (*(ALONG + name if name in turned else name for name in chosen.models.inputs), *SIGNAL_INPUTS)


def policy_space(chosen: Settings) -> Space:
    whole = chosen.tuning.policy.space.model_dump(exclude_unset=True)
    given = {name: spec for name, spec in whole.items() if spec is not None}
    if given.get("weights", {}).get("components") == FORMULA:
        given["weights"]["components"] = dict.fromkeys(chosen.confluence.terms)
    return Space.from_dict(given, engine.COMPONENTS)


def filter_space(chosen: Settings) -> Space | None:
    """Raises ConfigError on a hyper-parameter that no member has, and on a member that is not trained."""
    if chosen.tuning.filter is None:
        return None
    space = Space.from_dict(chosen.tuning.filter.space.model_dump(exclude_unset=True), engine.COMPONENTS)
    members = chosen.models.members.model_dump()
    for name, _ in space.dimensions:
        group, _, rest = name.partition(".")
        member, _, key = rest.partition(".")
        if group != "model":
            continue
        if not members.get(member):
            trained = [name for name, given in members.items() if given]
            raise ConfigError(f"tuning.filter.space.model: {refuse_unknown('member', member, trained)}")
        if key not in members[member]:
            raise ConfigError(
                f"tuning.filter.space.model.{member}: {refuse_unknown('parameter', key, list(members[member]))}"
            )
    return space


def objective_of(chosen: Settings) -> Objective:
    return Objective.from_dict(chosen.tuning.objective.model_dump())


def plan_of(chosen: Settings, search: Search, space: Space, about: Mapping[str, Any]) -> Plan:
    pruning = Pruning(**search.pruning.model_dump()) if search.pruning else None
    maximized = tuple(chosen.tuning.objective.maximize)
    return Plan(space, maximized, chosen.tuning.seed, search.batch, search.sampler, pruning, about)


def searched_config(chosen: Settings, tuned: Mapping[str, Mapping[str, Any]]) -> TrainingConfig:
    """`training_config` with as many trees as the search of the filter allows."""
    assert chosen.tuning.filter is not None
    fewer = {name: {"trees": chosen.tuning.filter.trees} for name in ("forest", "boosted")}
    return training_config(chosen, {name: fewer.get(name, {}) | dict(tuned.get(name, {})) for name in MEMBERS})


def training_config(chosen: Settings, tuned: Mapping[str, Mapping[str, Any]]) -> TrainingConfig:
    """How to train, with tuned hyper-parameters by member in place of the configured ones."""
    models = chosen.models
    configured = models.members.model_dump()
    given = {name: member and member | dict(tuned.get(name, {})) for name, member in configured.items()}
    return TrainingConfig(
        forest=given["forest"] and fit.Forest(**given["forest"]),
        boosted=given["boosted"] and fit.Boosted(**given["boosted"]),
        logistic=given["logistic"] and fit.Logistic(**given["logistic"]),
        class_weight=models.weights.class_weight,
        calibration=models.calibration.kind,
        calibration_share=models.calibration.share,
        min_events=models.min_events,
        min_calibration_events=models.calibration.min_events,
        combination=models.combination.kind,
        weights=dict(models.combination.weights),
        selection=Selection(models.selection.kind, models.selection.keep),
    )


def weighting_of(chosen: Settings) -> Weighting:
    weights = chosen.models.weights
    half_life_days = weights.recency_half_life_days
    if half_life_days is None:
        return Weighting(weights.uniqueness, weights.returns)
    return Weighting(weights.uniqueness, weights.returns, "exponential", half_life_days=half_life_days)


def rule_of(chosen: Settings, margin: float | None) -> Rule:
    """The pass rule, with a tuned margin in place of the configured one."""
    rule = chosen.models.rule
    if rule.kind == "fixed":
        return Rule("fixed", rule.level)
    return Rule("break_even", rule.margin if margin is None else margin)
