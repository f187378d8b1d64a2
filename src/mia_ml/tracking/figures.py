"""What a run shows: the equity curve, and which component carried the decisions."""

from pathlib import Path

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

WIDTH_IN, HEIGHT_IN, DPI = 9.0, 4.0, 110


def equity(path: Path, ts_ns: np.ndarray, usd: np.ndarray, title: str) -> None:
    """Equity in USD over time with its drawdown from the highest value so far, as a PNG."""
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN * 1.3), layout="constrained")
    top, low = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    moments = np.asarray(ts_ns, dtype=np.int64).astype("datetime64[ns]").astype("datetime64[us]")
    usd = np.asarray(usd, dtype=np.float64)
    top.plot(moments, usd, linewidth=1.0, drawstyle="steps-post")
    top.set(title=title, ylabel="equity, USD")
    top.yaxis.set_major_formatter("{x:,.0f}")  # matplotlib's own would show 12 and "+1e5" in the corner
    if usd.size:
        highest = np.maximum.accumulate(usd)
        low.fill_between(moments, 100.0 * (usd / highest - 1.0), 0.0, step="post", alpha=0.5)
    low.set(ylabel="drawdown, %", xlabel="UTC")
    dates = AutoDateLocator()
    low.xaxis.set_major_locator(dates)
    low.xaxis.set_major_formatter(ConciseDateFormatter(dates))
    for axes in (top, low):
        axes.grid(alpha=0.3)
    _save(figure, path)


def contributions(path: Path, components: list[str], groups: dict[str, np.ndarray], title: str) -> None:
    """How much each component weighed, as a PNG. groups: legend to the mean |contribution| in score units."""
    figure = Figure(figsize=(WIDTH_IN, 1.4 + 0.4 * len(components)), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / max(len(groups), 1)
    order = np.argsort(next(iter(groups.values()), np.zeros(0)))
    for k, (legend, size) in enumerate(groups.items()):
        axes.barh(np.arange(order.size) - k * height, np.asarray(size)[order], height=height, label=legend)
    axes.set_yticks(np.arange(order.size), [components[i] for i in order])
    axes.set(title=title, xlabel="mean |contribution| to the score")
    axes.grid(axis="x", alpha=0.3)
    axes.legend()
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI)
