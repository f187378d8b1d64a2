"""The redundancy report as a page of Markdown."""

import math
from collections.abc import Iterable, Mapping

from mia_ml.evaluation.redundancy import LEVEL, Cost, Importance, Related, judge


def page(
    related: Related,
    costs: Iterable[Cost] = (),
    importances: Iterable[Importance] = (),
    shap: Mapping[str, float] | None = None,
    title: str = "Redundancy",
) -> str:
    """Verdicts, then what they rest on. shap: mean |SHAP| of each component, in log-odds."""
    costs, importances = tuple(costs), tuple(importances)
    least, most = _range(related.common.tolist())
    parts = [
        f"# {title}\n",
        f"{related.of_rows:,} rows; a pair of components shares {least:,} to {most:,} of those compared. "
        f"Two say the same from {related.threshold:.2f} on.\n",
        "## Verdicts\n",
        "\n".join(f"- {verdict.text}" for verdict in judge(related, costs)) + "\n",
        "## Clusters\n",
        f"By rank correlation: {_listed(related.clusters)}.\n",
        f"By mutual information: {_listed(related.information_clusters)}.\n",
        _pairs(related),
    ]
    if costs:
        parts += ["## Left out, out of sample\n", _costs(costs)]
    if importances or shap:
        parts += ["## In the models, out of sample\n", _weighed(related, importances, shap or {})]
    return "\n".join(parts)


def _range(common: list[list[int]]) -> tuple[int, int]:
    pairs = [n for i, row in enumerate(common) for n in row[:i]] or [common[0][0]]
    return min(pairs), max(pairs)


def _listed(clusters: tuple[tuple[str, ...], ...]) -> str:
    several = [" + ".join(cluster) for cluster in clusters if len(cluster) > 1]
    return "; ".join(several) or "each component stands alone"


def _pairs(related: Related) -> str:
    """The pairs that are closest, at most ten."""
    found = []
    for i, name in enumerate(related.names):
        for j in range(i):
            rho, information = float(related.rho[i, j]), float(related.information[i, j])
            if not math.isnan(rho):
                found.append(
                    (max(abs(rho), information), related.names[j], name, rho, information, related.common[i, j])
                )
    found.sort(key=lambda pair: -pair[0])
    rows = [
        f"| {one} | {other} | {rho:+.3f} | {information:.3f} | {n:,} |"
        for _, one, other, rho, information, n in found[:10]
    ]
    return _table("component | other | rho | information | rows", rows)


def _costs(costs: tuple[Cost, ...]) -> str:
    rows = []
    for cost in costs:
        interval = "" if cost.interval is None else "{:+.4f} to {:+.4f}".format(*cost.interval)
        rows.append(f"| {' + '.join(cost.left_out)} | {_r(cost.without)} | {_r(cost.cost)} | {interval} |")
    return f"With every component: {_r(costs[0].score)} R.\n\n" + _table(
        f"left out | score without, R | cost, R | {100 * LEVEL:g} % interval of the cost", rows
    )


def _weighed(related: Related, importances: tuple[Importance, ...], shap: Mapping[str, float]) -> str:
    """Ordered by importance; the inputs that are no component, such as the side, too."""
    by_name = {importance.shuffled: importance for importance in importances}
    asked = list(by_name) or [(name,) for name in related.names]
    asked += [(name,) for name in shap if (name,) not in asked]
    asked.sort(key=lambda group: -by_name[group].mean if group in by_name else 0.0)
    rows = []
    for group in asked:
        one = by_name.get(group)
        cost = f"{one.mean:+.5f} ± {one.deviation:.5f}" if one else ""
        said = f"{shap[group[0]]:.4f}" if len(group) == 1 and group[0] in shap else ""
        rows.append(f"| {' + '.join(group)} | {cost} | {said} |")
    return _table("shuffled | rise of the log loss, nats | mean SHAP size, log-odds", rows)


def _r(value: float) -> str:
    return "undecidable" if math.isnan(value) else f"{value:+.4f}"


def _table(header: str, rows: list[str]) -> str:
    columns = header.count("|") + 1
    return "\n".join([f"| {header} |", "|" + " --- |" * columns, *rows]) + "\n"
