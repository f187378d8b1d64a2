"""The ladder: a plan's formulas one step at a time, each against the one before on the same out-of-sample windows.

Barriers, exits and costs are those of the labels, the same for all steps: a win rate can be bought with the barriers.
So the gain is told in R first, then in points of the win rate minus its break-even, drawn on the same days for both
steps. A step trades rarely; its candidates, the distinct crossings of the multiples of its threshold, traded or not,
are more, so their difference shows sooner what the step is worth.

    confirmed   the gain's interval in points lies at or above the low end of what is promised
    refuted     it lies below that
    undecided   it does neither, or the data cannot show what the step adds; `why` says which

Where growth of the number of signals is promised too, it is held to the same rule, and the worse of the two counts.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mia_ml.confluence.formula import Formula
from mia_ml.core.errors import DataError
from mia_ml.evaluation import candidates
from mia_ml.evaluation.ground import SIGNALLED, Ground, Outcome, Window
from mia_ml.judge.judgement import LadderStep, StepVerdict
from mia_ml.labels.records import SIDES, usable
from mia_ml.metrics import bootstrap, day_sums, power, proportions
from mia_ml.metrics.bootstrap import Resampling
from mia_ml.metrics.estimate import Estimate, undecided
from mia_ml.scoring.filter import Filter, Rule

FilterOf = Callable[[Window, Formula, Rule], Filter]
"""The filter of a formula's own population in a training window; raises DataError when it cannot be trained."""

SECTIONS = ("terms", "threshold", "session", "gamma_cycle", "volatility_adjustment")
"""What a step may change of the confluence section."""


@dataclass(frozen=True)
class Step:
    """promise: points of win rate, low and high. promised_signals: growth of their number, 1.5 is +150 %.

    rule: of a filter that every signal must pass, None without.
    """

    name: str
    adds: str
    promise: tuple[float, float] | None
    promised_signals: float | None
    confluence: Mapping[str, Any]
    rule: Rule | None


def steps_of(start: Mapping[str, Any], changes: Mapping[str, Mapping[str, Any]]) -> tuple[Step, ...]:
    """A ladder from its first confluence section and what each further step changes, as `settings.ladder` has them.

    What a step leaves out, or is None, stays as it was.
    """
    section, rule = dict(start), None
    steps = [Step(section["name"], "", None, None, section, None)]
    for name, change in changes.items():
        section = section | {"name": name} | {key: change[key] for key in SECTIONS if change.get(key) is not None}
        if change.get("rule") is not None:
            rule = Rule(**change["rule"])
        promise = change.get("promise")
        steps.append(
            Step(name, change["adds"], promise and (promise[0], promise[1]), change.get("signals"), section, rule)
        )
    return tuple(steps)


@dataclass(frozen=True)
class _Rung:
    """A step as it came out. silent: why it could not signal, empty when it could."""

    step: Step
    crossed: np.ndarray  # int64 [m, 2]: row and side of the distinct candidates
    outcome: Outcome
    sums: np.ndarray
    candidate_sums: np.ndarray
    silent: str


def climb(
    ground: Ground, steps: Sequence[Step], filter_of: FilterOf, resampling: Resampling, levels: tuple[float, ...]
) -> tuple[LadderStep, ...]:
    """Each step, and what it gains over the one before.

    levels: rising multiples of the threshold, whose crossings are the candidates. filter_of is asked for every window
    of a step with a rule, unless the step cannot signal.
    """
    told: list[LadderStep] = []
    before: _Rung | None = None
    for step in steps:
        rung = _rung(ground, step, filter_of, levels)
        told.append(_told(ground, rung, before, resampling))
        before = rung
    return tuple(told)


def absent(ground: Ground, terms: Sequence[str]) -> tuple[str, ...]:
    """Which components have no value on any tested row."""
    return tuple(name for name in terms if np.isnan(ground.rows[name][ground.test_rows]).all())


def _unreachable(ground: Ground, step: Step) -> str:
    """Why no row has a score; empty when one has."""
    terms = {name: abs(weight) for name, weight in step.confluence["terms"].items() if weight}
    present = np.zeros(ground.test_rows.size)
    for name, weight in terms.items():
        present += weight * ~np.isnan(ground.rows[name][ground.test_rows])
    if (present / sum(terms.values()) >= step.confluence["min_weight_present"]).any():
        return ""
    missing = absent(ground, list(terms))
    return f"no reachable signal: {', '.join(missing)} absent" if missing else "no reachable signal: too much absent"


def _rung(ground: Ground, step: Step, filter_of: FilterOf, levels: tuple[float, ...]) -> _Rung:
    formula = ground.formula(step.confluence)
    silent = _unreachable(ground, step)
    filters: dict[str, Filter | None] = dict.fromkeys(window.name for window in ground.windows)
    if step.rule is not None and not silent:
        try:
            filters = {window.name: filter_of(window, formula, step.rule) for window in ground.windows}
        except DataError as refusal:
            silent = f"its filter cannot be trained: {refusal}"
    outcome, found = ground.traded(np.zeros(0, SIGNALLED)), []
    if not silent:
        found = [_crossed(ground, formula, window, filters[window.name], levels) for window in ground.windows]
        outcome = ground.run(lambda _: formula, lambda window, own: ground.verdict(filters[window.name], own, window))
    crossed = np.concatenate([np.zeros((0, 2), np.int64), *found])
    labels = ground.labels[crossed[:, 0], np.where(crossed[:, 1] == SIDES[0], 0, 1)]
    labels = labels[usable(labels)]
    no_pnl = np.zeros(ground.days.size)
    candidate_sums = day_sums.of(labels, labels["day"], ground.days, no_pnl)
    return _Rung(step, crossed, outcome, outcome.sums(ground.days), candidate_sums, silent)


def _crossed(
    ground: Ground, formula: Formula, window: Window, judge: Filter | None, levels: tuple[float, ...]
) -> np.ndarray:
    found = candidates.of(ground.panel, formula, *window.test, levels)
    if judge is not None:
        found = found[judge.passes(ground.rows, found["row"], found["side"], found["exceedance"])]
    return np.unique(np.stack([found["row"], found["side"]], axis=1), axis=0)


def _told(ground: Ground, rung: _Rung, before: _Rung | None, resampling: Resampling) -> LadderStep:
    step = rung.step
    own = _figures(rung, ground.capital_usd, resampling)
    alone = LadderStep(
        name=step.name,
        adds=step.adds,
        promise=step.promise,
        promised_signals=step.promised_signals,
        n_trades=rung.outcome.trades.size,
        n_signals=rung.outcome.signals.size,
        expectancy_r=own["expectancy_r"],
        win_rate_minus_break_even=own["win_rate_minus_break_even"],
        gain_r=None,
        gain_points=None,
        gain_candidates_r=None,
        signals_change=None,
        verdict=None,
        why=rung.silent,
    )
    if before is None:
        return alone
    gains = _gains(rung, before, ground.capital_usd, resampling)
    verdict, why = _verdict(ground, rung, before, gains["gain_points"], gains["signals_change"])
    change = gains.pop("signals_change").value
    return alone.model_copy(update=gains | {"signals_change": change, "verdict": verdict, "why": why})


def _figures(rung: _Rung, capital_usd: float, resampling: Resampling) -> dict[str, Estimate]:
    if rung.silent:
        units = {"expectancy_r": "R", "win_rate_minus_break_even": "share"}
        return {name: undecided(name, unit, "no trades") for name, unit in units.items()}
    return _by_name(bootstrap.estimates(rung.sums, capital_usd, resampling))


def _gains(rung: _Rung, before: _Rung, capital_usd: float, resampling: Resampling) -> dict[str, Estimate]:
    units = {"gain_r": "R", "gain_points": "points", "gain_candidates_r": "R", "signals_change": "share"}
    if rung.silent or before.silent:
        why = "no trades" if rung.silent else "other: no trades"
        return {name: undecided(name, unit, why) for name, unit in units.items()}
    trades = _by_name(bootstrap.differences(rung.sums, before.sums, capital_usd, resampling))
    events = _by_name(bootstrap.differences(rung.candidate_sums, before.candidate_sums, capital_usd, resampling))
    return {
        "gain_r": replace(trades["expectancy_r"], name="gain_r"),
        "gain_points": _in_points(trades["win_rate_minus_break_even"]),
        "gain_candidates_r": replace(events["expectancy_r"], name="gain_candidates_r"),
        "signals_change": trades["signals_change"],
    }


def _by_name(estimates: Sequence[Estimate]) -> dict[str, Estimate]:
    return {estimate.name: estimate for estimate in estimates}


def _in_points(share: Estimate) -> Estimate:
    value, low, high = 100 * share.value, 100 * share.low, 100 * share.high
    return replace(share, name="gain_points", value=value, low=low, high=high, unit="points")


def _verdict(
    ground: Ground, rung: _Rung, before: _Rung, points: Estimate, signals: Estimate
) -> tuple[StepVerdict | None, str]:
    unseen = rung.silent or (f"the step before: {before.silent}" if before.silent else _unseen(ground, rung, before))
    if unseen:
        return "undecided", unseen
    step = rung.step
    held: list[tuple[StepVerdict, str]] = []
    if step.promise is not None:
        needed = _needed(before, step.promise[0], points.level)
        held.append(_held(points, step.promise[0], "the gain", "{:+.1f} points", needed))
    if step.promised_signals is not None:
        held.append(_held(signals, step.promised_signals, "the number of signals", "{:+.0%}"))
    verdicts: tuple[StepVerdict, ...] = ("refuted", "undecided")
    for worst in verdicts:
        why = "; ".join(reason for verdict, reason in held if verdict == worst)
        if why:
            return worst, why
    return ("confirmed", "") if held else (None, "nothing is promised")


def _unseen(ground: Ground, rung: _Rung, before: _Rung) -> str:
    """Why the data cannot show what a step adds; empty when they can."""
    added = [name for name in rung.step.confluence["terms"] if name not in before.step.confluence["terms"]]
    missing = absent(ground, added)
    if missing:
        return f"{', '.join(missing)} absent on these days"
    if (
        np.array_equal(rung.crossed, before.crossed)
        and rung.outcome.trades.tobytes() == before.outcome.trades.tobytes()
    ):
        return "it changes no crossing on these days"
    return ""


def _held(found: Estimate, promised: float, what: str, unit: str, needed: str = "") -> tuple[StepVerdict, str]:
    """A figure against the low end of what is promised. needed: what would decide it."""
    if not found.decided:
        return "undecided", f"{what}: {found.undecidable}"
    if math.isnan(found.low):
        return "undecided", f"{what} has {found.method}"
    if found.low >= promised:
        return "confirmed", ""
    told = f"{what}, {unit.format(found.value)} [{unit.format(found.low)}, {unit.format(found.high)}]"
    if found.high < promised:
        return "refuted", f"{told}, lies below the promised {unit.format(promised)}"
    return "undecided", f"{told}, may or may not reach the promised {unit.format(promised)}{needed}"


def _needed(before: _Rung, points: float, level: float) -> str:
    """What it takes to see a promised gain over a step, at a power of 80 %."""
    sums, n_trades = before.sums, before.outcome.trades.size
    if not n_trades:
        return ""
    effect = proportions.day_design_effect(sums["n_wins"], sums["n_trades"])
    certainty = power.Certainty(level=level, effect=effect)
    trades = power.trades_for_gain(float(sums["n_wins"].sum()) / n_trades, points, certainty)
    days = power.days_for(trades, n_trades / sums.size)
    if math.isnan(days):
        return ""
    return f"; to see it takes some {trades:,.0f} trades, {days:,.0f} trading days, and there are {n_trades:,}"
