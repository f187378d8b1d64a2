"""The evaluation as a page: what was out of sample, and what came of it."""

from typing import Any

import numpy as np

from mia_ml.metrics.kpi import Kpi
from mia_ml.settings import Settings
from pipelines import EVALUATION_PAGE, VERDICT
from pipelines.windows import Named

SHOWN = (
    "n_trades",
    "win_rate",
    "break_even_win_rate",
    "expectancy_r",
    "profit_factor",
    "sharpe",
    "max_drawdown",
    "net_usd",
    "total_cost_usd",
    "trades_per_month",
)
HEADS = {
    "tuned_filtered": "tuned and filtered",
    "tuned": "tuned, no filter",
    "configured": "as configured",
}


def shown(figure: Kpi) -> str:
    return figure.undecidable or f"{figure.value:,.4g} {figure.unit}"


def policies_table(figures: dict[str, list[Kpi]]) -> str:
    by_name = {policy: {figure.name: figure for figure in found} for policy, found in figures.items()}
    lines = [f"| | {' | '.join(HEADS[policy] for policy in figures)} |", "|---" * (len(figures) + 1) + "|"]
    for name in SHOWN:
        lines.append(f"| {name} | {' | '.join(shown(found[name]) for found in by_name.values())} |")
    return "\n".join(lines)


def folds_table(rows: list[dict[str, Any]]) -> str:
    lines = ["| test window from | trades | win rate | expectancy, R | net, USD |", "|---|---|---|---|---|"]
    for row in rows:
        rate = "" if row["win_rate"] is None else f"{100 * row['win_rate']:.1f} %"
        expectancy = "" if row["expectancy_r"] is None else f"{row['expectancy_r']:+.3f}"
        lines.append(f"| {row['fold']} | {row['trades']} | {rate} | {expectancy} | {row['net_usd']:+,.0f} |")
    return "\n".join(lines)


def weights_table(names: list[str], weights: np.ndarray, sizes: np.ndarray) -> str:
    """weights: float64 [windows, names], in front of each window. sizes: mean |component| over the test windows.

    A component that hardly moves may hold much weight and say little: its share of the score is weight times size.
    """
    parts = np.abs(weights).mean(axis=0) * sizes
    parts = parts / max(float(parts.sum()), 1e-300)
    lines = ["| component | share of the score | mean weight | least | most |", "|---|---|---|---|---|"]
    for k in np.argsort(-parts, kind="stable"):
        own = weights[:, k]
        lines.append(
            f"| {names[k]} | {100 * parts[k]:.0f} % | {own.mean():+.3f} | {own.min():+.3f} | {own.max():+.3f} |"
        )
    return "\n".join(lines)


def evaluation_page(
    chosen: Settings,
    figures: dict[str, list[Kpi]],
    rows: list[dict[str, Any]],
    folds: list[Named],
    weights: str,
    synthetic: bool,
) -> None:
    """Write the page. Point figures, costs in; intervals and the verdict are the stage judge's."""
    title = f"# Out of sample: {chosen.confluence.name} on {chosen.instrument.root}"
    parts = [title + (" (SYNTHETIC data)" if synthetic else "")]
    if not folds:
        parts.append("Validation is `none`: nothing was tuned, trained or tested.")
    else:
        parts += [
            f"{len(folds)} test windows, each decided by what was learnt before it: {folds[0]}; ... {folds[-1]}.",
            f"Point figures of one history, costs in. Their intervals, and whether any of it is true: {VERDICT}.",
            policies_table(figures),
            "## By test window, tuned and filtered",
            folds_table(rows),
            "## Tuned weights over all windows",
            weights,
        ]
    EVALUATION_PAGE.parent.mkdir(parents=True, exist_ok=True)
    EVALUATION_PAGE.write_text("\n\n".join(parts) + "\n")
