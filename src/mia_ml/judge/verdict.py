"""The verdict: one decision, the sentence that says it, and what it rests on.

The first row that holds decides, over the blocking gates:

    there is none                                               undecided
    every one passes                                            edge
    a check of the machinery fails                              undecided: its figures cannot be believed
    a count of trades or days does not pass                     undecided: too little data
    the low end of net expectancy does not clear its gate       no edge found, with what these data could have shown
    luck explains it (DSR, PBO, twins, ...) or costs eat it     no edge found
        (profit factor, one more tick): one of these fails
    anything else fails, is undecidable or infeasible           undecided

"No edge found" says that data enough to be decided showed none; it proves no absence. What a version may be promoted to
follows from the same gates: all pass, `champion`; some are undecidable, `paper`; one fails or is infeasible, nothing.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from mia_ml.core import figures
from mia_ml.core.words import ordinal
from mia_ml.judge import wording
from mia_ml.judge.judgement import About, Decision, GateResult, GateTable, LadderStep, Power, Selection, Verdict
from mia_ml.metrics.estimate import Estimate, undecided

Stage = Literal["nothing", "paper", "champion"]

SAMPLE = ("n_trades", "days_traded", "n_days")
EDGE = ("dsr", "pbo", "twins_p", "profit_factor", "expectancy_r_plus_tick", "psr", "spa_p", "expectancy_r")
PLANNED_HOLDOUT = "24 months"


class Ruling(NamedTuple):
    """deciding: the gates that decided. because: how the sentence goes on after the decision, may be empty."""

    decision: Decision
    deciding: tuple[GateResult, ...]
    because: str


def allowed(tables: Iterable[GateTable]) -> Stage:
    """The furthest stage that the blocking gates leave open."""
    statuses = {result.status for result in _blocking(tables)}
    if not statuses or statuses & {"fail", "infeasible"}:
        return "nothing"
    return "paper" if "undecidable" in statuses else "champion"


def rule(tables: Iterable[GateTable]) -> Ruling:
    """The row of the module's table that holds."""
    results = _blocking(tables)
    open_ = tuple(result for result in results if result.status != "pass")
    if not results:
        return Ruling("undecided", (), "there are no blocking gates")
    if not open_:
        return Ruling("edge", tuple(result for result in results if result.figure in EDGE), "")
    broken = tuple(result for result in open_ if result.figure in figures.INTEGRITY and result.status == "fail")
    if broken:
        failed = " and ".join(result.name for result in broken)
        return Ruling("undecided", broken, f"a check of the machinery fails ({failed})")
    short = tuple(result for result in open_ if result.figure in SAMPLE)
    if short:
        counts = ", ".join(_count(result) for result in short)
        return Ruling("undecided", short, f"too little data ({counts})")
    none = tuple(result for result in open_ if _shows_no_gain(result))
    if none:
        return Ruling("no edge found", none, "")
    lost = tuple(result for result in open_ if result.figure in EDGE and result.status == "fail")
    if lost:
        named = " and ".join(_measured(result) for result in lost)
        return Ruling("no edge found", lost, f"with {named}")
    named = " and ".join(f"{_words(result)} ({result.status})" for result in open_)
    return Ruling("undecided", open_, f"open: {named}")


def reach(
    about: About,
    estimates: Mapping[str, Estimate],
    tables: Sequence[GateTable],
    selection: Selection,
    power: Power,
    ladders: Mapping[str, Sequence[LadderStep]] | None = None,
    holdout: str = "",
) -> Verdict:
    """The verdict on a judged policy.

    estimates: as `gates.table` took them. ladders: by name, for what of them could not be decided. holdout: how much of
    the data is sealed, as conf/validation says it; empty when nothing is known of it.
    """
    ruling = rule(tables)
    return Verdict(
        decision=ruling.decision,
        sentence=_sentence(ruling, about, estimates, selection, power),
        reasons=tuple(_reasons(ruling, about, tables, power, holdout)),
        undecided=tuple(_undecided(tables, ladders or {})),
    )


def _blocking(tables: Iterable[GateTable]) -> list[GateResult]:
    return [result for table in tables if table.blocking for result in table.results]


def _shows_no_gain(result: GateResult) -> bool:
    """Whether net expectancy was measured, and its interval does not clear the floor."""
    return result.figure == "expectancy_r" and (
        result.status == "fail" or not (math.isnan(result.low) or result.low > result.bounds[0])
    )


def _not_seen(ruling: Ruling, power: Power) -> bool:
    """Whether the decision is that no gain was seen, and it is known which would have been."""
    gain = any(result.figure == "expectancy_r" for result in ruling.deciding)
    return ruling.decision == "no edge found" and gain and not math.isnan(power.detectable_r)


def _words(result: GateResult) -> str:
    known = figures.FIGURES.get(result.figure)
    return known.words if known else result.name


def _count(result: GateResult) -> str:
    asked = wording.limit(result.unit, result.bounds[0])
    return f"{wording.number(result.unit, result.value)} of {asked} {_words(result)}"


def _measured(result: GateResult) -> str:
    shown = f"{_words(result)} {wording.number(result.unit, result.value)}"
    if math.isnan(result.low) or math.isnan(result.high):
        return shown
    return f"{shown} ({wording.interval(result.unit, result.low, result.high)})"


def _sentence(
    ruling: Ruling, about: About, estimates: Mapping[str, Estimate], selection: Selection, power: Power
) -> str:
    head = {"edge": "Edge found", "no edge found": "No edge found", "undecided": "Not decided"}[ruling.decision]
    head += " in SYNTHETIC data" if about.synthetic else ""
    head += f", {ruling.because}" if ruling.because else ""
    n = estimates.get("n_trades") or undecided("n_trades", "trades", "not measured")
    over = f"over {wording.number('trades', n.value)} trades on {about.n_days:,} days, costs in"
    could = ""
    if _not_seen(ruling, power):
        could = f", where {wording.number('R', power.detectable_r)} would have been seen"
    inner = sum(selection.n_inner.values())
    tried = f"{inner:,} inner and {selection.n_outer:,} outer configurations were tried"
    look = f", on the {ordinal(about.look)} look at the sealed days" if about.look else ""
    return f"{head}: {_gain(estimates)} {over}{could}; {tried}{look}."


def _gain(estimates: Mapping[str, Estimate]) -> str:
    gain = estimates.get("expectancy_r") or undecided("expectancy_r", "R", "not measured")
    if not gain.decided:
        return f"expectancy not known ({gain.undecidable})"
    shown = f"{wording.number('R', gain.value)} a trade"
    if math.isnan(gain.low) or math.isnan(gain.high):
        return f"{shown} (no interval)"
    return f"{shown} ({wording.percent(gain.level)} {wording.interval('R', gain.low, gain.high).removesuffix(' R')})"


def _reasons(ruling: Ruling, about: About, tables: Sequence[GateTable], power: Power, holdout: str) -> Iterator[str]:
    for result in ruling.deciding:
        yield f"{result.rule}: {result.status}: {result.why}"
    if _not_seen(ruling, power):
        seen = wording.number("R", power.detectable_r)
        yield f"an expectancy of {seen} or more would have shown in four of five such samples; a smaller one may hide"
    results = _blocking(tables)
    for result in results:
        if result.status != "pass" and result not in ruling.deciding:
            yield f"{result.rule}: {result.status}: {result.why}"
    if results:
        yield f"{sum(result.status == 'pass' for result in results)} of {len(results)} blocking gates pass"
    if about.look:
        level = wording.percent(1 - about.alpha)
        yield (
            f"{ordinal(about.look)} look at the sealed days: it may spend alpha {about.alpha:.4f}, "
            f"so its intervals are at {level}"
        )
    if holdout and holdout != PLANNED_HOLDOUT:
        sealed = "no hold-out is sealed" if holdout == "none" else f"the sealed hold-out is a declared {holdout}"
        yield f"{sealed}, where the plan asks for its last two years"
    if about.synthetic:
        yield "the data are SYNTHETIC: this tests the machinery and says nothing about a market"


def _undecided(tables: Sequence[GateTable], ladders: Mapping[str, Sequence[LadderStep]]) -> Iterator[str]:
    for table in tables:
        for result in table.results:
            if result.status in ("undecidable", "infeasible"):
                yield f"{table.title}, {result.name}: {result.status}: {result.why}"
    for name, steps in ladders.items():
        for step in steps:
            if step.verdict == "undecided":
                yield f"ladder {name}, {step.name}: {step.why}"
