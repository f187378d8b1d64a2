"""tune: inside each training window, the formula, then its filter -> data/tuned, trials in reports/tuning.

Windows are searched side by side in processes of their own. A study is kept in `tuning.storage` under a name made of
everything its results depend on: a run that was killed goes on where it was, and finished trials are not run again.
"""

import hashlib
import itertools
import json
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from mia_ml import settings
from mia_ml.confluence import formula
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.evaluation import population
from mia_ml.evaluation.panel import Panel
from mia_ml.tuning import choice, report, storage
from mia_ml.tuning.filter_trials import FilterTrials
from mia_ml.tuning.plan import Plan
from mia_ml.tuning.records import Trial
from mia_ml.tuning.study import Evaluate, Study
from mia_ml.tuning.trials import PolicyTrials
from pipelines import TUNED, TUNING, run, write_metrics, write_plot
from pipelines.execution import execution_of
from pipelines.learning import (
    filter_space,
    model_inputs,
    objective_of,
    plan_of,
    policy_space,
    rule_of,
    searched_config,
    weighting_of,
)
from pipelines.market import trading_days
from pipelines.rows import Sample, read_sample
from pipelines.windows import (
    FINAL,
    Named,
    embargo_ns,
    openings,
    side_by_side,
    training_part,
    walk_forward_of,
    windows_of,
)

WEIGHT = "weights."


def blocks(day: np.ndarray, count: int) -> tuple[tuple[int, int], ...]:
    """The rows [first, last) of `count` stretches of trading days whose numbers differ by one at most.

    >>> blocks(np.array([1, 1, 2, 3, 3, 4, 5]), 2)
    ((0, 5), (5, 7))
    """
    stretches = np.array_split(np.unique(day), count)
    edges = [int(np.searchsorted(day, stretch[0])) for stretch in stretches] + [day.size]
    return tuple(itertools.pairwise(edges))


def known_by(sample: Sample, chosen: settings.Settings) -> str:
    """sha256 over all that a study's results depend on besides its plan, 12 digits of it."""
    digest = hashlib.sha256(sample.rows.tobytes())
    digest.update(sample.labels.tobytes())
    about = chosen.model_dump(include={"context", "confluence", "execution", "costs", "models", "tuning", "validation"})
    about["tuning"].pop("storage")
    digest.update(json.dumps(about, sort_keys=True).encode())
    return digest.hexdigest()[:12]


def searched(chosen: settings.Settings, name: str, plan: Plan, trials: int, evaluate: Evaluate) -> list[Trial]:
    """A study's trials, those of an earlier run included; its table is written beside."""
    with Study(storage.place(chosen.tuning.storage, name), name, plan) as study:
        found = study.optimize(trials, evaluate)
    label = name.rpartition("-")[0]
    front = {trial.number for trial in report.pareto(found)}
    table = report.table(found, plan.space, plan.objectives)
    write_plot(TUNING / f"{label}.csv", **table, pareto=[trial.number in front for trial in found])
    if label.startswith(FINAL):
        report.figures(TUNING / label, found, plan.space, plan.objectives)
    return found


def tuned(chosen: settings.Settings, sample: Sample, window: Named, opens: dict[int, int]) -> dict[str, Any]:
    """What the studies of one window chose, as JSON can hold it."""
    part = training_part(walk_forward_of(chosen), sample, window, opens)
    known = known_by(part, chosen)
    own = blocks(part.rows["day"], walk_forward_of(chosen).inner_splits)
    context, objective, execution = chosen.context.model_dump(), objective_of(chosen), execution_of(chosen)
    space = policy_space(chosen)
    base = chosen.confluence.model_dump()
    weighed = [name.removeprefix(WEIGHT) for name in space.distributions() if name.startswith(WEIGHT)]
    components = tuple(dict.fromkeys([*base["terms"], *weighed]))
    panel = Panel.build(part.rows, part.labels, components, context)
    plan = plan_of(chosen, chosen.tuning.policy, space, {"known_by": known})
    policy = PolicyTrials(panel, own, space, base, context, objective, execution.capital_usd, execution.reverse)
    trials = searched(chosen, f"{window.name}-policy-{known}", plan, chosen.tuning.policy.trials, policy.evaluate)
    best = choice.best(trials)
    section = space.apply(base, best.params)
    result: dict[str, Any] = {"window": str(window), "rows": part.rows.size, "known_by": known, "confluence": section}
    result["policy"] = {"trials": len(trials), "number": best.number, "values": list(best.values)}

    models_space = filter_space(chosen)
    filtered: Mapping[str, Any] = {}
    if models_space is not None and chosen.tuning.filter is not None:
        chosen_formula = formula.build(section, context)
        learnt = population.build(
            part.rows, part.labels, panel, chosen_formula, chosen.models.threshold_grid, model_inputs(chosen)
        )
        search = FilterTrials(
            part.rows,
            part.labels,
            panel,
            chosen_formula,
            learnt,
            own,
            embargo_ns(walk_forward_of(chosen)),
            weighting_of(chosen),
            partial(searched_config, chosen),
            partial(rule_of, chosen),
            execution,
            INSTRUMENTS[chosen.instrument.root],
            objective,
            chosen.models.seed,
        )
        models_plan = plan_of(chosen, chosen.tuning.filter, models_space, {"known_by": known, "formula": section})
        name = f"{window.name}-filter-{known}"
        trials = searched(chosen, name, models_plan, chosen.tuning.filter.trials, search.evaluate)
        best = choice.best(trials)
        filtered = best.params
        result["filter"] = {"trials": len(trials), "number": best.number, "values": list(best.values)}
    return result | {"params": dict(filtered)}


@cache
def _at_hand() -> tuple[settings.Settings, Sample, dict[int, int]]:
    """What every window of a worker process reads, once."""
    chosen = settings.load()
    return chosen, read_sample(), openings(trading_days(chosen)[0])


def _of_window(window: Named) -> dict[str, Any]:
    chosen, sample, opens = _at_hand()
    return tuned(chosen, sample, window, opens)


def main() -> None:
    chosen = settings.load()
    sample = read_sample()
    windows = windows_of(chosen.validation, sample.days)
    TUNED.mkdir(parents=True, exist_ok=True)
    TUNING.mkdir(parents=True, exist_ok=True)
    if not windows:
        print("tune: validation is 'none', so nothing is tuned (-S validation=quarterly for a walk-forward)")
    found: list[dict[str, Any]] = []
    if windows:
        print(f"tune: {len(windows)} windows", flush=True)
        for window, result in side_by_side(windows, chosen.workers, _of_window):
            (TUNED / f"{window.name}.json").write_text(json.dumps(result, indent=1) + "\n")
            found.append(result)
            value = ", ".join(f"{value:.4g}" for value in result["policy"]["values"])
            print(f"  {window}: {value} in {result['policy']['trials']} trials", flush=True)
    counted = {f"{kind}_trials": sum(r[kind]["trials"] for r in found if r.get(kind)) for kind in ("policy", "filter")}
    write_metrics("tune", {"windows": len(windows)} | counted)


if __name__ == "__main__":
    run(main)
