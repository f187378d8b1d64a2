"""The hours of a trading day: how much happens in each minute, and how far price moves.

Activity is U-shaped in the cash session with a burst at its open, low overnight with a swell at the European morning.
Variance grows with activity to the power 0.8: busy minutes move more, but less than in proportion.
"""

import numpy as np

from mia_ml.core.moments import MINUTE, NONE

VARIANCE_POWER = 0.8
_OVERNIGHT_HOURS = np.array([-6.0, -5.5, -4.0, 0.0, 2.0, 3.0, 5.0, 7.5, 8.4, 8.5, 8.7, 9.5])  # from midnight, New York
_OVERNIGHT_LEVEL = np.array([0.55, 0.35, 0.25, 0.20, 0.35, 0.80, 0.55, 0.60, 0.90, 1.60, 1.20, 1.50])


def minutes(session: np.void) -> int:
    """Whole minutes from the open to the close of a trading day."""
    return int((session["close_ns"] - session["open_ns"]) // MINUTE)


def activity(session: np.void) -> np.ndarray:
    """Activity of each minute of a trading day, 1.0 being the mean of a regular day."""
    clock = (session["open_ns"] - session["midnight_ns"]) / MINUTE + np.arange(minutes(session))
    return _raw(clock, session) / _REGULAR_MEAN


def variance(session: np.void) -> np.ndarray:
    """Share of a regular day's variance that falls into each minute."""
    return activity(session) ** VARIANCE_POWER / _REGULAR_VARIANCE


def _raw(clock: np.ndarray, session: np.void) -> np.ndarray:
    level = np.interp(clock / 60.0, _OVERNIGHT_HOURS, _OVERNIGHT_LEVEL, right=0.5)
    if session["rth_open_ns"] == NONE:
        return np.minimum(level, 0.8)
    opens = (session["rth_open_ns"] - session["midnight_ns"]) / MINUTE
    closes = (session["rth_close_ns"] - session["midnight_ns"]) / MINUTE
    since, left = clock - opens, closes - clock
    middle = 2.0 * since / (closes - opens) - 1.0
    cash = 3.2 + 2.0 * middle**2 + 9.0 * np.exp(-since / 12.0) + 4.0 * np.exp(-left / 8.0)
    return np.where((since >= 0) & (left > 0), cash, np.where(left <= 0, 0.4 + 1.2 * np.exp(left / 10.0), level))


def _regular_day() -> np.ndarray:
    hours = [("open_ns", -6.0), ("close_ns", 17.0), ("midnight_ns", 0.0), ("rth_open_ns", 9.5), ("rth_close_ns", 16.0)]
    session = np.zeros(1, [(name, "i8") for name, _ in hours])[0]
    for name, hour in hours:
        session[name] = int(hour * 60) * MINUTE
    return _raw(np.arange(-360.0, 1020.0), session)


_REGULAR_MEAN = float(_regular_day().mean())
_REGULAR_VARIANCE = float(((_regular_day() / _REGULAR_MEAN) ** VARIANCE_POWER).sum())
