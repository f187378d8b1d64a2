"""A measured figure beside what is asked of it."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """name: its key in the JSON. target: None where nothing is asked; `at_least` says which side of it is good."""

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = True
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    @property
    def ratio(self) -> float | None:
        """How many times better than the target; below 1 it is missed."""
        if self.target is None:
            return None
        over, under = (self.value, self.target) if self.at_least else (self.target, self.value)
        return over / under if under else 1.0 if not over else math.inf
