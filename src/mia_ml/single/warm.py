"""Compile whatever scoring calls, once, at install: `python -m mia_ml.single.warm`. Later processes load it."""

import numpy as np

from mia_ml.backtest import execution
from mia_ml.confluence.formula import FORMULA, Formula
from mia_ml.core.tables import SCHEMAS, Batch
from mia_ml.features import engine, stream
from mia_ml.models.ensemble import ARRAYS, SIGNAL_INPUTS, Ensemble, Member
from mia_ml.scoring.filter import Filter, Rule
from mia_ml.scoring.scorer import Scorer
from mia_ml.single import road
from mia_ml.store.rules import Rules
from mia_ml.store.screen import Screen


def _smallest() -> Ensemble:
    """One tree of one leaf."""
    arrays = {name: np.zeros(0, dtype) for name, dtype in ARRAYS.items()}
    for name in arrays:
        if name.startswith(("tree", "node", "member")):
            arrays[name] = np.zeros(1, ARRAYS[name])
    arrays["combination"] = np.zeros(2)
    arrays["tree_nodes"][0] = 1
    arrays["node_threshold"][0] = np.inf
    arrays["member_weight"][0] = 1.0
    return Ensemble(("rvol", *SIGNAL_INPUTS), (Member("forest", 1, 0, "none", 0),), "average", arrays)


def _screen_one_row(table: str, symbol: str) -> None:
    columns = {name: np.zeros(1, kind) for name, kind in SCHEMAS[table].columns.items() if kind != "O"}
    Screen(table, symbol, Rules()).check(Batch(table, symbol, columns, "", np.ones(1, np.int64)))


def warm() -> None:
    stream.warm()
    road.warm()
    for table, symbol in (("trades", "ESH4"), ("book", "ESH4"), ("bars", "ESH4"), ("options", "SPX"), ("vix", "VIX")):
        _screen_one_row(table, symbol)
    nothing = Formula("nothing", (), np.zeros(1, FORMULA))
    filter = Filter(_smallest(), Rule("fixed", 0.5), np.zeros(1, execution.PARAMS))
    for scorer in (Scorer(nothing), Scorer(nothing, filter)):
        scorer.decide(np.zeros(0, engine.ROW))
    filter.passes(np.zeros(1, engine.ROW), np.zeros(1, np.int64), np.ones(1), np.ones(1))


if __name__ == "__main__":
    warm()
