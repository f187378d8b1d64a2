"""Labels of the paper market: ES, A = 2 points, so a stop of 8 ticks and a target of 16, 2.3 ticks a round trip."""

import numpy as np

from mia_ml.backtest.execution import Execution
from mia_ml.labels.barriers import Walker
from tests.backtest.market import DAYS, ES


def label(tape, decided, blackouts=None, **settings):
    """LABEL [decisions, 2] of a whole tape; the side of `decided` is not read."""
    kind = "trades" if "price" in tape else "bars"
    return walked(Walker(Execution(**settings), ES, DAYS, kind, blackouts), tape, decided)


def walked(walker, tape, decided):
    first = walker.advance(tape, decided["ts_ns"], decided["day"], decided["barrier"])
    return np.concatenate([first, walker.finish()])
