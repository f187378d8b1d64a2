"""Volume is compared with the average of its minute over all days, the later ones included.

`groupby(minute).transform("mean")`: one line for "usual at this time of day", and usual is what will have been usual.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History


def leaking(history: History) -> Claims:
    volume = _by_minute(history)
    return _relative(history, volume, np.broadcast_to(np.nanmean(volume, axis=0), volume.shape))


def clean(history: History) -> Claims:
    """With the days before."""
    volume = np.nan_to_num(_by_minute(history))
    days_before = np.arange(volume.shape[0])[:, None]
    before = np.cumsum(volume, axis=0) - volume
    return _relative(
        history, volume, np.divide(before, days_before, out=np.full_like(before, np.nan), where=days_before > 0)
    )


def _by_minute(history: History) -> np.ndarray:
    """Volume [days, minutes], 0 where there is no bar."""
    volume = np.zeros((history.sessions.size, 1440))
    volume[_place(history)] = np.nan_to_num(history.rows["volume"])
    return volume


def _place(history: History) -> tuple[np.ndarray, np.ndarray]:
    return np.searchsorted(history.sessions["day"], history.rows["day"]), history.rows["minute_of_day"].astype(np.int64)


def _relative(history: History, volume: np.ndarray, usual: np.ndarray) -> Claims:
    at = _place(history)
    return claims.values(history.rows["ts"], above_usual=volume[at] - usual[at])
