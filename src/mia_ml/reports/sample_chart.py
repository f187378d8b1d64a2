"""Against chance and against its own promise: the random-entry twins, and the calibration of the probabilities."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mia_ml.judge.judgement import Bin, Twins
from mia_ml.metrics.estimate import Estimate
from mia_ml.reports import svg, wording

BINS = 36


def twins(found: Twins, judged: Estimate | None) -> svg.Chart | None:
    """None without twins. judged: the expectancy of the judged policy, R."""
    values = np.asarray(found.values, np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    stands = judged is not None and judged.decided
    text = f"{values.size:,} random-entry twins earn {wording.number(found.mean, 'R')} a trade on average"
    if judged is not None and stands:
        share = float((values >= judged.value).mean())
        text += f"; this policy earns {wording.stated(judged)}, {wording.number(share, 'share')} of the twins as much"

    def draw(figure: Figure, narrow: bool) -> None:
        axes = figure.subplots()
        counts, _, _ = axes.hist(values, bins=BINS, color=svg.MUTED, alpha=0.55, linewidth=0, label="twins")
        axes.axvline(found.mean, color=svg.MUTED, linewidth=1.5, linestyle=(0, (4, 3)), label="their mean")
        if judged is not None and stands:
            axes.axvline(judged.value, color=svg.ACCENT, linewidth=2.6, label="this policy")
        axes.set_ylim(0, 1.08 * float(np.max(counts)))
        axes.set_title("Number of twins")
        axes.set_xlabel("expectancy, R a trade")
        axes.tick_params(length=0)
        axes.grid(axis="x", visible=False)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:+.2f}".replace("-", wording.MINUS))
        figure.legend(loc="outside lower left", ncols=3)

    return svg.Chart("twins", "Random-entry twins", text + ".", (None, 360), draw)


def calibration(bins: Sequence[Bin]) -> svg.Chart | None:
    """None without a bin."""
    known = [each for each in bins if math.isfinite(each.observed) and math.isfinite(each.predicted)]
    if not known:
        return None
    held = sum(each.low <= each.predicted <= each.high for each in known)
    text = (
        f"{len(known)} bins of {sum(each.n for each in known):,} out-of-sample events; in {held} of them the predicted "
        "probability lies in the interval of the observed share of wins."
    )

    def draw(figure: Figure, narrow: bool) -> None:
        top, low = figure.subplots(2, 1, sharex=True, height_ratios=[3.2, 1])
        x = np.array([100 * each.predicted for each in known])
        y = np.array([100 * each.observed for each in known])
        ends = [(100 * each.low, 100 * each.high) for each in known]
        least = min([*x, *y, *(end[0] for end in ends if math.isfinite(end[0]))])
        most = max([*x, *y, *(end[1] for end in ends if math.isfinite(end[1]))])
        top.plot(
            [least, most], [least, most], color=svg.LINE, linewidth=1.4, linestyle=(0, (4, 3)), label="as promised"
        )
        top.vlines(x, *zip(*ends, strict=True), color=svg.ACCENT, linewidth=2, label="95 % interval")
        top.plot(x, y, "o-", color=svg.ACCENT, markersize=6, linewidth=1, markeredgecolor=svg.PAPER, label="observed")
        top.set_title("Observed wins, %")
        gap = float(np.min(np.diff(np.unique(x)), initial=6.0))
        low.bar(x, [each.n for each in known], width=0.6 * gap, color=svg.MUTED, alpha=0.55, linewidth=0)
        low.set_title("Events", fontsize=12)
        low.set_xlabel("predicted probability of a win, %")
        low.yaxis.set_major_formatter("{x:,.0f}")
        low.locator_params(axis="y", nbins=3)
        low.grid(axis="x", visible=False)
        for axes in (top, low):
            axes.tick_params(length=0)
        figure.legend(loc="outside lower left", ncols=3)

    return svg.Chart("calibration", "Calibration", text, (None, 360), draw)
