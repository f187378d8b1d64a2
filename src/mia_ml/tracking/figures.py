"""What a run shows: the equity curve, and which component carried the decisions."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

WIDTH_IN, HEIGHT_IN, DPI = 9.0, 4.0, 110


def equity(path: Path, ts_ns: np.ndarray, usd: np.ndarray, title: str) -> None:
    """Equity in USD over time with its drawdown from the highest value so far, as a PNG."""
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN * 1.3), layout="constrained")
    top, low = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    moments = np.asarray(ts_ns, dtype=np.int64).astype("datetime64[ns]").astype("datetime64[us]")
    usd = np.asarray(usd, dtype=np.float64)
    top.plot(moments, usd, linewidth=1.0)
    top.set(title=title, ylabel="equity, USD")
    if usd.size:
        highest = np.maximum.accumulate(usd)
        low.fill_between(moments, 100.0 * (usd / highest - 1.0), 0.0, step="post", alpha=0.5)
    low.set(ylabel="drawdown, %", xlabel="UTC")
    for axes in (top, low):
        axes.grid(alpha=0.3)
    _save(figure, path)


def contributions(path: Path, names: tuple[str, ...], values: np.ndarray, title: str) -> None:
    """Mean absolute share of each component in the score over the decisions where it was present, as a PNG.

    values: one row a decision, one column a component, in score units; NaN where the component was absent.
    """
    values = np.asarray(values, dtype=np.float64).reshape(-1, len(names))
    present = ~np.isnan(values)
    count = present.sum(axis=0)
    total = np.where(present, np.abs(values), 0.0).sum(axis=0)
    size = np.divide(total, count, out=np.zeros(len(names)), where=count > 0)
    order = np.argsort(size)
    figure = Figure(figsize=(WIDTH_IN, 1.2 + 0.35 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.barh([names[i] for i in order], size[order])
    axes.set(title=title, xlabel=f"mean |contribution| to the score, {len(values)} decisions")
    axes.grid(axis="x", alpha=0.3)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI)
