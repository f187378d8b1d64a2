"""Equity and drawdown over the test windows, the judged policy beside the others."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from mia_ml.judge.judgement import Curve
from mia_ml.reports import svg, wording

LINES = (
    (svg.ACCENT, "-", 1.8),
    (svg.SECOND, (0, (6, 2)), 1.3),
    (svg.THIRD, (0, (2, 1.5)), 1.3),
    (svg.FOURTH, (0, (6, 2, 1, 2)), 1.3),
)
"""Told apart by their dashes too; the judged policy comes first."""
POINTS = 700  # of a curve, about two for each pixel that shows it


def chart(days: Sequence[int], curves: Sequence[Curve], folds: Sequence[int], capital_usd: float) -> svg.Chart | None:
    """None without a day. days, folds: yyyymmdd; folds are the first days of the test windows."""
    curves = [curve for curve in curves if len(curve.equity_usd) == len(days)]
    if not days or not curves:
        return None
    falls = [drawdown(curve.equity_usd, capital_usd) for curve in curves]
    said = (
        f"{wording.name(curve.policy)} ends at {wording.number(curve.equity_usd[-1], 'USD')}, its deepest drawdown is "
        f"{wording.number(-float(fall.min()), 'share')} of the peak"
        for curve, fall in zip(curves, falls, strict=True)
    )

    def draw(figure: Figure, narrow: bool) -> None:
        top, low = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.2])
        moments = _dates(days)
        _windows((top, low), _dates(folds), moments[-1])
        for k, (curve, fall) in enumerate(zip(curves, falls, strict=True)):
            colour, dashes, width = LINES[k % len(LINES)]
            style = {"color": colour, "linestyle": dashes, "zorder": 4 - min(k, 3) * 0.1}
            equity = np.asarray(curve.equity_usd)
            seen, under = thinned(equity), thinned(fall)
            top.plot(moments[seen], equity[seen], linewidth=width, label=wording.short(curve.policy), **style)
            low.plot(moments[under], 100 * fall[under], linewidth=0.7 * width, **style)
            if k == 0:
                low.fill_between(moments[under], 100 * fall[under], 0, color=colour, alpha=0.25, linewidth=0)
        top.axhline(capital_usd, color=svg.LINE, linewidth=1, zorder=1)
        low.set_ylim(top=0)
        if not min(float(fall.min()) for fall in falls):
            low.set_ylim(bottom=-1)
        top.set_title("Equity, USD")
        low.set_title("Drawdown, % of the peak")
        low.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", wording.MINUS))
        top.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}".replace("-", wording.MINUS))
        locator = AutoDateLocator(maxticks=5 if narrow else 10)
        low.xaxis.set_major_locator(locator)
        low.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        for axes in (top, low):
            axes.tick_params(length=0)
            axes.grid(axis="x", visible=False)
            axes.spines["left"].set_visible(False)
            axes.margins(x=0.01)
        figure.legend(loc="outside upper left", ncols=1 if narrow else len(curves))

    return svg.Chart("equity", "Equity and drawdown", "; ".join(said) + ".", (430, 430), draw)


def drawdown(equity_usd: Sequence[float], capital_usd: float) -> np.ndarray:
    """At or below 0, a share of the highest equity so far; the capital is the first.

    >>> drawdown([120.0, 90.0, 130.0], capital_usd=100.0).tolist()
    [0.0, -0.25, 0.0]
    """
    equity = np.asarray(equity_usd, np.float64)
    peak = np.maximum(np.maximum.accumulate(equity), capital_usd)
    return equity / peak - 1.0


def thinned(values: np.ndarray, points: int = POINTS) -> np.ndarray:
    """Places of about that many values, in order, with the first, the last and every local extreme that can be seen.

    >>> thinned(np.array([0.0, 5.0, 1.0, -3.0, 2.0, 0.0]), points=2).tolist()
    [0, 1, 3, 5]
    """
    if values.size <= points:
        return np.arange(values.size)
    kept = {0, values.size - 1}
    for part in np.array_split(np.arange(values.size), points // 2):
        kept |= {int(part[values[part].argmin()]), int(part[values[part].argmax()])}
    return np.array(sorted(kept))


def _dates(days: Sequence[int]) -> np.ndarray:
    return np.array([wording.day(day) for day in days], "datetime64[D]").astype("datetime64[us]")


def _windows(both: Sequence[Axes], opened: np.ndarray, last: np.datetime64) -> None:
    """Tint every other test window, so that eighty are seen as well as two."""
    edges = np.append(opened, last)
    for k in range(0, opened.size, 2):
        for axes in both:
            axes.axvspan(edges[k], edges[k + 1], color=svg.FAINT, alpha=0.65, linewidth=0, zorder=0)
