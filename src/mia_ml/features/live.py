"""A live event: one record, which `push` reads as a tape of length one."""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.features import engine
from mia_ml.features.bar import NATIVE
from mia_ml.features.levels import OPTION, VIX
from mia_ml.features.tape import Tape

TRADE, BOOK, OPTIONS, VIX_VALUE, LATE, BAR_CLOSED, CLOCK = range(7)

EVENT = np.dtype(
    [
        ("kind", "i8"),
        ("ts", "i8", (1,)),  # of a trade, a snapshot or a clock; arrival time of a late event
        ("price", "f8", (1,)),
        ("size", "i8", (1,)),
        ("side", "i1", (1,)),
        ("bid", "f8", (1,)),
        ("ask", "f8", (1,)),
        ("sizes", "i8", (10,)),  # five bid, then five ask
        ("options", OPTION, (1,)),
        ("vix", VIX, (1,)),
        ("bars", NATIVE, (1,)),
    ],
    align=True,
)


@kernel
def push(params, state, event_array, until, bars, rows):
    """One event of the trading day that is open; returns how many rows it closed."""
    event = event_array[0]
    kind = event.kind
    trade, book = int(kind == TRADE), int(kind == BOOK)
    size = event.sizes
    events = Tape(
        event.ts[0:trade],
        event.price[0:trade],
        event.size[0:trade],
        event.side[0:trade],
        event.ts[0:book],
        event.bid[0:book],
        event.ask[0:book],
        (
            size[0:book],
            size[1 : 1 + book],
            size[2 : 2 + book],
            size[3 : 3 + book],
            size[4 : 4 + book],
            size[5 : 5 + book],
            size[6 : 6 + book],
            size[7 : 7 + book],
            size[8 : 8 + book],
            size[9 : 9 + book],
        ),
        event.options[0 : int(kind == OPTIONS)],
        event.vix[0 : int(kind == VIX_VALUE)],
        event.ts[0 : int(kind == LATE)],
        event.bars[0 : int(kind == BAR_CLOSED)],
    )
    return engine.run(params, state, until, events, bars, rows)
