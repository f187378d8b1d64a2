"""A breakout is entered at the open of the bar that turns out to break out.

The signal stands on the bar's row, the row has an open, and the open is where the back-test buys. The move that made
the signal is booked as profit.
"""

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History
from mia_ml.core.moments import MINUTE

POINTS = 1.0


def leaking(history: History) -> Claims:
    """The price printed, and the fill comes when its decision is said to be due: only its existence is from later."""
    rows = history.rows[history.rows["close"] - history.rows["open"] > POINTS]
    first = history.tape.trade_ts.searchsorted(rows["ts"] - MINUTE)
    ts_ns, price = history.tape.trade_ts[first], history.tape.price[first]
    return Claims(fills=claims.fills(ts_ns, ts_ns, 1, price))
