"""The value of the future: a martingale that the order book follows within about a tick.

Per second, in ticks: `V += drift + pull + sigma * N(0, 1)`. Without a planted edge drift and pull are zero, so nothing
that was known before t predicts V after t, and what any observable says about price is bounded by the book's
distance from V. With one, `drift` comes from the drivers and `pull` from the walls: up from the put wall and down
from the call wall above `zero_gamma`, the other way below it, fading to nothing at `WALL_REACH` mean 5-minute ranges.
"""

from dataclasses import dataclass

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.core.moments import MINUTE, NONE, NS
from mia_ml.sources.simulator.drivers import RANGE_OF_WALK

WALL_REACH = 3.0
WALL_LIFE_S = 900.0
PUBLICATIONS = (8 * 60, 10 * 60, 12 * 60, 14 * 60)
"""When option levels come out, minutes after midnight New York."""


@dataclass(frozen=True)
class Levels:
    """One publication of option levels; `second` counts from the open of the day, the rest is in index points."""

    second: int
    call_wall: float
    put_wall: float
    zero_gamma: float
    net_gex: float  # USD per 1 % move


def publication_seconds(session: np.void) -> list[int]:
    """Seconds from the open at which levels come out; none on a day without a cash session."""
    if session["rth_open_ns"] == NONE:
        return []
    at = [int(session["midnight_ns"]) + minute * MINUTE for minute in PUBLICATIONS]
    return [int((ns - session["open_ns"]) // NS) for ns in at if ns < session["rth_close_ns"]]


def publish(rng: np.random.Generator, second: int, index: float, daily_move: float, before: Levels | None) -> Levels:
    """Levels around an index; a refresh leaves the walls alone seven times in ten."""
    draws = rng.random(), rng.normal(0.7, 0.25), rng.normal(0.7, 0.25), rng.normal(0.3, 0.4)
    if before is not None and draws[0] < 0.7:
        call_wall, put_wall, zero_gamma = before.call_wall, before.put_wall, before.zero_gamma
    else:
        call_wall = 25.0 * np.ceil((index + max(draws[1], 0.1) * daily_move) / 25.0)
        put_wall = 25.0 * np.floor((index - max(draws[2], 0.1) * daily_move) / 25.0)
        zero_gamma = 5.0 * np.round((index - draws[3] * daily_move) / 5.0)
    return Levels(second, call_wall, put_wall, zero_gamma, 3e9 * (index - zero_gamma) / daily_move)


@kernel
def walk(rng, path, first, last, drift, sigma, call_wall, put_wall, zero_gamma, strength):
    """Fill `path[first + 1 .. last]` second by second; walls in the path's ticks, NaN before they are known."""
    v = path[first]
    for i in range(first, last):
        s = sigma[i // 60]
        five_minute_range = RANGE_OF_WALK * s * np.sqrt(300.0)
        pull = 0.0
        if strength != 0.0 and not np.isnan(call_wall):
            reach = WALL_REACH * five_minute_range
            near_put = max(0.0, 1.0 - abs(v - put_wall) / reach)
            near_call = max(0.0, 1.0 - abs(v - call_wall) / reach)
            pull = strength * five_minute_range / WALL_LIFE_S * (near_put - near_call)
            if v < zero_gamma:
                pull = -pull
        v += drift[i // 60] + pull + s * rng.standard_normal()
        path[i + 1] = v
