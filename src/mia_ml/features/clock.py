"""Where a decision stands in the trading day and in the expiry cycle, by event time only.

    session          premarket 04:00-09:30, morning 09:30-11:00, midday 11:00-14:00, afternoon 14:00-16:00,
                     evening 16:00-20:00, overnight 20:00-04:00 exchange time, as numbers: see `SESSIONS`
    days_to_expiry   calendar days to the monthly SPX expiry

A decision at 09:30:00.000 belongs to the morning. The plan reads a machine's clock instead: `utc_offset` says how many
minutes that clock is ahead of UTC, NO_OFFSET is exchange time.
"""

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.core.moments import MINUTE
from mia_ml.features.feature import Feature

SESSIONS = ("premarket", "morning", "midday", "afternoon", "evening", "overnight")
OVERNIGHT = len(SESSIONS) - 1
NO_OFFSET = 1 << 20

FEATURES = (
    Feature("session", "1", (0.0, 5.0), "ts_event", "none", False),
    Feature("minute_of_day", "min", (0.0, 1439.0), "ts_event", "none", False),
    Feature("days_to_expiry", "days", (0.0, 35.0), "calendar", "none", False),
)
PARAMS = np.dtype([("starts", "i8", (len(SESSIONS),)), ("utc_offset", "i8")], align=True)  # minutes


@kernel
def session_at(minute, starts):
    """Number of the last session that has started at a minute of day, 0..1439; before the first it is overnight."""
    session = OVERNIGHT
    for k in range(len(SESSIONS)):
        if minute >= starts[k]:
            session = k
    return session


@kernel
def step(params, session, bar, row):
    row.minute_of_day = ((bar.ts - session.midnight_ns) // MINUTE) % 1440
    minute = row.minute_of_day
    if params.utc_offset != NO_OFFSET:
        minute = (bar.ts // MINUTE + params.utc_offset) % 1440
    row.session = session_at(minute, params.starts)
    row.days_to_expiry = session.days_to_expiry
