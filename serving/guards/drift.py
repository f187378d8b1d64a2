"""Drift: has the mean of an input, or of the score, moved since the service began to watch.

ADWIN (Bifet and Gavalda 2007, river's) keeps a window of values and cuts it where the means of two parts differ by more
than chance allows. It assumes independent values in [0, 1]. A row a minute is neither: fed with rows it calls each calm
hour a drift, ten times a day and input. So it is fed one value for each session of a trading day (seven: evening,
overnight, premarket, morning, midday, afternoon, evening): the mean of the session's bars, as the share of its training
range [low, high] that lies below it, held in [0, 1].

Time of day is no drift: the parts a cut compares hold, but for less than a day each, the same sessions equally often.
With period p <= 7 and values in [0, 1] the means of two parts with n0 and n1 values then differ by at most
7/4 (1/n0 + 1/n1), which is below the bound's own 2/3 ln(2/delta) (1/n0 + 1/n1) for delta < 0.14.

What it sees: a mean that stays elsewhere for days. Measured with delta 0.001 on a simulated market whose days were put
in random order, which makes them stationary: no alarm in 43 inputs over 4 months; a shift by one standard deviation of
the bars was seen in 106 of 126 inputs, after 14 trading days in the median, one of two after 7, one of a half in a
third of the inputs. On real dollar bars of two years 0.3 alarms a month in 17 inputs when their days were shuffled, 1.9
as they came, nearly all of ATR and of the slowest trend: a month of high volatility is a drift, and called so.

What it does not see: a change of spread or of how inputs move together, a single wild day, anything in the first ten
values, and what happened before the first row it was shown.

After an alarm a window begins anew, so the new level is the usual one from then on; the alarm is in force for the
trading days it is told.

The detector is the compiled one that `river.drift.ADWIN` wraps; the wrapper's package brings scikit-learn with it, for
which the service would have to wait a second.

The past is the values it was fed, a `Block` a session: to restore a detector is to feed them again, with the same
alarms.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from river._river_rust.drift import AdaptiveWindowing

from mia_ml.confluence.formula import column_of
from mia_ml.core import moments
from mia_ml.core.errors import ConfigError
from mia_ml.features.engine import BARS_A_DAY

LARGEST_DELTA = 0.1
SHORTEST = 5
"""Values on either side of a cut."""

OWN = {"score": (-1.0, 1.0), "probability": (0.0, 1.0)}
"""Of a decision: the score before its multipliers, which follow clock and calendar; the probability of a crossing."""

CALENDAR = ("session", "minute_of_day", "days_to_expiry")
"""Known functions of time: their means move by themselves."""


class Block(msgspec.Struct, frozen=True):
    """One session of a trading day: day yyyymmdd, the time of its last bar, each input's mean in its own unit.

    A mean is NaN (null as JSON) where no bar had a value.
    """

    day: int
    session: int
    ts: int
    means: dict[str, float]

    def line(self) -> bytes:
        return msgspec.json.encode(self)

    @staticmethod
    def read(line: bytes) -> "Block":
        """Raises msgspec.DecodeError on anything else."""
        plain = msgspec.json.decode(line, type=_Line)
        return Block(
            plain.day, plain.session, plain.ts, {k: np.nan if v is None else v for k, v in plain.means.items()}
        )


class _Line(msgspec.Struct):
    day: int
    session: int
    ts: int
    means: dict[str, float | None]


@dataclass(frozen=True)
class Alarm:
    """day: trading day it was seen on, yyyymmdd; ts: of its session's last bar. since: trading day from which the mean
    is likeliest another. before, after: means in the input's unit, over so many sessions."""

    name: str
    day: int
    ts: int
    since: int
    before: float
    sessions_before: int
    after: float
    sessions_after: int

    def __str__(self) -> str:
        return (
            f"drift of {self.name}: mean {self.before:.4g} over {self.sessions_before} sessions, {self.after:.4g} over "
            f"{self.sessions_after} since {moments.iso(self.since)}"
        )


class _Watch:
    """One input's detector. It begins anew after an alarm."""

    def __init__(self, name: str, span: tuple[float, float], delta: float) -> None:
        self.name = name
        self._low, self._width = span[0], span[1] - span[0]
        self._delta = delta
        self._begin()

    def _begin(self) -> None:
        self._window = AdaptiveWindowing(
            delta=self._delta, clock=1, max_buckets=5, min_window_length=SHORTEST, grace_period=2 * SHORTEST
        )
        self._fed: list[tuple[float, int]] = []

    def feed(self, mean: float, block: Block) -> Alarm | None:
        self._fed.append((mean, block.day))
        if not self._window.update(min(1.0, max(0.0, (mean - self._low) / self._width))):
            return None
        means = np.array([mean for mean, _ in self._fed])
        cut = _likeliest_cut(means)
        alarm = Alarm(
            self.name,
            block.day,
            block.ts,
            self._fed[cut][1],
            float(means[:cut].mean()),
            cut,
            float(means[cut:].mean()),
            means.size - cut,
        )
        self._begin()
        return alarm


def _likeliest_cut(values: np.ndarray) -> int:
    """Where the means of two parts differ most for their lengths: argmax |m0 - m1| sqrt(n0 n1 / n).

    >>> _likeliest_cut(np.array([1.0, 1, 2, 1, 1, 5, 6, 5, 6, 5]))
    5
    """
    n0 = np.arange(SHORTEST, values.size - SHORTEST + 1)
    sums = np.cumsum(values)
    before, after = sums[n0 - 1] / n0, (sums[-1] - sums[n0 - 1]) / (values.size - n0)
    return int(n0[np.argmax(np.abs(before - after) * np.sqrt(n0 * (values.size - n0)))])


class Drift:
    """Watches the inputs of one version.

    spans: training ranges by ROW field, as a bundle has them; inputs without one, of a single value, or of CALENDAR are
    not watched. delta: of ADWIN. days: trading days for which an alarm is in force, the one it was seen on included.
    """

    def __init__(self, spans: Mapping[str, tuple[float, float] | None], delta: float, days: int) -> None:
        if not 0 < delta <= LARGEST_DELTA:
            raise ConfigError(f"guards.drift_delta {delta} must be above 0 and at most {LARGEST_DELTA}")
        watched = {
            name: span
            for name, span in spans.items()
            if span is not None and span[0] < span[1] and name not in CALENDAR
        }
        self.unwatched = tuple(name for name in spans if name not in watched)
        self.alarms: list[Alarm] = []
        self.skipped = dict.fromkeys([*watched, *OWN], 0)
        """Bars without a value, by input."""
        self._days_in_force = days
        self._seen: list[int] = []  # trading days
        self._columns = np.array([column_of(name) for name in watched], np.int64)
        self._watches = [_Watch(name, span, delta) for name, span in (watched | OWN).items()]
        self._bars = np.empty((BARS_A_DAY, len(self._watches)))
        self._count = 0
        self._key = (0, 0)
        self._ts = 0

    def take(self, row: np.ndarray, taken: np.ndarray) -> Block | None:
        """A ROW [1] and the DECISION [1] on it, in order of time; the session that it ended, to be stored."""
        key = (int(row["day"][0]), int(taken["session"][0]))
        block = None
        if self._count and (key != self._key or self._count == BARS_A_DAY):
            block = self._block()
            self.feed(block)
        self._key, self._ts = key, int(row["ts"][0])
        bar = self._bars[self._count]
        bar[: self._columns.size] = row.view(np.float64)[self._columns]
        bar[-2] = taken["raw"][0]
        bar[-1] = taken["probability"][0]
        self._count += 1
        return block

    def feed(self, block: Block) -> None:
        """A session that `take` gave, once more: how a stored past is restored. An input it lacks is skipped."""
        if not self._seen or self._seen[-1] != block.day:
            self._seen.append(block.day)
        for watch in self._watches:
            mean = block.means.get(watch.name, np.nan)
            if np.isnan(mean):
                continue
            alarm = watch.feed(mean, block)
            if alarm is not None:
                self.alarms.append(alarm)

    def in_force(self, day: int) -> list[str]:
        """The alarms that are said on trading day yyyymmdd."""
        if not self.alarms:
            return []
        days = [*self._seen, *([day] if day not in self._seen[-1:] else [])][-self._days_in_force :]
        return [str(alarm) for alarm in self.alarms if alarm.day in days]

    def _block(self) -> Block:
        bars = self._bars[: self._count]
        there = np.isfinite(bars)
        counts = there.sum(axis=0)
        means = np.where(there, bars, 0.0).sum(axis=0) / np.where(counts > 0, counts, np.nan)
        for watch, count in zip(self._watches, counts.tolist(), strict=True):
            self.skipped[watch.name] += self._count - count
        self._count = 0
        return Block(*self._key, self._ts, dict(zip(self.skipped, means.tolist(), strict=True)))
