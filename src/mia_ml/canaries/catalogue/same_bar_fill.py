"""A bar that closed up is bought at its own low.

The loop that reads a bar, decides on its close and fills in its range. Back-testers on bars have done it by default;
curves made this way rise in a straight line.
"""

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History


def leaking(history: History) -> Claims:
    rows = history.rows[history.rows["close"] > history.rows["open"]]
    due_ns = rows["ts"] + history.latency_ns
    return Claims(fills=claims.fills(due_ns, due_ns, 1, rows["low"]))


def clean(history: History) -> Claims:
    """What the simulator makes of the same decisions."""
    rose = history.decisions["close"] > history.decisions["open"]
    return Claims(fills=claims.fills_of(history.trades(rose), history.latency_ns))
