"""A plan's money table beside what was measured: nothing is held against it."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from mia_ml.core import figures
from mia_ml.judge import wording
from mia_ml.judge.judgement import Note
from mia_ml.metrics.estimate import Estimate, undecided
from mia_ml.metrics.kpi import DAYS_A_MONTH, DAYS_A_YEAR

MONTHS_A_YEAR = DAYS_A_YEAR // DAYS_A_MONTH


def notes(plan: Mapping[str, Any], estimates: Mapping[str, Estimate]) -> Iterator[Note]:
    """The plan's year before and after, and the measured year on the plan's capital.

    plan: capital_usd, and `before` and `after`, each with win_rate (a share), trades_per_month and usd_a_year.
    A trade's USD follow from the plan's own numbers: usd_a_year / (12 trades_per_month).

    >>> before = {"win_rate": 0.57, "trades_per_month": 10, "usd_a_year": 14000}
    >>> after = {"win_rate": 0.78, "trades_per_month": 30, "usd_a_year": 26000}
    >>> shown = list(notes({"capital_usd": 100000, "before": before, "after": after}, {}))
    >>> [(note.what, note.promised) for note in shown][::3]
    [('USD a year on 100,000', '+14,000 USD -> +26,000 USD'), ('USD a trade', '+117 USD -> +72 USD')]
    """
    before, after, capital = plan["before"], plan["after"], plan["capital_usd"]

    def promised(unit: str, key: str) -> str:
        return f"{wording.number(unit, before[key])} -> {wording.number(unit, after[key])}"

    year, rate = _of(estimates, "annual_return"), _of(estimates, "trades_per_month")
    yearly = _scaled(year, capital)
    yield Note(what=f"USD a year on {capital:,.0f}", promised=promised("USD", "usd_a_year"), measured=_shown(yearly))
    for name in ("win_rate", "trades_per_month"):
        known = figures.FIGURES[name]
        yield Note(what=known.words, promised=promised(known.unit, name), measured=_shown(_of(estimates, name)))
    yield Note(
        what="USD a trade",
        promised=" -> ".join(wording.number("USD", _a_trade(side)) for side in (before, after)),
        measured=_shown(_measured_a_trade(year, rate, capital)),
    )


def _a_trade(side: Mapping[str, float]) -> float:
    return side["usd_a_year"] / (MONTHS_A_YEAR * side["trades_per_month"])


def _measured_a_trade(year: Estimate, rate: Estimate, capital: float) -> Estimate:
    if rate.value == 0:
        return undecided("usd_a_trade", "USD", "no trades")
    return _scaled(year, capital / (MONTHS_A_YEAR * rate.value)) if rate.decided else rate


def _of(estimates: Mapping[str, Estimate], name: str) -> Estimate:
    return estimates.get(name) or undecided(name, figures.FIGURES[name].unit, "not measured")


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    """A share of the capital in USD."""
    value, low, high = (factor * share for share in (estimate.value, estimate.low, estimate.high))
    return Estimate(estimate.name, value, low, high, "USD", estimate.level, estimate.method, estimate.undecidable)


def _shown(estimate: Estimate) -> str:
    if not estimate.decided:
        return estimate.undecidable or "not known"
    shown = wording.number(estimate.unit, estimate.value)
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return shown
    return f"{shown} ({wording.percent(estimate.level)} {wording.interval(estimate.unit, estimate.low, estimate.high)})"
