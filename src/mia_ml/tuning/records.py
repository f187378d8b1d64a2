"""What an evaluation gives and what a study keeps of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True)
class Result:
    """One evaluation. values: one for each objective, over all folds; unused when pruned.

    per_fold: the same figures for each fold that was run. statistics: what they were computed from, by fold.
    """

    values: tuple[float, ...]
    per_fold: tuple[tuple[float, ...], ...] = ()
    pruned: bool = False
    statistics: tuple[Mapping[str, float], ...] = ()


@dataclass(frozen=True)
class Trial:
    """One trial as it is stored. number: its place among the proposals, 0 first. values: empty unless complete."""

    number: int
    batch: int
    state: State
    params: dict[str, Any]
    values: tuple[float, ...] = ()
    per_fold: tuple[tuple[float, ...], ...] = ()
    statistics: tuple[Mapping[str, float], ...] = ()
    error: str = field(default="")

    @property
    def finished(self) -> bool:
        """Complete or pruned: it counts to the number of trials asked for."""
        return self.state != "failed"
