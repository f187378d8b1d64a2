"""What a vendor that replays from a time sends again after a reconnection, told from what is new.

As the vendor advises: for each instrument the latest event time and the number of records received with it are kept;
the replay is asked for from the earliest of those times and its records up to those counts are dropped. A replay that
does not begin with a record that was seen has left something out.
"""

from dataclasses import dataclass

import numpy as np

from mia_ml.core.moments import NONE


@dataclass
class _Reached:
    """ts_ns: the latest event time of an instrument. count: its records with it. again: of those, how many came again
    since the reconnection."""

    ts_ns: int = NONE
    count: int = 0
    again: int = 0
    behind: bool = False  # a replay has not caught up yet
    overlaps: bool = False  # and has shown a record that was seen


class Resume:
    """gaps: replays that did not reach back to what was seen, by instrument."""

    def __init__(self) -> None:
        self.gaps = 0
        self._reached: dict[int, _Reached] = {}

    @property
    def start_ns(self) -> int | None:
        """From when a replay misses nothing, None when nothing was received yet."""
        return min((each.ts_ns for each in self._reached.values()), default=None)

    def reconnected(self) -> None:
        """What comes next may have come before."""
        for each in self._reached.values():
            each.again, each.behind, each.overlaps = 0, True, False

    def fresh(self, block: np.ndarray) -> np.ndarray:
        """Mask of the records that did not come before; records with `instrument_id` and `ts_event` in their order."""
        keep = np.ones(block.size, bool)
        for instrument in np.unique(block["instrument_id"]).tolist():
            at = np.flatnonzero(block["instrument_id"] == instrument)
            known = self._reached.setdefault(instrument, _Reached())
            ts = block["ts_event"][at].astype(np.int64)
            if known.behind:
                new = self._new(known, ts)
                keep[at] = new
                ts = ts[new]
            self._note(known, ts)
        return keep

    def _new(self, known: _Reached, ts: np.ndarray) -> np.ndarray:
        equal = ts == known.ts_ns
        nth = known.again + np.cumsum(equal)
        beyond = (ts > known.ts_ns) | (equal & (nth > known.count))
        known.again = int(nth[-1])
        first = int(beyond.argmax()) if beyond.any() else ts.size
        known.overlaps |= first > 0
        if first < ts.size:
            known.behind = False
            self.gaps += not known.overlaps
        new = np.zeros(ts.size, bool)
        new[first:] = True
        return new

    @staticmethod
    def _note(known: _Reached, ts: np.ndarray) -> None:
        if not ts.size:
            return
        latest = int(ts.max())
        if latest > known.ts_ns:
            known.ts_ns, known.count = latest, 0
        known.count += int((ts == known.ts_ns).sum())
