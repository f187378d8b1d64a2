"""Random-entry twins: would entries at random, with the same hours, sides, exits and costs, have done as well?

A twin enters whenever the judged policy does, at the same minute of the trading day, or at that day's nearest decision,
and to the same side, but on other days: all trades of one day move together to a day drawn with replacement, so that
what trades of a day share they go on sharing. What it earns there are that decision's own labels.

    p = (1 + number of twins whose mean net R is at least the policy's) / (1 + number of twins)

which is exact when the policy's days are as good as any others (Phipson & Smyth 2010).
"""

import math

import numpy as np

from mia_ml.evaluation.ground import Ground
from mia_ml.judge.judgement import Twins
from mia_ml.labels.records import SIDES, usable
from mia_ml.metrics import estimate

DAY_STARTS_MIN = 18 * 60
"""Minute of day, exchange time, from which the minutes of a trading day are counted."""

_SAME = 1e-9  # R: what adding up in another order may change


def of(ground: Ground, trades: np.ndarray, twins: int, seed: int) -> Twins:
    """Twins of OUTCOME trades of this ground. Trades whose label is not usable are left out on both sides."""
    column = np.where(trades["side"] == SIDES[0], 0, 1)
    own = ground.labels[trades["row"], column]
    known = usable(own)
    own, column = own[known], column[known]
    if not own.size:
        return Twins(p=estimate.undecided("twins_p", "probability", "no trades"), mean=math.nan, values=())
    minute = _minutes(ground.rows["minute_of_day"][trades["row"][known]])
    earned = _earned(ground, minute, column, own["day"])
    drawn = np.random.default_rng(seed).integers(0, earned.shape[1], (twins, earned.shape[0]))
    values = earned[np.arange(earned.shape[0]), drawn].sum(axis=1) / own.size
    at_least = int((values >= own["net_r"].mean() - _SAME).sum())
    p = estimate.point("twins_p", (1 + at_least) / (1 + twins), "probability", f"{twins} random-entry twins")
    return Twins(p=p, mean=float(values.mean()), values=tuple(values.tolist()))


def _minutes(minute_of_day: np.ndarray) -> np.ndarray:
    return (minute_of_day - DAY_STARTS_MIN) % (24 * 60)


def _earned(ground: Ground, minute: np.ndarray, column: np.ndarray, day: np.ndarray) -> np.ndarray:
    """R that the trades of each of their days would have earned together on each tested day, float64 [days, tested].

    Tested days without a usable decision on each of the sides in use are left out.
    """
    rows = ground.test_rows
    known, net_r = usable(ground.labels)[rows], ground.labels["net_r"][rows]
    minutes, tested = _minutes(ground.rows["minute_of_day"][rows]), ground.rows["day"][rows]
    edges = np.flatnonzero(np.diff(tested, prepend=tested[0] - 1))
    days, position = np.unique(day, return_inverse=True)
    totals = []
    for first, last in zip(edges, np.append(edges[1:], rows.size), strict=True):
        total = np.zeros(days.size)
        for side in np.unique(column):
            at = first + np.flatnonzero(known[first:last, side])
            if not at.size:
                break
            asked = column == side
            found = net_r[at[_nearest(minutes[at], minute[asked])], side]
            total += np.bincount(position[asked], found, days.size)
        else:
            totals.append(total)
    return np.array(totals).T


def _nearest(rising: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Positions of the nearest among rising numbers, of two as near the earlier."""
    after = np.clip(np.searchsorted(rising, values), 1, max(rising.size - 1, 1))
    before = after - 1
    after = np.minimum(after, rising.size - 1)
    return np.where(values - rising[before] <= rising[after] - values, before, after)
