"""An order fills at the first print after the bar that decided it, as if deciding and sending took no time.

A quarter of a second is a hundred prints on a busy open, and the first of them is the one that the signal was about:
strategies of short horizon live on it in research and die of it on the exchange.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History


def leaking(history: History) -> Claims:
    return _bought(history, 0)


def clean(history: History) -> Claims:
    return _bought(history, history.latency_ns)


def _bought(history: History, after_ns: int) -> Claims:
    """At the first print so long after each decision, whenever that comes."""
    decided_ns = history.decisions["ts"]
    at = np.searchsorted(history.tape.trade_ts, decided_ns + after_ns)
    filled = at < history.tape.trade_ts.size
    at, due_ns = at[filled], decided_ns[filled] + history.latency_ns
    return Claims(fills=claims.fills(due_ns, history.tape.trade_ts[at], 1, history.tape.price[at]))
