"""Weights that are at least 0 and sum to one, as a point of the unit cube with one coordinate less.

The first weight takes its share of the whole, the next its share of what is left, the last what remains. A weight's
share runs over exactly those values that leave the others possible within their bounds:

    w_i in [max(low_i, r - sum of later highs), min(high_i, r - sum of later lows)],   r = 1 - sum of earlier weights

and grows with its coordinate as 1 - (1 - u)^(1 / weights to come), so that without bounds a uniform point gives weights
uniform on the simplex.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mia_ml.core.errors import ConfigError


@dataclass(frozen=True)
class Simplex:
    """names, and the bounds of each weight in [0, 1]. Raises ConfigError when no weights within them sum to one."""

    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        for name, low, high in zip(self.names, self.low, self.high, strict=True):
            if not 0 <= low <= high <= 1:
                raise ConfigError(f"{name}: a weight on the simplex lies in 0 <= low <= high <= 1, not [{low}, {high}]")
        least, most = sum(self.low), sum(self.high)
        if least > 1 + 1e-12 or most < 1 - 1e-12:
            raise ConfigError(
                f"the weights cannot sum to one: their lower bounds sum to {least:g}, their upper bounds to {most:g}; "
                "the first must be at most 1, the second at least 1"
            )

    @property
    def size(self) -> int:
        return len(self.names) - 1

    def weights(self, point: Sequence[float]) -> dict[str, float]:
        """Weights of `size` coordinates in [0, 1].

        >>> Simplex(("a", "b", "c"), (0.0, 0.2, 0.0), (1.0, 1.0, 1.0)).weights([0.0, 1.0])
        {'a': 0.0, 'b': 1.0, 'c': 0.0}
        """
        left, weights = 1.0, {}
        for i, name in enumerate(self.names):
            low, high = self._bounds(i, left)
            share = 1.0 if i == self.size else 1 - (1 - point[i]) ** (1 / (self.size - i))
            weight = min(max(low + share * (high - low), self.low[i]), self.high[i])
            weights[name] = weight
            left -= weight
        return weights

    def point(self, weights: Mapping[str, float]) -> list[float]:
        """The coordinates of weights that sum to one; 0.5 where the bounds leave one value only."""
        left, point = 1.0, []
        for i, name in enumerate(self.names[:-1]):
            low, high = self._bounds(i, left)
            share = min(max((weights[name] - low) / (high - low), 0.0), 1.0) if high > low else 0.0
            point.append(1 - (1 - share) ** (self.size - i) if high > low else 0.5)
            left -= weights[name]
        return point

    def _bounds(self, i: int, left: float) -> tuple[float, float]:
        low = max(self.low[i], left - sum(self.high[i + 1 :]))
        return low, max(low, min(self.high[i], left - sum(self.low[i + 1 :])))
