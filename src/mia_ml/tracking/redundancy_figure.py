"""How components hang together, and what each is worth, on one sheet."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.cluster import hierarchy

DPI = 110
CELL_IN = 0.42
LABELS_IN = 2.0
EARNS, NOTHING_SHOWN = "#1b6ca8", "#b0b7bf"


def redundancy(
    path: Path,
    names: tuple[str, ...],
    rho: np.ndarray,
    linkage: np.ndarray,
    threshold: float,
    costs: Mapping[str, tuple[float, float | None, float | None]],
    title: str,
) -> None:
    """Rank correlations in the clusters' order, their tree, and the cost in R of leaving each component out, as a PNG.

    rho: float64 [k, k]; NaN is drawn empty. linkage: scipy's on 1 - |rho|, [k - 1, 4]. threshold: |rho| from which two
    components say the same. costs: cost, low, high by component, low and high None without an interval; may be empty.
    """
    k = len(names)
    branches = hierarchy.dendrogram(linkage, no_plot=True) if k > 1 else {"leaves": [0], "icoord": [], "dcoord": []}
    order = branches["leaves"]
    grid = CELL_IN * max(k, 3)
    widths = [1.3, grid, *([2.6] if costs else [])]
    figure = Figure(figsize=(sum(widths) + LABELS_IN + 0.8, grid + 1.9), layout="constrained")
    tree, heat, *worth = figure.subplots(1, len(widths), width_ratios=widths, squeeze=False)[0]
    figure.suptitle(title)
    _tree(tree, branches, k, threshold)
    shown = heat.imshow(rho[np.ix_(order, order)], cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    heat.set_facecolor("#eeeeee")
    for i, a in enumerate(order):
        for j, b in enumerate(order):
            if i != j and not np.isnan(rho[a, b]):
                heat.text(
                    j,
                    i,
                    f"{round(rho[a, b], 2) + 0.0:.2f}".replace("0.", "."),
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="white" if abs(rho[a, b]) > 0.6 else "black",
                    fontweight="bold" if abs(rho[a, b]) >= threshold else "normal",
                )
    heat.set_xticks(range(k), [names[i] for i in order], rotation=90, fontsize=8)
    heat.set_yticks(range(k), [names[i] for i in order], fontsize=8)
    heat.set_title("rank correlation", fontsize=9)
    figure.colorbar(shown, ax=heat, location="bottom", shrink=0.6, aspect=30, pad=0.02)
    for axes in worth:
        _worth(axes, [costs.get(names[i]) for i in order])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI)


def _tree(axes: Axes, branches: dict, k: int, threshold: float) -> None:
    for places, heights in zip(branches["icoord"], branches["dcoord"], strict=True):
        joined = max(heights) <= 1 - threshold
        # scipy puts leaf i at 5 + 10 i
        axes.plot(heights, (np.array(places) - 5) / 10, color=EARNS if joined else "#555555", lw=1.6 if joined else 0.9)
    axes.axvline(1 - threshold, color="#c44e52", lw=0.9, ls="--")
    axes.set(xlim=(1.02, 0), ylim=(k - 0.5, -0.5), yticks=[])
    axes.set_xticks([1, 1 - threshold, 0], ["0", f"{threshold:.2g}", "1"], fontsize=8)
    axes.set_title("least |rho| of a cluster", fontsize=9)
    axes.spines[["left", "right", "top"]].set_visible(False)


def _worth(axes: Axes, costs: list[tuple[float, float | None, float | None] | None]) -> None:
    for row, given in enumerate(costs):
        if given is None or np.isnan(given[0]):
            axes.text(0.02, row, "not measured" if given is None else "undecidable", va="center", fontsize=7,
                      color="#777777", transform=axes.get_yaxis_transform())  # fmt: skip
            continue
        cost, low, high = given
        axes.barh(row, cost, height=0.6, color=EARNS if (cost if low is None else low) > 0 else NOTHING_SHOWN)
        if low is not None and high is not None:
            axes.plot([low, high], [row, row], color="black", lw=1.1)
    axes.axvline(0, color="black", lw=0.8)
    axes.set(ylim=(len(costs) - 0.5, -0.5), yticks=[], xlabel="R a trade (blue: shown to be above 0)")
    axes.set_title("cost of leaving it out", fontsize=9)
    axes.grid(axis="x", alpha=0.3)
    axes.tick_params(axis="x", labelsize=8)
    axes.xaxis.label.set_fontsize(8)
    axes.spines[["left", "right", "top"]].set_visible(False)
