"""signals: feature rows -> decisions with each component's contribution in data/decisions, signals beside them."""

import numpy as np

from mia_ml import settings
from mia_ml.backtest import records as backtest_records
from mia_ml.confluence import decision, formula
from mia_ml.core.errors import DataError
from mia_ml.features import engine
from mia_ml.scoring import table
from mia_ml.scoring.scorer import Scorer
from mia_ml.scoring.signals import signals_of
from mia_ml.store import records
from pipelines import COLUMNS, CONTRIBUTIONS, DECISIONS, ROWS, SIGNALS, read_plot, run, write_metrics, write_plot

JOINT = "signed flow, together"


def unreachable(name: str, absent: list[str], least: float) -> str:
    """
    >>> unreachable("final", ["tick_momentum"], 0.6)
    "no reachable signal: formula 'final' needs 60 % of its weight; absent on every row: tick_momentum"
    """
    return (
        f"no reachable signal: formula '{name}' needs {100 * least:.0f} % of its weight; "
        f"absent on every row: {', '.join(absent) or 'nothing, but never enough at once'}"
    )


class Sizes:
    """Mean absolute contribution of each component over the rows that have it, day by day.

    >>> sizes = Sizes(2)
    >>> sizes.add(np.array([[0.2, np.nan], [-0.4, np.nan]]))
    >>> sizes.mean().round(3).tolist()
    [0.3, 0.0]
    """

    def __init__(self, components: int) -> None:
        self.total = np.zeros(components)
        self.rows = np.zeros(components, np.int64)

    def add(self, contribution: np.ndarray) -> None:
        present = ~np.isnan(contribution)
        self.total += np.where(present, np.abs(contribution), 0.0).sum(axis=0)
        self.rows += present.sum(axis=0)

    def mean(self) -> np.ndarray:
        return self.total / np.maximum(self.rows, 1)


def with_joint_flow(contribution: np.ndarray, flow: list[int]) -> np.ndarray:
    """The contributions of each term, then that of the terms that measure signed flow together.

    >>> with_joint_flow(np.array([[0.25, -0.5, np.nan], [np.nan, 1.0, np.nan]]), [0, 2])
    array([[ 0.25, -0.5 ,   nan,  0.25],
           [  nan,  1.  ,   nan,   nan]])
    """
    part = contribution[:, flow]
    joint = np.where(np.isnan(part).all(axis=1), np.nan, np.nansum(part, axis=1))
    return np.column_stack([contribution, joint])


def main() -> None:
    chosen = settings.load()
    scorer = Scorer(formula.build(chosen.confluence.model_dump(), chosen.context.model_dump()))
    terms = scorer.formula.terms
    flow = [k for k, term in enumerate(terms) if term in engine.SIGNED_FLOW]
    every, at_signals = Sizes(len(terms) + 1), Sizes(len(terms) + 1)
    signals, rows_seen, scored, highest = [backtest_records.signals(*[np.zeros(0)] * 4)], 0, 0, 0.0
    for path in sorted(ROWS.glob("*.parquet")):
        rows = records.read(path, engine.ROW)
        decided = scorer.decide(rows)
        with records.Appender(DECISIONS / path.name) as file:
            file.append(table.decision_columns(decided, terms))
        signals.append(signals_of(rows, decided))
        taken = decided[decided["action"] == decision.SIGNAL]
        every.add(with_joint_flow(decided["contribution"][:, : len(terms)], flow))
        at_signals.add(with_joint_flow(taken["contribution"][:, : len(terms)], flow))
        known = decided[~np.isnan(decided["score"])]
        highest = max(highest, float((np.abs(known["score"]) / known["threshold"]).max(initial=0.0)))
        rows_seen, scored = rows_seen + rows.size, scored + known.size
    absent = [term for term, present in zip(terms, every.rows[:-1], strict=True) if not present]
    if not scored:
        raise DataError(unreachable(scorer.formula.name, absent, chosen.confluence.min_weight_present))
    found = np.concatenate(signals)
    records.write(SIGNALS, found)
    write_plot(CONTRIBUTIONS, component=[*terms, JOINT], rows=every.mean(), signals=at_signals.mean())
    weights = np.abs(scorer.formula.record["weight"][0][: len(terms)])
    flow_weight = float(weights[flow].sum() / weights.sum())

    print(f"signals: {found.size:,} from {scored:,} scored rows of {rows_seen:,}")
    if len(flow) > 1:
        together = ", ".join(terms[k] for k in flow)
        print(f"mia: {together} all measure signed flow and hold {100 * flow_weight:.0f} % of the weight together")
    if absent:
        print(f"mia: absent on every row: {', '.join(absent)}")
    columns = read_plot(COLUMNS)
    for component, odd in zip(columns["column"], columns["findings"], strict=True):
        if odd and component in terms and component not in absent:
            print(f"mia: {component}: {odd}")
    if highest <= 1:
        print(f"mia: the threshold is structurally inactive: the highest score is {100 * highest:.0f} % of it")
    figures = {"rows": rows_seen, "scored": scored, "signals": found.size, "signed_flow_weight": flow_weight}
    write_metrics("signals", figures | {"highest_score_over_threshold": highest, "absent": absent})


if __name__ == "__main__":
    run(main)
