"""Rows and decisions as one flat table, the form in which they leave the platform."""

import numpy as np

from mia_ml.confluence import decision
from mia_ml.core.tables import Columns

CONTRIBUTION = "contribution_"
PROBABILITY = "probability_"


def decision_columns(decisions: np.ndarray, terms: tuple[str, ...], members: tuple[str, ...] = ()) -> Columns:
    """DECISION fields as columns, with one `contribution_<component>` a term and one `probability_<model>` a member."""
    flat = [name for name in decision.DECISION.names or () if decision.DECISION[name].shape == ()]
    columns = {name: np.ascontiguousarray(decisions[name]) for name in flat}
    for field, prefix, names in (("member", PROBABILITY, members), ("contribution", CONTRIBUTION, terms)):
        for k, name in enumerate(names):
            columns[prefix + name] = np.ascontiguousarray(decisions[field][:, k])
    return columns


def columns(rows: np.ndarray, decisions: np.ndarray, terms: tuple[str, ...], members: tuple[str, ...] = ()) -> Columns:
    """ROW fields and the decision taken on each; where both name a context, the row's is kept."""
    out = {name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names or ()}
    taken = decision_columns(decisions, terms, members)
    return out | {name: values for name, values in taken.items() if name not in out}
