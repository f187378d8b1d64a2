"""tune: inside each training window, the formula, then its filter -> data/tuned, trials in reports/tuning.

Windows are searched side by side in processes of their own. A study is kept in `tuning.storage` under a name made of
everything its results depend on: a run that was killed goes on where it was, and finished trials are not run again.
Every trial stands in the ledger before it is evaluated.
"""

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from mia_ml import settings
from mia_ml.confluence import formula
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.evaluation import population
from mia_ml.evaluation.panel import Panel
from mia_ml.ledger import ledger
from mia_ml.ledger.configuration import Configuration
from mia_ml.tuning import choice, report, storage
from mia_ml.tuning.attempt import Evaluate
from mia_ml.tuning.filter_trials import FilterTrials
from mia_ml.tuning.plan import Plan
from mia_ml.tuning.records import Trial
from mia_ml.tuning.study import Study
from mia_ml.tuning.trials import PolicyTrials
from pipelines import TUNED, TUNING, run, write_metrics, write_plot
from pipelines.counting import Counted, traded_as
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
    about = chosen.model_dump(include={"context", "confluence", "execution", "costs", "models", "tuning", "validation"})
    about["tuning"].pop("storage")
    return digest(sample.fingerprint, about)[:12]


def digest(*parts: Any) -> str:
    """sha256 of what JSON can hold.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Searched:
    """The trials of a study, those of an earlier run included. kind: policy or filter."""

    kind: str
    plan: Plan
    trials: list[Trial]

    def write(self, window: str) -> None:
        """The trials as a table, and the figures of the final window's."""
        space, objectives = self.plan.space, self.plan.objectives
        front = {trial.number for trial in report.pareto(self.trials)}
        table = report.table(self.trials, space, objectives)
        label = f"{window}-{self.kind}"
        write_plot(TUNING / f"{label}.csv", **table, pareto=[trial.number in front for trial in self.trials])
        if window == FINAL:
            report.figures(TUNING / label, self.trials, space, objectives)


@dataclass(frozen=True)
class Search:
    """Studies of one window. part: what they may see. kept: where their trials are counted, None for nowhere."""

    chosen: settings.Settings
    window: str
    part: Sample
    known_by: str
    kept: ledger.Ledger | None

    def __call__(self, kind: str, plan: Plan, trials: int, evaluate: Evaluate, *made_of: Any) -> Searched:
        """made_of: what a trial is besides the data, the settings of every formula and its params. How it is searched
        and weighed is no part of it: the same one found by a longer search is the same."""
        name = f"{self.window}-{kind}-{self.known_by}"
        with Study(storage.place(self.chosen.tuning.storage, name), name, plan) as study:
            return Searched(kind, plan, study.optimize(trials, evaluate, recorder=self._counted(kind, name, made_of)))

    def _counted(self, kind: str, name: str, made_of: tuple[Any, ...]) -> Counted | None:
        if self.kept is None:
            return None
        common = self.chosen.model_dump(include={"context", "confluence", "execution", "costs"})
        content = {"made_of": digest(self.part.fingerprint, common, *made_of)}
        first, last = int(self.part.rows["day"][0]), int(self.part.rows["day"][-1])
        return Counted(self.kept, Configuration("inner", traded_as(self.chosen), first, last, kind, name, content))


def tuned(
    chosen: settings.Settings,
    sample: Sample,
    window: Named,
    opens: dict[int, int],
    kept: ledger.Ledger | None = None,
) -> tuple[dict[str, Any], list[Searched]]:
    """What the studies of one window chose, as JSON can hold it, and the studies; writes what `tuning.storage` does.

    opens: when each trading day does, ns UTC. kept: where every trial is counted before it is evaluated.
    """
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
    search = Search(chosen, window.name, part, known, kept)
    searches = [search("policy", plan, chosen.tuning.policy.trials, policy.evaluate)]
    trials = searches[0].trials
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
        run_filter = FilterTrials(
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
        made_of = section, chosen.models.model_dump(), chosen.tuning.filter.trees
        searches.append(search("filter", models_plan, chosen.tuning.filter.trials, run_filter.evaluate, *made_of))
        trials = searches[1].trials
        best = choice.best(trials)
        filtered = best.params
        result["filter"] = {"trials": len(trials), "number": best.number, "values": list(best.values)}
    return result | {"params": dict(filtered)}, searches


@cache
def _at_hand() -> tuple[settings.Settings, Sample, dict[int, int]]:
    """What every window of a worker process reads, once."""
    chosen = settings.load()
    return chosen, read_sample(), openings(trading_days(chosen)[0])


def _of_window(window: Named) -> dict[str, Any]:
    chosen, sample, opens = _at_hand()
    with ledger.open(chosen.ledger.where, Path.cwd()) as kept:
        result, searches = tuned(chosen, sample, window, opens, kept)
    for searched in searches:
        searched.write(window.name)
    return result


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
        ledger.open(chosen.ledger.where, Path.cwd()).close()  # or nothing begins
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
