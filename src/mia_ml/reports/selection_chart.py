"""How much of a result is selection: every configuration against the luck of the best, and the logits of the CSCV."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mia_ml.judge.judgement import Selection, Trial
from mia_ml.metrics import sharpe
from mia_ml.metrics.estimate import Estimate
from mia_ml.metrics.kpi import DAYS_A_YEAR
from mia_ml.reports import svg, wording

ANNUAL = math.sqrt(DAYS_A_YEAR)
KINDS = ((svg.SECOND, "o"), (svg.THIRD, "s"), (svg.FOURTH, "^"), (svg.MUTED, "D"), (svg.OPEN, "v"), (svg.GOOD, "P"))
BINS = 40
MOST_POINTS = 1_500  # of one kind


def trials(tried: Sequence[Trial], selection: Selection, judged: Estimate | None) -> svg.Chart | None:
    """None without a trial. judged: the annual Sharpe ratio of the judged policy."""
    known = [trial for trial in tried if math.isfinite(trial.sharpe)]
    if not known:
        return None
    kinds = list(dict.fromkeys(trial.kind for trial in known))
    best = max(trial.sharpe for trial in known) * ANNUAL
    line = selection.deflated_against * ANNUAL
    said = [f"{len(known)} configurations, the best with a Sharpe ratio of {wording.number(best, 'per sqrt(year)')}"]
    if math.isfinite(line):
        said.append(f"luck alone gives the best of them {wording.number(line, 'per sqrt(year)')}")

    def draw(figure: Figure, narrow: bool) -> None:
        axes = figure.subplots()
        places = {kind: [n for n, trial in enumerate(known, start=1) if trial.kind == kind] for kind in kinds}
        for k, (kind, at) in enumerate(places.items()):
            colour, mark = KINDS[k % len(KINDS)]
            at = at[:: max(1, math.ceil(len(at) / MOST_POINTS))]
            heights = [known[n - 1].sharpe * ANNUAL for n in at]
            axes.plot(
                at, heights, mark, color=colour, markersize=4.5, alpha=0.75, linewidth=0, label=wording.short(kind)
            )
        if selection.sharpe_variance > 0 and len(known) > 1:
            counts = np.unique(np.geomspace(2, max(len(known), 3), 60).round())
            luck = [sharpe.expected_maximum(count, selection.sharpe_variance) * ANNUAL for count in counts]
            axes.plot(counts, luck, color=svg.BAD, linewidth=2, label="best of so many by luck")
        if math.isfinite(line):
            axes.axhline(line, color=svg.BAD, linewidth=1.4, linestyle=(0, (4, 3)), label="deflated against")
        if judged is not None and judged.decided:
            axes.axhline(judged.value, color=svg.ACCENT, linewidth=2, label="this policy")
        axes.set_title("Sharpe ratio, /√yr")
        axes.set_xlabel("configurations, in the order they were tried")
        axes.tick_params(length=0)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", wording.MINUS))
        figure.legend(loc="outside lower left", ncols=2)

    return svg.Chart("trials", "Trials against Sharpe ratio", "; ".join(said) + ".", (None, 390), draw)


def logits(selection: Selection) -> svg.Chart | None:
    """None without one."""
    found = np.asarray(selection.pbo_logits, np.float64)
    found = found[np.isfinite(found)]
    if not found.size:
        return None
    below = float((found <= 0).mean())
    text = (
        f"{found.size:,} splits of {selection.pbo_configurations} configurations; in {wording.number(below, 'share')} "
        "of them the best in sample is in the lower half out of sample."
    )

    def draw(figure: Figure, narrow: bool) -> None:
        axes = figure.subplots()
        reach = float(np.abs(found).max()) or 1.0
        edges = np.linspace(-reach, reach, BINS + 1)
        counts = np.histogram(-found, edges)[0][::-1]  # of bins that hold their upper edge: a logit of 0 is worse
        shares = 100 * counts / found.size
        middle = BINS // 2
        wide = edges[1] - edges[0]
        axes.bar(edges[:middle], shares[:middle], wide, align="edge", color=svg.BAD, alpha=0.75, linewidth=0)
        axes.bar(edges[middle:-1], shares[middle:], wide, align="edge", color=svg.GOOD, alpha=0.75, linewidth=0)
        axes.axvline(0, color=svg.INK, linewidth=1.2)
        top = float(shares.max())
        axes.set_ylim(0, 1.3 * top)
        for x, side, share, word in ((-0.03, "right", below, "worse"), (0.03, "left", 1 - below, "better")):
            axes.text(
                x * reach, 1.28 * top, f"{100 * share:.0f} % {word}\nthan the median", ha=side, va="top", fontsize=11.5
            )
        axes.set_title("Splits, %")
        axes.set_xlabel("logit of the out-of-sample rank of the best in sample")
        axes.tick_params(length=0)
        axes.grid(axis="x", visible=False)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", wording.MINUS))

    return svg.Chart("logits", "Logits of the PBO", text, (None, 390), draw)
