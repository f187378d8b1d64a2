"""The trials of a study on the ledger: each is counted before it is evaluated."""

import dataclasses
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mia_ml.ledger.configuration import Configuration
from mia_ml.ledger.ledger import Ledger
from mia_ml.settings import Settings
from mia_ml.tuning.records import Trial


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def traded_as(chosen: Settings, root: str = "") -> str:
    """The instrument, by default the configured one, as the ledger knows it: a simulated day is no day of a market."""
    return (root or chosen.instrument.root) + (" simulated" if chosen.source.kind == "simulate" else "")


class Counted:
    """A `tuning.attempt.Recorder`.

    searched: what every trial of the study has in common; a trial adds its number to the name and its params.
    """

    def __init__(self, ledger: Ledger, searched: Configuration) -> None:
        self._ledger = ledger
        self._searched = searched
        self._launches: dict[int, int] = {}

    def launched(self, number: int, params: Mapping[str, Any]) -> None:
        self._launches[number] = self._ledger.launch(self.configuration(number, params), now())

    def ended(self, trial: Trial) -> None:
        self._ledger.end(self._launches.pop(trial.number), trial.state, now(), sharpe_of(trial))

    def configuration(self, number: int, params: Mapping[str, Any]) -> Configuration:
        searched = self._searched
        content = {**searched.content, "params": dict(params)}
        return dataclasses.replace(searched, name=f"{searched.name}/{number}", content=content)


def sharpe_of(trial: Trial) -> float:
    """The mean annual Sharpe ratio of the inner folds that were run and where daily P&L varied; NaN where none did.

    >>> sharpe_of(Trial(0, 0, "pruned", {}, statistics=({"sharpe": 1.0}, {"sharpe": math.nan}, {"sharpe": 2.0})))
    1.5
    """
    known = [fold["sharpe"] for fold in trial.statistics if math.isfinite(fold["sharpe"])]
    return math.fsum(known) / len(known) if known else math.nan
