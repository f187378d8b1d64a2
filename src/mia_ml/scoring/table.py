"""Rows and decisions as one flat table, the form in which they leave the platform."""

import numpy as np

from mia_ml.confluence import decision
from mia_ml.core.tables import Columns

CONTRIBUTION = "contribution_"


def decision_columns(decisions: np.ndarray, terms: tuple[str, ...]) -> Columns:
    """DECISION fields as columns, with one `contribution_<component>` for each term."""
    names = [name for name in decision.DECISION.names or () if name != "contribution"]
    columns = {name: np.ascontiguousarray(decisions[name]) for name in names}
    for k, term in enumerate(terms):
        columns[CONTRIBUTION + term] = np.ascontiguousarray(decisions["contribution"][:, k])
    return columns


def columns(rows: np.ndarray, decisions: np.ndarray, terms: tuple[str, ...]) -> Columns:
    """ROW fields and the decision taken on each; where both name a context, the row's is kept."""
    out = {name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names or ()}
    return out | {name: values for name, values in decision_columns(decisions, terms).items() if name not in out}
