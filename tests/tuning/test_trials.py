import dataclasses
from typing import Any

import numpy as np
import pytest

from mia_ml.backtest.records import Fate
from mia_ml.confluence import formula
from mia_ml.core import calendar
from mia_ml.core.errors import ConfigError, DataError
from mia_ml.core.moments import MINUTE
from mia_ml.evaluation import policy, statistics
from mia_ml.evaluation.panel import Panel
from mia_ml.features import engine
from mia_ml.labels.records import LABEL
from mia_ml.tuning.choice import best
from mia_ml.tuning.objective import Objective
from mia_ml.tuning.plan import Plan
from mia_ml.tuning.pruning import NEVER, Cut
from mia_ml.tuning.space import Space
from mia_ml.tuning.study import Study
from mia_ml.tuning.trials import PolicyTrials
from tests.tuning.test_space import CONTEXT, SECTION

COMPONENTS = engine.COMPONENTS[:5]
PLANTED = {COMPONENTS[1]: 0.6, COMPONENTS[3]: 0.4}
DAYS = 40
SPACE: dict[str, Any] = {
    "weights": {"kind": "simplex", "components": dict.fromkeys(COMPONENTS)},
    "threshold": {"base": [0.05, 0.4]},
}


def panel(edge: float = 1.0, seed: int = 0) -> Panel:
    """Forty days of minutes with 2:1 barriers, won more often where the planted components point."""
    rng = np.random.default_rng(seed)
    sessions = calendar.load("cme_globex", 2023, 2023).between(20230102, 20231229)[:DAYS]
    length = (sessions["close_ns"] - sessions["open_ns"]) // MINUTE
    day = np.repeat(np.arange(sessions.size), length)
    rows = np.zeros(day.size, engine.ROW)
    rows["ts"] = sessions["open_ns"][day] + np.concatenate([np.arange(1, n + 1) for n in length]) * MINUTE
    rows["day"] = sessions["day"][day]
    for name in COMPONENTS:
        rows[name] = np.clip(0.5 * np.repeat(rng.normal(size=rows.size // 20 + 1), 20)[: rows.size], -1, 1)
    pull = sum(strength * rows[name] for name, strength in PLANTED.items())
    labels = np.zeros((rows.size, 2), LABEL)
    labels["signal_ns"], labels["side"], labels["fate"] = rows["ts"][:, None], [1, -1], Fate.TRADED
    labels["exit_ns"] = labels["free_ns"] = rows["ts"][:, None] + 20 * MINUTE
    won = rng.random(labels.shape) < 0.36 + edge * 0.3 * pull[:, None] * np.array([1, -1])
    labels["net_r"] = np.where(won, 1.9, -1.1)
    labels["net_usd"] = 500 * labels["net_r"]
    return Panel.build(rows, labels, COMPONENTS, CONTEXT)


def trials(**changes: Any) -> PolicyTrials:
    built = changes.pop("panel", None) or panel()
    third = built.ts.size // 3
    given = {
        "panel": built,
        "folds": ((0, third), (third, 2 * third), (2 * third, built.ts.size)),
        "space": Space.from_dict(SPACE, COMPONENTS),
        "confluence": SECTION | {"cooldown_minutes": 0, "max_signals_per_day": 20},
        "context": CONTEXT,
        "objective": Objective(("expectancy_r",), least_trades=50),
        "capital_usd": 100_000.0,
        **changes,
    }
    return PolicyTrials(**given)


def test_a_trial_is_the_policy_on_every_fold() -> None:
    run = trials()
    params = run.space.params(np.full(run.space.size, 0.4))
    found = run.evaluate(params, NEVER)
    tried = formula.build(run.space.apply(run.confluence, params), CONTEXT)
    for fold, (first, last) in enumerate(run.folds):
        expected = statistics.of(run.panel, policy.run(run.panel, tried, first, last), first, last, 100_000.0)
        assert found.statistics[fold] == expected._asdict()
        assert found.per_fold[fold] == run.objective.of_fold(expected._asdict())
    assert found.values == run.objective.over_folds(found.per_fold)
    assert not found.pruned


def test_a_trial_below_the_cut_ends_there() -> None:
    run = trials()
    params = run.space.params(np.full(run.space.size, 0.4))
    whole = run.evaluate(params, NEVER)
    cut = run.evaluate(params, Cut(np.array([-9.0, 9.0, -9.0])))
    assert cut.pruned
    assert cut.per_fold == whole.per_fold[:2]


def test_what_the_filter_refuses_is_not_traded() -> None:
    built = panel()
    run = trials(panel=built, passes=np.zeros(built.earned.shape, np.bool_))
    found = run.evaluate(run.space.params(np.full(run.space.size, 0.4)), NEVER)
    assert found.values == (-1.0,)


def test_planted_components_get_the_weight() -> None:
    run = trials()
    with Study("memory", "s", Plan(run.space, ("expectancy_r",), 1, 16)) as study:
        one = study.optimize(320, run.evaluate)
    with Study("memory", "s", Plan(run.space, ("expectancy_r",), 1, 16)) as study:
        assert repr(study.optimize(320, run.evaluate, workers=2)) == repr(one)
    winner = best(one)
    planted = sum(winner.params[f"weights.{name}"] for name in PLANTED)
    assert planted > 0.75
    fresh = panel(seed=9)
    traded = policy.run(fresh, run.formula(winner.params), 0, fresh.ts.size)
    assert traded["net_r"].mean() > 0.2


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"reverse": True}, "set execution.reverse to false"),
        ({"space": {"filter": {"margin": [0.0, 0.1]}}}, "space.filter.margin: a formula is tuned without a filter"),
        ({"space": {"weights": {"kind": "signed", "components": {COMPONENTS[4]: None}}}}, None),
        ({"space": {"weights": {"kind": "signed", "components": {"mtf_confluence": None}}}}, "not in the panel"),
    ],
)
def test_what_no_trial_could_run_with_is_refused_before_the_first(changes: dict[str, Any], text: str | None) -> None:
    if "space" in changes:
        changes["space"] = Space.from_dict(changes["space"], engine.COMPONENTS)
    if text is None:
        trials(**changes)
        return
    with pytest.raises(ConfigError, match=text):
        trials(**changes)


def test_a_window_without_folds_is_refused() -> None:
    with pytest.raises(DataError, match="no inner fold"):
        dataclasses.replace(trials(), folds=())
