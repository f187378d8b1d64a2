"""Latent drivers: what stands behind both an observable and, in a planted world, the price.

Each component has a driver, an Ornstein-Uhlenbeck process of unit variance on the minute grid with its own half-life.
It always shapes its observable (queues, flow, large orders, option flow), so a world without edge looks like one with.
With strength `s` it adds to the value of the future, per second,

    s * R * x / tau,     tau = half-life / ln 2,     R = sqrt(8 / pi) * sigma * sqrt(300 s)

where R is the mean 5-minute range of a random walk: a driver at +1 that decays by itself moves price by `s` R in all.
"""

from dataclasses import dataclass

import numpy as np

from mia_ml.core.kernel import kernel
from mia_ml.sources.simulator.world import COMPONENTS

DRIVEN = tuple(name for name in COMPONENTS if name != "gamma_levels")
RANGE_OF_WALK = float(np.sqrt(8.0 / np.pi))
"""Mean range of a Brownian motion over its standard deviation."""


@kernel
def ornstein_uhlenbeck(rng, steps, half_life):
    """Unit-variance mean-reverting noise; `half_life` in steps."""
    keep = 0.5 ** (1.0 / half_life)
    shock = np.sqrt(1.0 - keep * keep)
    out = np.empty(steps)
    x = rng.standard_normal()
    for i in range(steps):
        x = keep * x + shock * rng.standard_normal()
        out[i] = x
    return out


def life_seconds(component: str) -> float:
    """Mean life of a driver."""
    return COMPONENTS[component] * 60.0 / float(np.log(2.0))


@dataclass(frozen=True)
class Skews:
    """What the drivers do to the observables, one value a minute.

    book: log ratio added to the bid queues and taken from the ask queues. flow, large: log odds that an order, a large
    order buys. options: log odds that an option contract traded is a call, on top of its resting share.
    """

    book: np.ndarray
    flow: np.ndarray
    large: np.ndarray
    options: np.ndarray


def skews(x: dict[str, np.ndarray]) -> Skews:
    return Skews(
        book=0.25 * x["order_book_imbalance"],
        flow=0.22 * x["aggression_bias"] + 0.18 * x["volume_confirmation"],
        large=1.2 * x["smart_money_index"],
        options=0.2 * x["options_flow_bias"],
    )


def drift(x: dict[str, np.ndarray], strength: dict[str, float], sigma: np.ndarray) -> np.ndarray:
    """Planted drift of each minute, ticks a second; sigma in ticks per root second."""
    five_minute_range = RANGE_OF_WALK * sigma * np.sqrt(300.0)
    total = np.zeros(sigma.size)
    for name in DRIVEN:
        total += strength.get(name, 0.0) * five_minute_range * x[name] / life_seconds(name)
    return total
