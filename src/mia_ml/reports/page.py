"""The verdict page: a judgement as one HTML file that needs nothing else, no script and no network."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from mia_ml.judge.judgement import GateResult, GateTable, Information, Judgement
from mia_ml.metrics.estimate import Estimate
from mia_ml.reports import (
    bars,
    equity_chart,
    ladder_chart,
    sample_chart,
    selection_chart,
    svg,
    undecided,
    wording,
)

SECTIONS = (
    ("verdict", "Verdict"),
    ("gates", "Gates"),
    ("undecided", "Not decided"),
    ("figures", "Figures"),
    ("ladder", "Ladder"),
    ("equity", "Equity"),
    ("selection", "Selection"),
    ("chance", "Chance"),
    ("stress", "Stress"),
    ("information", "Information"),
    ("power", "Power"),
    ("integrity", "Integrity"),
    ("about", "About"),
)
"""Each is a template of that name and an anchor of the page."""

HEADLINE = ("expectancy_r", "dsr", "pbo", "twins_p", "n_trades")
STATUSES = {"pass": "pass", "fail": "fail", "undecidable": "undecidable", "infeasible": "structurally infeasible"}
LADDERS = {"plan": "The plan, step by step", "literal": "The plan's own formulas, to the letter"}


def write(judgement: Judgement, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html(judgement), encoding="utf-8")


def html(judgement: Judgement) -> str:
    """The same judgement gives the same text, byte for byte."""
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            judgement=judgement,
            about=judgement.about,
            judged=of_judged(judgement),
            tiles=tiles(judgement),
            sections=SECTIONS,
            statuses=STATUSES,
            ladders=LADDERS,
            charts=_charts(judgement),
            left_open=undecided.figures(judgement),
            heat=heat(judgement.information),
            methods=methods(judgement),
            benchmarks=benchmarks(judgement),
        )
    )


def of_judged(judgement: Judgement) -> dict[str, Estimate]:
    """The figures of the judged policy by name."""
    return {figure.name: figure for figure in next(iter(judgement.estimates.values()), ())}


def tiles(judgement: Judgement) -> list[tuple[Estimate, GateResult | None]]:
    """The figures that matter most, each with the blocking gate that holds it."""
    gates = {result.figure: result for table in judgement.gates if table.blocking for result in reversed(table.results)}
    chosen = judgement.selection
    found = of_judged(judgement) | {"dsr": chosen.dsr, "pbo": chosen.pbo, "twins_p": judgement.twins.p}
    return [(found[name], gates.get(name)) for name in HEADLINE if name in found]


def tally(table: GateTable) -> list[tuple[str, int]]:
    """How many gates have each status, those that occur."""
    counts = {status: sum(result.status == status for result in table.results) for status in STATUSES}
    return [(status, count) for status, count in counts.items() if count]


def benchmarks(judgement: Judgement) -> list[tuple[str, Estimate, bars.Bar | None]]:
    """Each with what it is called and its bar; expectancies are those of one factor alone and share an axis."""
    alone = [figure for figure in judgement.benchmarks if figure.unit == "R"]
    shared = dict(zip((figure.name for figure in alone), bars.against_zero(alone), strict=True))
    return [
        (f"one factor: {wording.name(figure.name)}", figure, shared[figure.name])
        if figure.unit == "R"
        else (wording.name(figure.name), figure, bars.against_zero([figure])[0])
        for figure in judgement.benchmarks
    ]


def methods(judgement: Judgement) -> list[str]:
    """How the intervals of the figures were made, each way once, with its level."""
    found = [
        f"{wording.level(figure)} by {figure.method}"
        for estimates in (*judgement.estimates.values(), *judgement.differences.values(), judgement.benchmarks)
        for figure in estimates
        if figure.method and not math.isnan(figure.low)
    ]
    return list(dict.fromkeys(found))


def heat(cells: Iterable[Information]) -> dict[str, Any]:
    """Components in their order and horizons from the shortest; `most` is the largest |IC|, at least 0.01."""
    by_place = {(cell.component, cell.horizon_s): cell for cell in cells}
    sizes = [abs(cell.ic.value) for cell in by_place.values() if cell.ic.decided]
    return {
        "components": list(dict.fromkeys(component for component, _ in by_place)),
        "horizons": sorted({horizon for _, horizon in by_place}),
        "cells": by_place,
        "most": max([0.01, *sizes]),
    }


def _charts(judgement: Judgement) -> dict[str, Markup]:
    judged = of_judged(judgement)
    about = judgement.about
    drawn = [
        equity_chart.chart(judgement.days, judgement.curves, about.folds, about.capital_usd),
        selection_chart.trials(judgement.trials, judgement.selection, judged.get("sharpe")),
        selection_chart.logits(judgement.selection),
        sample_chart.twins(judgement.twins, judged.get("expectancy_r")),
        sample_chart.calibration(judgement.calibration),
    ]
    drawn += [
        ladder_chart.chart(str(k), LADDERS.get(key, wording.name(key)), steps)
        for k, (key, steps) in enumerate(judgement.ladders.items())
    ]
    return {chart.key: svg.inline(chart) for chart in drawn if chart is not None}


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mia_ml", "reports/templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "called": wording.name,
        "capital": wording.capital,
        "typeset": wording.typeset,
        "number": wording.number,
        "bare": wording.bare,
        "in_points": wording.in_points,
        "stated": wording.stated,
        "why": wording.why,
        "level": wording.level,
        "day": wording.day,
        "duration": wording.duration,
        "tally": tally,
    }
    environment.globals |= {
        "interval": wording.interval,
        "bar": bars.bar,
        "against_zero": bars.against_zero,
        "isnan": math.isnan,
        "nan": math.nan,
        "isfinite": math.isfinite,
    }
    return environment
