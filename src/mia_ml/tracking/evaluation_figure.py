"""What was out of sample, as pictures: equity over the test windows, and what was chosen in front of each."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

WIDTH_IN, HEIGHT_IN, DPI = 9.0, 4.6, 110
COLOURS = ("#1b6ca8", "#e08214", "#8c8c8c")
MOST_MARKED = 40
"""Test windows beyond which their boundaries would hide the curve."""


def _dates(days: Sequence[str] | np.ndarray) -> np.ndarray:
    return np.asarray(days, "datetime64[D]").astype("datetime64[us]")


def _calendar(axes: Axes) -> None:
    dates = AutoDateLocator()
    axes.xaxis.set_major_locator(dates)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(dates))
    axes.grid(alpha=0.3)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI)


def equity(
    path: Path, days: Sequence[str], usd: Mapping[str, np.ndarray], test_from: Sequence[str], title: str
) -> None:
    """Daily equity in USD of each policy, by its legend, as a PNG. days, test_from (openings of windows): ISO dates."""
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
    axes = figure.subplots()
    for colour, (legend, curve) in zip(itertools.cycle(COLOURS), usd.items(), strict=False):
        axes.plot(_dates(days), curve, linewidth=1.2, drawstyle="steps-post", color=colour, label=legend)
    axes.set(title=title, ylabel="equity, USD")
    if len(test_from) <= MOST_MARKED:
        for moment in _dates(test_from):
            axes.axvline(moment, color="#444444", linewidth=0.6, linestyle=":")
        axes.set_xlabel("dotted: a test window opens, decided by what was learnt before")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.legend(frameon=False, loc="best")
    _calendar(axes)
    _save(figure, path)


def weights(path: Path, windows: Sequence[str], names: Sequence[str], share: np.ndarray, title: str) -> None:
    """Each component's weight in each window, as a PNG. share: float64 [windows, names], signed."""
    size = max(3.0, 0.32 * len(names) + 1.6)
    figure = Figure(figsize=(max(5.0, min(14.0, 2.6 + 0.42 * len(windows))), size), layout="constrained")
    axes = figure.subplots()
    most = max(float(np.abs(share).max(initial=0.0)), 1e-9)
    shown = axes.imshow(share.T, cmap="RdBu", vmin=-most, vmax=most, aspect="auto")
    if len(windows) <= MOST_MARKED / 2:
        for i, j in np.ndindex(share.shape):
            dark = abs(share[i, j]) > 0.6 * most
            axes.text(i, j, f"{share[i, j]:.2f}", ha="center", va="center", fontsize=7, color="w" if dark else "k")
    every = max(1, len(windows) // 24)
    axes.set_xticks(range(0, len(windows), every), list(windows)[::every], rotation=90, fontsize=7)
    axes.set_yticks(range(len(names)), list(names), fontsize=8)
    axes.set_title(title, fontsize=10)
    figure.colorbar(shown, ax=axes, label="weight", shrink=0.8)
    _save(figure, path)
