"""What a label is: the one simulator's answer to a decision taken alone.

Labels stand in pairs, column 0 for buying and column 1 for selling at that row. A label's life is [signal_ns, end_ns]:
`end_ns` is the last event it has read, so purging by lives is exact.
"""

import numpy as np

from mia_ml.backtest.records import Exit, Fate

LABEL = np.dtype(
    [
        ("signal_ns", "i8"),  # decision time: the bar's close
        ("day", "i8"),
        ("side", "i8"),  # +1 buy, -1 sell
        ("fate", "i8"),  # backtest.records.Fate
        ("exit_reason", "i8"),  # backtest.records.Exit, 0 when not traded
        ("entry_ns", "i8"),  # core.moments.NONE when not traded
        ("exit_ns", "i8"),  # core.moments.NONE when not traded
        ("free_ns", "i8"),  # a later signal is not blocked by this one from here on
        ("end_ns", "i8"),  # last event the label has read, or the flat time that ended it without one
        ("risk_ticks", "f8"),  # NaN when no order was placed
        ("target_ticks", "f8"),  # NaN when no order was placed
        ("net_ticks", "f8"),  # of one contract; this and the next two NaN when not traded
        ("net_r", "f8"),
        ("net_usd", "f8"),  # of all contracts
        ("cost_ticks", "f8"),
    ],
    align=True,
)

SIDES = (1, -1)
"""The side of each column."""


def usable(labels: np.ndarray) -> np.ndarray:
    """Where a LABEL is an outcome to learn from: traded, and closed by something other than the end of its tape."""
    return (labels["fate"] == Fate.TRADED) & (labels["exit_reason"] != Exit.TAPE_END)
