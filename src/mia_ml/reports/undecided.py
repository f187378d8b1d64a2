"""What a judgement leaves open, gathered from all its parts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mia_ml.judge.judgement import Information, Judgement
from mia_ml.metrics.estimate import Estimate
from mia_ml.reports import wording


@dataclass(frozen=True)
class Open:
    """Figures of one part that are undecidable for one reason."""

    where: str
    names: tuple[str, ...]
    why: str


def figures(judgement: Judgement) -> list[Open]:
    """Every figure that is undecidable, those of one part with one reason together, in the order of the page."""
    groups: dict[tuple[str, str], list[str]] = {}
    for where, figure, name in _all(judgement):
        if not figure.decided:
            names = groups.setdefault((where, wording.why(figure)), [])
            if name not in names:
                names.append(name)
    return [Open(where, tuple(names), why) for (where, why), names in groups.items()]


def _all(judgement: Judgement) -> Iterator[tuple[str, Estimate, str]]:
    for policy, estimates in judgement.estimates.items():
        yield from _named(f"figures, {wording.name(policy)}", estimates)
    for policy, estimates in judgement.differences.items():
        yield from _named(f"difference to {wording.name(policy)}", estimates)
    for key, steps in judgement.ladders.items():
        for step in steps:
            for gain in (step.expectancy_r, step.gain_points, step.gain_r, step.gain_candidates_r):
                if gain is not None:
                    yield f"ladder {wording.name(key)}", gain, wording.name(step.name)
    chosen = judgement.selection
    probabilities = (chosen.psr, chosen.dsr, chosen.dsr_raw_n, chosen.dsr_inner, chosen.pbo, chosen.spa_p)
    yield from _named("selection", (*probabilities, chosen.min_track_record_days, chosen.min_backtest_years))
    yield "random-entry twins", judgement.twins.p, "p"
    for row in judgement.stress:
        yield "stress", row.expectancy_r, f"{row.group}, {wording.name(row.name)}"
    yield from _information(judgement.information)
    yield from _named("benchmarks", judgement.benchmarks)


def _information(cells: Iterable[Information]) -> Iterator[tuple[str, Estimate, str]]:
    """A component once for each reason, with the horizons where it does not hold for all of them."""
    reasons: dict[str, dict[str, list[Information]]] = {}
    for cell in cells:
        reasons.setdefault(cell.component, {}).setdefault("" if cell.ic.decided else wording.why(cell.ic), []).append(
            cell
        )
    for component, by_reason in reasons.items():
        for found in by_reason.values():
            horizons = ", ".join(wording.duration(cell.horizon_s) for cell in found)
            yield (
                "information",
                found[0].ic,
                wording.name(component) + (f" at {horizons}" if len(by_reason) > 1 else ""),
            )


def _named(where: str, estimates: Iterable[Estimate]) -> Iterator[tuple[str, Estimate, str]]:
    for figure in estimates:
        yield where, figure, wording.name(figure.name)
