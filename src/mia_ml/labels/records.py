"""What a label is: the one simulator's answer to a decision taken alone.

Labels stand in pairs, column 0 for buying and column 1 for selling at that row. A label's life is [signal_ns, end_ns]:
`end_ns` is the last event it has read, so purging by lives is exact.
"""

import numpy as np

LABEL = np.dtype(
    [
        ("signal_ns", "i8"),  # decision time: the bar's close
        ("day", "i8"),
        ("side", "i8"),  # +1 buy, -1 sell
        ("fate", "i8"),  # backtest.records.Fate
        ("exit_reason", "i8"),  # backtest.records.Exit, 0 when not traded
        ("entry_ns", "i8"),
        ("exit_ns", "i8"),
        ("free_ns", "i8"),  # a later signal is not blocked by this one from here on
        ("end_ns", "i8"),  # last event the label has read
        ("risk_ticks", "f8"),
        ("target_ticks", "f8"),
        ("net_ticks", "f8"),
        ("net_r", "f8"),
        ("net_usd", "f8"),
        ("cost_ticks", "f8"),
    ],
    align=True,
)
