"""The small bar beside a figure: its interval on one axis with the values that pass."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mia_ml.metrics.estimate import Estimate

MARGIN = 0.08  # of the axis, at either end
SPREAD = 3.0  # an interval may reach this many times as far as the typical one, then it is cut
OPEN = (math.nan, math.nan)
WHOLE_AXIS = {"probability": (0.0, 1.0)}


@dataclass(frozen=True)
class Bar:
    """Places in percent of the width, from the left; None where there is nothing to draw.

    passing: from where to where a value passes. marks: its ends, as far as they are on the axis. cut: whether the
    interval goes on beyond the left and the right end.
    """

    value: float
    interval: tuple[float, float] | None
    passing: tuple[float, float] | None
    marks: tuple[float, ...]
    cut: tuple[bool, bool]


def bar(value: float, low: float, high: float, unit: str, bounds: tuple[float, float] = OPEN) -> Bar | None:
    """None without a finite value, or with nothing to see it against. bounds: least and most that pass, NaN where open.

    >>> bar(0.5, 0.25, 1.0, "ratio", bounds=(0.0, math.nan))
    Bar(value=50.0, interval=(28.4, 93.1), passing=(6.9, 100.0), marks=(6.9,), cut=(False, False))
    """
    seen = [point for point in (low, high, *bounds) if math.isfinite(point)]
    if not math.isfinite(value) or not seen:
        return None
    points = [value, *seen, *WHOLE_AXIS.get(unit, ())]
    return _on((min(points), max(points)), value, low, high, bounds)


def against_zero(figures: Iterable[Estimate]) -> list[Bar | None]:
    """Bars on one axis, so that their lengths compare; what is above 0 is shaded."""
    figures = list(figures)
    ends = limits(figures)
    return [
        _on(ends, figure.value, figure.low, figure.high, (0.0, math.nan)) if figure.decided else None
        for figure in figures
    ]


def limits(figures: Iterable[Estimate | None], also: Iterable[float] = ()) -> tuple[float, float]:
    """The ends of an axis with 0, what is to be seen `also`, every value, and every interval that is in proportion.

    >>> few = [Estimate("g", 1.0, -1.0, 2.0, "points")] * 4 + [Estimate("g", 2.0, -90.0, 99.0, "points")]
    >>> limits(few, also=(3.0,))
    (-4.0, 5.0)
    """
    known = [figure for figure in figures if figure is not None and figure.decided]
    seen = [0.0, *also, *(figure.value for figure in known)]
    lows = sorted(figure.low for figure in known if math.isfinite(figure.low))
    highs = sorted(figure.high for figure in known if math.isfinite(figure.high))
    if lows and highs:
        wide = SPREAD * max(highs[len(highs) // 2] - lows[len(lows) // 2], 0.0) / 2
        middle = (highs[len(highs) // 2] + lows[len(lows) // 2]) / 2
        seen += [max(lows[0], middle - wide), min(highs[-1], middle + wide)]
    return min(seen), max(seen)


def _on(ends: tuple[float, float], value: float, low: float, high: float, bounds: tuple[float, float]) -> Bar:
    place = _axis(*ends)
    least, most = bounds
    marks = tuple(place(bound) for bound in bounds if math.isfinite(bound))
    passing = (place(least) if math.isfinite(least) else 0.0, place(most) if math.isfinite(most) else 100.0)
    whole = not (math.isnan(low) or math.isnan(high))
    return Bar(
        place(value),
        (place(low), place(high)) if whole else None,
        passing if marks else None,
        marks,
        (whole and low < ends[0], whole and high > ends[1]),
    )


def _axis(least: float, most: float) -> Callable[[float], float]:
    wide = (most - least) or max(abs(most), 1.0)

    def place(value: float) -> float:
        share = (value - least + MARGIN * wide) / ((1 + 2 * MARGIN) * wide)
        return round(100 * min(max(share, 0.0), 1.0), 1)

    return place
