"""From one day's close to the next: index level, VIX, and everything of a day that is decided before its order flow.

Days hang together by two numbers only, the close of the index and the VIX. A day's own draws come from a generator
named by (seed, day), so a day can be made alone: the chain runs through the days before it (some 3 ms each) without
their order flow.

VIX: `log v += (1 - persistence) (log mean - log v) + volatility (-0.7 z + 0.71 w)`, z the day's return in standard
deviations, w independent: falls lift it.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mia_ml.sources.simulator import contracts, drivers, rhythm, value
from mia_ml.sources.simulator.world import OPTIONAL_TABLES, World

LEVERAGE = -0.7
BREAK_VARIANCE = 0.04
"""Variance of the hour between two trading days, in daily variances; a weekend's is three times that."""
ACTIVITY_SPREAD, ACTIVITY_HALF_LIFE = 0.35, 25.0  # log units, minutes

STREAMS = (
    "start",
    "chain",
    "drivers",
    "front",
    "next",
    "receive",
    "receive_next",
    "faults",
    "faults_next",
    "options",
    "vix",
)


@dataclass(frozen=True)
class Day:
    """A trading day before its order flow. Prices of `path` are ticks of the index; minutes count from the open."""

    position: int
    session: np.void
    label: str
    path: np.ndarray  # value at each whole second, ticks of the index
    sigma: np.ndarray  # ticks per root second, by minute
    activity: np.ndarray  # by minute, 1.0 is the mean of a regular day
    driver: dict[str, np.ndarray]  # by minute
    skews: drivers.Skews
    strength: dict[str, float]  # in force on this day
    levels: list[value.Levels]
    previous_index: float  # points, at the close before
    previous_vix: float
    vix: float  # close
    vix_mean: float  # what it is drawn to
    vix_noise: float  # the part of the day's log change that is not the return's
    daily_sigma: float  # expected standard deviation of the day's return
    missing: frozenset[str]  # tables the day comes without


def generator(world: World, position: int, stream: str) -> np.random.Generator:
    """The random numbers of one purpose on one day: no other day or purpose moves them."""
    key = (position, STREAMS.index(stream))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(world.seed, spawn_key=key)))


def label(world: World, day: int) -> str:
    """What stands for a file name: rows of a day are counted in it.

    >>> label(World(seed=7), 20240102)
    'simulated seed 7 day 20240102'
    """
    return f"simulated seed {world.seed} day {day}"


def days(world: World, first: int = 0, last: int | None = None) -> Iterator[Day]:
    """The world's days from position `first` up to, not including, `last`."""
    sessions = contracts.sessions(world)
    rng = generator(world, 0, "start")
    spread = world.vix_volatility / np.sqrt(1.0 - world.vix_persistence**2)
    index = world.start_index
    vix = world.vix_mean * float(np.exp(spread * rng.standard_normal()))
    for position in range(min(sessions.size, last if last is not None else sessions.size)):
        day = _day(world, sessions, position, index, vix)
        index, vix = float(day.path[-1] * world.tick), day.vix
        if position >= first:
            yield day


def _day(world: World, sessions: np.ndarray, position: int, index: float, vix: float) -> Day:
    session = sessions[position]
    rng = generator(world, position, "chain")
    if position == world.jump_day:
        vix = float(np.clip(vix * world.jump_factor, 5.0, 150.0))
    jumped = world.jump_factor if 0 <= world.jump_day <= position else 1.0
    daily_sigma = world.realised * vix / 100.0 / np.sqrt(252.0) * float(np.exp(0.15 * rng.standard_normal()))
    driver_rng = generator(world, position, "drivers")
    steps = rhythm.minutes(session)
    x = {name: drivers.ornstein_uhlenbeck(driver_rng, steps, drivers.COMPONENTS[name]) for name in drivers.DRIVEN}
    swell = ACTIVITY_SPREAD * drivers.ornstein_uhlenbeck(driver_rng, steps, ACTIVITY_HALF_LIFE)
    activity = rhythm.activity(session) * np.exp(swell - 0.5 * ACTIVITY_SPREAD**2) * np.sqrt(vix / world.vix_mean)
    ticks = index * daily_sigma / world.tick
    sigma = ticks * np.sqrt(rhythm.variance(session) / 60.0) * np.exp(rhythm.VARIANCE_POWER / 2.0 * swell)
    on = world.edge_until_day < 0 or position < world.edge_until_day
    strength = {name: float(s) for name, s in world.strength.items() if on and s != 0.0}

    days_apart = (
        1 if position == 0 else (sessions["midnight_ns"][position] - sessions["midnight_ns"][position - 1]) / 86.4e12
    )
    gap_variance = BREAK_VARIANCE * (3.0 if days_apart > 1.5 else 1.0)
    path = np.empty(steps * 60 + 1)
    path[0] = index / world.tick + ticks * np.sqrt(gap_variance) * rng.standard_normal()
    levels = _walk(world, session, rng, path, sigma, drivers.drift(x, strength, sigma), strength, daily_sigma)

    z = float(np.clip((path[-1] * world.tick / index - 1.0) / daily_sigma, -6.0, 6.0))
    noise = float(np.sqrt(1.0 - LEVERAGE**2) * rng.standard_normal())
    pull = (1.0 - world.vix_persistence) * np.log(world.vix_mean * jumped / vix)
    next_vix = float(np.clip(vix * np.exp(pull + world.vix_volatility * (LEVERAGE * z + noise)), 5.0, 150.0))
    absent = rng.random(len(OPTIONAL_TABLES))
    return Day(
        position=position,
        session=session,
        label=label(world, int(session["day"])),
        path=path,
        sigma=sigma,
        activity=activity,
        driver=x,
        skews=drivers.skews(x),
        strength=strength,
        levels=levels,
        previous_index=index,
        previous_vix=vix,
        vix=next_vix,
        vix_mean=world.vix_mean * jumped,
        vix_noise=noise,
        daily_sigma=daily_sigma,
        missing=frozenset(t for t, u in zip(OPTIONAL_TABLES, absent, strict=True) if u < world.missing.get(t, 0.0)),
    )


def _walk(
    world: World,
    session: np.void,
    rng: np.random.Generator,
    path: np.ndarray,
    sigma: np.ndarray,
    drift: np.ndarray,
    strength: dict[str, float],
    daily_sigma: float,
) -> list[value.Levels]:
    """Fill the path of a day, publishing option levels on the way."""
    levels: list[value.Levels] = []
    pull = strength.get("gamma_levels", 0.0)
    stops = [0, *value.publication_seconds(session), path.size - 1]
    for first, last in itertools.pairwise(stops):
        walls = np.full(3, np.nan)
        if first > 0:
            index = float(path[first] * world.tick)
            levels.append(value.publish(rng, first, index, index * daily_sigma, levels[-1] if levels else None))
            walls = np.array([levels[-1].call_wall, levels[-1].put_wall, levels[-1].zero_gamma]) / world.tick
        value.walk(rng, path, first, last, drift, sigma, walls[0], walls[1], walls[2], pull)
    return levels
