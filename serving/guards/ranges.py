"""Inputs of a row that lie outside what training has seen, widened by a margin.

    outside   value < low - margin (high - low)   or   value > high + margin (high - low)

low and high are the smallest and largest training value of a feature (`scoring.ranges`). What training never saw at
all is outside with any value. A missing value is not outside: a score that is NaN for it is explained by `why`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mia_ml.confluence.formula import column_of


@dataclass(frozen=True)
class Outside:
    """low, high: the training range without the margin; None where training saw no value."""

    name: str
    value: float
    span: tuple[float, float] | None

    def __str__(self) -> str:
        if self.span is None:
            return f"{self.name} is {self.value:.6g}, training never saw it"
        return f"{self.name} is {self.value:.6g}, training saw {self.span[0]:.6g} to {self.span[1]:.6g}"


class Ranges:
    """spans: (low, high) by ROW field, as a bundle has them. margin: share of high - low. most: how many are borne.

    >>> from mia_ml.features import engine
    >>> row = np.zeros(1, engine.ROW)
    >>> row["vix"], row["rvol"] = 45.2, 1.0
    >>> guard = Ranges({"vix": (12.0, 24.0), "rvol": (0.2, 3.0)}, margin=0.5, most=0)
    >>> guard.verdict(guard.outside(row))
    'out of its training range: vix is 45.2, training saw 12 to 24'
    """

    def __init__(self, spans: Mapping[str, tuple[float, float] | None], margin: float, most: int) -> None:
        self._names = tuple(spans)
        self._spans = tuple(spans.values())
        self._most = most
        self._columns = np.array([column_of(name) for name in self._names], np.int64)
        self._borne = [_widened(span, margin) for span in self._spans]

    def outside(self, row: np.ndarray) -> tuple[Outside, ...]:
        """The inputs of a ROW [1] that are out of range, in the order of `spans`."""
        found = []
        for k, value in enumerate(row.view(np.float64)[self._columns].tolist()):
            low, high = self._borne[k]
            if value < low or value > high:
                found.append(Outside(self._names[k], value, self._spans[k]))
        return tuple(found)

    def verdict(self, outside: tuple[Outside, ...]) -> str:
        """Why a signal on that row is not acted upon; empty when no more than `most` inputs are out of range."""
        if len(outside) <= self._most:
            return ""
        return "out of its training range: " + "; ".join(map(str, outside))


def _widened(span: tuple[float, float] | None, margin: float) -> tuple[float, float]:
    if span is None:
        return math.inf, -math.inf
    room = margin * (span[1] - span[0])
    return span[0] - room, span[1] + room
