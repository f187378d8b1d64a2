"""The ladder as a picture: at each step the gain that was promised and the gain that was measured."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mia_ml.judge.judgement import LadderStep
from mia_ml.metrics.estimate import Estimate
from mia_ml.reports import bars, svg, wording

MARKS = {"confirmed": (svg.GOOD, "o"), "refuted": (svg.BAD, "X"), "undecided": (svg.OPEN, "D")}
ROW_PX, FRAME_PX = 30, 92


def chart(key: str, title: str, steps: Sequence[LadderStep]) -> svg.Chart | None:
    """None without a step after the first."""
    climbed = [step for step in steps if step.gain_points is not None or step.gain_r is not None]
    if not climbed:
        return None
    counts = {verdict: sum(step.verdict == verdict for step in climbed) for verdict in MARKS}
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())

    def draw(figure: Figure, narrow: bool) -> None:
        if narrow:
            panels = figure.subplots(2, 1, sharey=True)
        else:
            panels = figure.subplots(1, 2, sharey=True, width_ratios=[1.35, 1], gridspec_kw={"wspace": 0.08})
        _panel(panels[0], climbed, [step.gain_points for step in climbed], [step.promise for step in climbed])
        panels[0].set_title("Gain in win rate, points")
        _panel(panels[1], climbed, [step.gain_r for step in climbed], [None for _ in climbed])
        panels[1].set_title("Gain in expectancy, R a trade")
        for axes in panels:
            axes.set_yticks(range(len(climbed)), [wording.short(step.name) for step in climbed])
            axes.tick_params(axis="y", labelcolor=svg.INK, pad=10)
            axes.set_ylim(len(climbed) - 0.4, -0.6)
        handles: list[Line2D | Patch] = [
            Line2D([], [], color=colour, marker=mark, linewidth=2, label=verdict)
            for verdict, (colour, mark) in MARKS.items()
        ]
        handles.insert(0, Patch(facecolor=svg.ACCENT, alpha=0.3, label="promised"))
        figure.legend(handles=handles, loc="outside upper left", ncols=2 if narrow else 4)

    rows = ROW_PX * len(climbed)
    text = f"{len(climbed)} steps, each against the one before: {said}."
    return svg.Chart(f"ladder-{key}", title, text, (FRAME_PX + rows, 2 * rows + FRAME_PX + 70), draw)


def _panel(
    axes: Axes,
    steps: Sequence[LadderStep],
    gains: Sequence[Estimate | None],
    promises: Sequence[tuple[float, float] | None],
) -> None:
    least, most = bars.limits(gains, (point for promise in promises if promise for point in promise))
    room = 0.06 * ((most - least) or 1.0)
    left, right = least - room, most + room
    axes.set_xlim(left, right)
    axes.axvline(0, color=svg.LINE, linewidth=1.2, zorder=1)
    for row, (step, gain, promise) in enumerate(zip(steps, gains, promises, strict=True)):
        if promise:
            wide = max(promise[1] - promise[0], 0.012 * (right - left))
            axes.barh(row, wide, left=promise[0], height=0.62, color=svg.ACCENT, alpha=0.3, linewidth=0)
        if gain is None or not gain.decided:
            axes.text(right, row, "undecidable", color=svg.MUTED, fontsize=11, style="italic", va="center", ha="right")
            continue
        colour, mark = MARKS[step.verdict or "undecided"]
        ends = [gain.low, gain.high]
        if not any(map(math.isnan, ends)):
            axes.plot([max(ends[0], left), min(ends[1], right)], [row, row], color=colour, linewidth=2.2, zorder=3)
            for end, edge, arrow in ((ends[0] < left, left, "<"), (ends[1] > right, right, ">")):
                if end:
                    axes.plot([edge], [row], arrow, color=colour, markersize=7, clip_on=False, zorder=4)
        axes.plot([gain.value], [row], mark, color=colour, markersize=8, markeredgecolor=svg.PAPER, zorder=5)
    axes.tick_params(length=0)
    axes.locator_params(axis="x", nbins=6)
    axes.grid(axis="y", visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:+g}".replace("-", wording.MINUS) if value else "0")
