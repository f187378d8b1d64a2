"""Before anything runs: are the settings sound, what differs from the last run, and what could be seen at all?

DVC composes the settings anew at every `dvc exp run`: a run without `-S` silently returns to the defaults. So this
says what changed. It is always run, in front of every other stage.
"""

from pathlib import Path
from typing import Any

import yaml

from mia_ml import settings
from mia_ml.confluence import formula
from mia_ml.core.errors import ConfigError
from mia_ml.evaluation import candidates
from mia_ml.ledger import ledger
from mia_ml.metrics import power
from mia_ml.metrics.kpi import DAYS_A_MONTH, DAYS_A_YEAR
from mia_ml.tracking import runs
from mia_ml.tuning import storage
from mia_ml.tuning.trials import refuse_reverse
from pipelines import run
from pipelines.desk import promises
from pipelines.execution import execution_of
from pipelines.learning import (
    filter_space,
    objective_of,
    plan_of,
    policy_space,
    refuse_foreign_inputs,
    rule_of,
    training_config,
    weighting_of,
)
from pipelines.market import engine_parameters
from pipelines.windows import splitter

LAST = Path("reports/last_params.yaml")


def differences(last: Any, now: Any, name: str = "") -> list[str]:
    """
    >>> differences({"a": {"x": 1, "y": 2}, "b": {"z": 0}}, {"a": {"x": 3, "y": 2}, "c": {"z": 0}})
    ['a.x: 1 -> 3', 'b: gone', 'c: new']
    """
    if last == now:
        return []
    if not (isinstance(last, dict) and isinstance(now, dict)):
        return [f"{name}: {last} -> {now}"]
    lines = []
    for key in sorted(last.keys() | now.keys()):
        inner = f"{name}.{key}" if name else key
        if key in last and key in now:
            lines += differences(last[key], now[key], inner)
        else:
            value = now.get(key, last.get(key))
            shown = "" if isinstance(value, dict) else f", was {value}" if key in last else f", is {value}"
            lines.append(f"{inner}: {'gone' if key in last else 'new'}{shown}")
    return lines


def refuse_what_a_later_stage_would(chosen: settings.Settings) -> None:
    """What a room below refuses is refused now, not after the stages in front of it."""
    for name in ("path", "vix_path"):
        path = getattr(chosen.source, name)
        if not Path(path).exists():
            raise ConfigError(f"source.{name}: {path}: no such file or folder")
    formula.build(chosen.confluence.model_dump(), chosen.context.model_dump())
    engine_parameters(chosen, native=False)
    execution = execution_of(chosen)
    refuse_foreign_inputs(chosen.models.inputs)
    if chosen.validation.kind == "walk_forward":
        refuse_reverse(execution.reverse)
        splitter(chosen.validation)
        storage.place(chosen.tuning.storage, "study")
        ledger.open(chosen.ledger.where, Path.cwd()).close()
        candidates.refuse_disorder(chosen.models.threshold_grid)
        objective_of(chosen)
        space = policy_space(chosen)
        plan_of(chosen, chosen.tuning.policy, space, {})
        if chosen.tuning.filter is not None and (models := filter_space(chosen)) is not None:
            plan_of(chosen, chosen.tuning.filter, models, {})
        training_config(chosen, {})
        rule_of(chosen, None)
        weighting_of(chosen)


def outlook(chosen: settings.Settings) -> list[str]:
    """What it takes to see the gains that the first ladder promises, from where a plan's money table starts.

    Nothing without a walk-forward, a promise or such a table.
    """
    promised = promises(chosen)
    start = next((file.money.before for file in chosen.gates.values() if file.money), None)
    if chosen.validation.kind != "walk_forward" or not promised or start is None:
        return []
    certainty, a_day = power.Certainty(chosen.judge.level), start.trades_per_month / DAYS_A_MONTH
    steps: dict[tuple[float, float, float], list[str]] = {}
    for step, *needed in power.before(promised, start.win_rate, a_day, certainty):
        steps.setdefault(tuple(needed), []).append(step)  # type: ignore[arg-type]
    shown = [
        f"  {points:+g} points of win rate ({', '.join(names)}): {trades:,.0f} trades in each of two runs, "
        f"{days:,.0f} trading days ({days / DAYS_A_YEAR:,.1f} years)"
        for (points, trades, days), names in sorted(steps.items())
    ]
    return [
        f"mia: to see a promised gain at {100 * certainty.level:g} % confidence and {100 * certainty.power:g} % power, "
        f"from {100 * start.win_rate:g} % wins at {start.trades_per_month:g} trades a month, takes",
        *shown,
    ]


def main() -> None:
    chosen = settings.load()
    refuse_what_a_later_stage_would(chosen)
    if line := runs.send_waiting(Path.cwd(), chosen.tracking.uri).line:
        print(line)
    now = yaml.safe_load(settings.PARAMS.read_text())
    last = yaml.safe_load(LAST.read_text()) if LAST.is_file() else None
    if last is not None and (changed := differences(last, now)):
        print("mia: these settings differ from the last run; what -S does not name is back at its default")
        for line in changed:
            print(f"  {line}")
    for line in outlook(chosen) if last != now else ():
        print(line)
    LAST.parent.mkdir(parents=True, exist_ok=True)
    LAST.write_text(yaml.safe_dump(now))


if __name__ == "__main__":
    run(main)
