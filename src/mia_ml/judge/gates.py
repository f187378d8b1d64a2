"""Gates: what a result is held against, file by file of conf/gates (SPEC 8).

    pass, fail, undecidable    as `rules` has them; undecidable as well where the figure is, for its reason
    infeasible                 no result could pass (`feasible`), and this one does not either

A check of the machinery passes or fails as it came out, and is undecidable when it was not made.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from mia_ml.core import figures
from mia_ml.judge import money, outlook, rules, wording
from mia_ml.judge.feasible import Facts, obstacle
from mia_ml.judge.judgement import GateResult, GateStatus, GateTable, Integrity
from mia_ml.judge.rules import Rule
from mia_ml.metrics.estimate import Estimate, undecided


def table(
    name: str,
    file: Mapping[str, Any],
    estimates: Mapping[str, Estimate],
    integrity: Iterable[Integrity] = (),
    facts: Facts = Facts(),  # noqa: B008 - frozen
) -> GateTable:
    """The gates of one file held against a result.

    file: as `settings` has it: title, blocking, gates (name -> fields of a Rule), integrity (names of checks) and
        money. estimates: by the name of the figure in `figures.FIGURES`; one that is absent was not measured.
    """
    made = {check.name: check for check in integrity}
    results = [hold(gate, Rule(**rule), estimates, facts) for gate, rule in file["gates"].items()]
    results += [_check(check, made.get(check)) for check in file["integrity"]]
    notes = money.notes(file["money"], estimates) if file["money"] else ()
    return GateTable(
        name=name, title=file["title"], blocking=file["blocking"], results=tuple(results), notes=tuple(notes)
    )


def hold(name: str, rule: Rule, estimates: Mapping[str, Estimate], facts: Facts) -> GateResult:
    """One gate.

    >>> n = {"expectancy_r": Estimate("expectancy_r", 0.03, -0.03, 0.09, "R")}
    >>> found = hold("expectancy", Rule("expectancy_r", "bound", above=0), n, Facts())
    >>> found.status, found.why
    ('undecidable', 'the interval -0.030 to +0.090 R holds 0 R')
    """
    unit = rule.known.unit
    estimate = estimates.get(rule.figure) or undecided(rule.figure, unit, "it was not measured")
    limits = rule.limits_at(facts.alpha)
    level = estimate.level if estimate.decided else 1 - (0.05 if math.isnan(facts.alpha) else facts.alpha)
    status, why, change = _held(rule, limits, estimate, estimates, facts)
    blocked = obstacle(rule, limits, facts) if status != "pass" else None
    if blocked:
        status, why, change = "infeasible", blocked.why, blocked.would_change
    floor = next((limit.value for limit in limits if limit.side > 0), math.nan)
    ceiling = next((limit.value for limit in limits if limit.side < 0), math.nan)
    return GateResult(
        name=name,
        figure=rule.figure,
        rule=rule.sentence(limits, level),
        status=status,
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        unit=unit,
        why=why,
        would_change=change,
        bounds=(floor, ceiling),
    )


def _held(
    rule: Rule,
    limits: tuple[rules.Limit, ...],
    estimate: Estimate,
    estimates: Mapping[str, Estimate],
    facts: Facts,
) -> tuple[GateStatus, str, str]:
    """Status, why and what would change it, as far as the estimate goes."""
    if not estimate.decided:
        return "undecidable", estimate.undecidable or "its value is not known", "a run that can measure it"
    if rule.by == "value":
        low = high = estimate.value
    else:
        low, high = estimate.low, estimate.high
        if estimate.level < 1 - facts.alpha - 1e-9:  # false without a look
            asked, given = wording.percent(1 - facts.alpha), wording.percent(estimate.level)
            return "undecidable", f"its interval is at {given}, this look asks for {asked}", f"an interval at {asked}"
    status = rules.status(limits, low, high)
    change = outlook.would_change(rule, limits, status, estimate, estimates)
    return status, _why(rule, limits, status, estimate), change


def _why(rule: Rule, limits: tuple[rules.Limit, ...], status: rules.Status, estimate: Estimate) -> str:
    unit = rule.known.unit
    if rule.by == "value":
        return f"measured {wording.number(unit, estimate.value)}"
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return f"{wording.number(unit, estimate.value)} has no interval"
    interval = f"interval {wording.interval(unit, estimate.low, estimate.high)}"
    if status == "undecidable":
        ends = ((limit, estimate.low if limit.side > 0 else estimate.high) for limit in limits)
        held = " and ".join(wording.limit(unit, limit.value) for limit, near in ends if not limit.clears(near))
        return f"the {interval} holds {held}"
    if status == "pass":
        return f"the whole {interval} clears it"
    return f"the whole {interval} misses it"


def _check(name: str, check: Integrity | None) -> GateResult:
    status: GateStatus = "undecidable"
    value, why, change = math.nan, "the check was not made", "a run that makes the check"
    if check is not None:
        status, value, why = "pass" if check.ok else "fail", float(check.ok), check.detail
        change = "" if check.ok else "what the check names, put right"
    return GateResult(
        name=name,
        figure=name,
        rule=figures.INTEGRITY[name],
        status=status,
        value=value,
        low=math.nan,
        high=math.nan,
        unit="",
        why=why,
        would_change=change,
    )
