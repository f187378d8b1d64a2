"""Who learns from whom, as a picture: one lane per fold over calendar time."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mia_ml.splits import folds as records

WIDTH_IN, DPI = 11.0, 130
MARGINS_IN = 1.5  # title, legend and dates
LANES_IN, THINNEST_IN, THICKEST_IN = 9.0, 0.1, 0.4
COLOURS = {  # told apart by colour-blind eyes as well (Okabe and Ito 2008)
    records.TRAIN: ("train", "#56a0d3"),
    records.TEST: ("test", "#009e73"),
    records.EMBARGOED: ("embargo", "#f0c000"),
    records.PURGED: ("purged", "#d55e00"),
}
"""In the order of drawing: what is narrow comes last."""
SEALED_COLOUR = "#8c8c8c"
LANE = 0.76  # of the distance between lanes
NARROWEST = {records.PURGED: 0.003, records.EMBARGOED: 0.006}  # of the width: an hour among years is still seen
MOST_COUNTED = 25  # lanes with their counts beside them


def draw(
    path: Path,
    folds: records.Folds,
    title: str,
    *,
    sealed_ns: tuple[int, int] | None = None,
    synthetic: bool = False,
) -> None:
    """The folds as a PNG, the first on top; a row stands at its start t0, what lies in no window stays white.

    sealed_ns: first and last moment of the sealed hold-out, ns UTC. synthetic: the title says so.
    """
    count = len(folds)
    lane_in = float(np.clip(LANES_IN / count, THINNEST_IN, THICKEST_IN))
    figure = Figure(figsize=(WIDTH_IN, MARGINS_IN + lane_in * count), layout="constrained")
    axes = figure.subplots()
    order = np.argsort(folds.t0_ns, kind="stable")
    moments = _dates(folds.t0_ns[order])
    edges = moments[[0, -1]]
    if sealed_ns is not None:
        sealed = _dates(np.array(sealed_ns))
        edges = np.array([min(edges[0], sealed[0]), max(edges[1], sealed[1])])
        axes.axvspan(*sealed, facecolor="white", edgecolor=SEALED_COLOUR, hatch="///", linewidth=0.8)
    width = max(float(edges[1] - edges[0]), 1.0 / 86_400)  # days
    for lane, fold in enumerate(folds):
        _lane(axes, lane, moments, fold.states()[order], width)
    axes.set(xlim=(edges[0] - 0.005 * width, edges[1] + 0.005 * width), ylim=(count - 0.4, -0.6))
    _ticks(axes, folds)
    _legend(axes, sealed_ns is not None)
    axes.set_title(f"SYNTHETIC: {title}" if synthetic else title, loc="left", fontsize=12, pad=26)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI)


def _dates(ts_ns: np.ndarray) -> np.ndarray:
    return date2num(np.asarray(ts_ns, dtype=np.int64).astype("datetime64[ns]").astype("datetime64[us]"))


def _lane(axes: Axes, lane: int, moments: np.ndarray, states: np.ndarray, width: float) -> None:
    """One fold: rows of one state in a row are one bar, to where the next begins; a narrow one grows off the test."""
    firsts = np.flatnonzero(np.diff(states, prepend=-1))
    starts = moments[firsts]
    ends = np.append(starts[1:], moments[-1])
    kinds = states[firsts]
    test_starts, test_ends = starts[kinds == records.TEST], ends[kinds == records.TEST]
    for kind, (_, colour) in COLOURS.items():
        left, right = starts[kinds == kind], ends[kinds == kind]
        short = np.maximum(NARROWEST.get(kind, 0.0) * width - (right - left), 0.0)
        to_next = np.append(test_starts, np.inf)[np.searchsorted(test_starts, right)] - right
        to_last = left - np.insert(test_ends, 0, -np.inf)[np.searchsorted(test_ends, left, side="right")]
        before = to_next <= to_last
        left, right = np.where(before, left - short, left), np.where(before, right, right + short)
        low, high = np.full(left.size, lane - LANE / 2), np.full(left.size, lane + LANE / 2)
        corners = np.array([[left, low], [right, low], [right, high], [left, high]]).transpose(2, 0, 1)
        axes.add_collection(PolyCollection(list(corners), facecolors=colour, linewidths=0), autolim=False)


def _ticks(axes: Axes, folds: records.Folds) -> None:
    every = 1 if len(folds) <= 2 * MOST_COUNTED else 5
    shown = [lane for lane in range(len(folds)) if every == 1 or (lane + 1) % every == 0 or lane == 0]
    axes.set_yticks(shown, [str(lane + 1) for lane in shown], fontsize=8)
    axes.set_ylabel("fold")
    axes.set_xlabel("UTC; purged and embargo are drawn wide enough to be seen", fontsize=8)
    dates = AutoDateLocator()
    axes.xaxis.set_major_locator(dates)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(dates))
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if len(folds) <= MOST_COUNTED:
        counts = axes.secondary_yaxis("right")
        texts = [
            f"{fold.train.size:,} train, {fold.purged:,} purged, {fold.embargoed:,} embargoed, {fold.test.size:,} test"
            for fold in folds
        ]
        counts.set_yticks(range(len(folds)), texts, fontsize=7.5)
        counts.tick_params(length=0)
        counts.spines["right"].set_visible(False)


def _legend(axes: Axes, sealed: bool) -> None:
    handles = [Patch(color=colour, label=name) for name, colour in COLOURS.values()]
    if sealed:
        handles.append(Patch(facecolor="white", edgecolor=SEALED_COLOUR, hatch="///", label="sealed hold-out"))
    axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(-0.008, 0.99), ncols=len(handles), frameon=False, fontsize=9
    )
