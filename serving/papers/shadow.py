"""A challenger against the champion on paper: daily differences of profit and loss, with bounds that hold at all times.

A day counts when one version was champion all day long and both accounts have it complete. When the champion changes, a
new pairing begins with no days; the old ones stay on record. The verdict may be looked at daily (`metrics.sequential`):
the chance that it ever says promote or keep without a difference is 1 - level at most, per pairing.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mia_ml.metrics import sequential
from serving.papers.accounts import Store

UNIT = "USD a day"
_DIGITS = 6  # of USD: equity of other height rounds otherwise, and noise is no difference


@dataclass(frozen=True)
class Pairing:
    """days: yyyymmdd that count. differences: float64 [days], challenger less champion, USD."""

    challenger: str
    champion: str
    days: tuple[int, ...]
    differences: np.ndarray


def pairings(store: Store, challenger: str) -> list[Pairing]:
    """In time; the last one is that of the last day with a champion, unless the challenger is champion itself then."""
    usd = {version: _complete(store, version) for version in store.versions()}
    mine = usd.get(challenger, {})
    runs: list[tuple[str, list[int]]] = []
    for day, champions in store.champions().items():
        if not runs or {runs[-1][0]} != set(champions):
            runs.append((champions[-1], []))
        if len(champions) == 1 and day in mine and day in usd.get(champions[-1], {}):
            runs[-1][1].append(day)
    found = []
    for champion, days in runs:
        differences = np.array([mine[day] - usd[champion][day] for day in days], np.float64)
        found.append(Pairing(challenger, champion, tuple(days), np.round(differences, _DIGITS)))
    runs_on = found[-1] if found else None
    return [one for one in found if one.champion != challenger and (one.days or one is runs_on)]


def against_champion(store: Store, challenger: str, level: float) -> dict[str, Any] | None:
    """The verdict on the pairing that runs; None where there is none."""
    champions = store.champions()
    if not champions or champions[max(champions)][-1] == challenger:
        return None
    return verdict_on(pairings(store, challenger)[-1], level)


def verdict_on(pairing: Pairing, level: float) -> dict[str, Any]:
    """As the state of the service shows it. low, high: None while undecided."""
    found = sequential.confidence_sequence(pairing.differences, level).last
    return {
        "verdict": sequential.verdict(pairing.differences, level),
        "days": len(pairing.days),
        "mean": _known(found.mean),
        "low": _known(found.low),
        "high": _known(found.high),
        "unit": UNIT,
    }


def on_record(store: Store, challenger: str, level: float) -> list[dict[str, Any]]:
    """Every pairing so far with its champion, its days and its verdict."""
    return [
        {
            "champion": pairing.champion,
            "first_day": pairing.days[0] if pairing.days else None,
            "last_day": pairing.days[-1] if pairing.days else None,
            **verdict_on(pairing, level),
        }
        for pairing in pairings(store, challenger)
    ]


def _complete(store: Store, version: str) -> dict[int, float]:
    notes = store.notes(version)
    return {day.day: day.usd for day in store.days(version) if day.day in notes and notes[day.day].complete}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
