"""What a search maximizes: a figure of each inner fold, taken low where trades are few, put together over the folds.

With n trades of mean m and standard deviation s in R in a fold, s held toward 1 R by the weight of 10 trades,
s'^2 = (10 + (n - 1) s^2) / (9 + n), and z standard errors of caution:

    expectancy_r    low = m - z s' / sqrt(n)                                                        floor -1 R
    profit_factor   low = PF exp(-z sqrt(1 / (wins + 1) + 1 / (losses + 1))), counts as if Poisson  floor 0
    sharpe          low = S - z sqrt(252) sqrt((1 + S^2 / 504) / days), S annual (Lo 2002)          floor -5
    gated           expectancy_r - penalty * sum over gates of the share by which each is missed    floor -1 R - penalty

Without a losing trade PF is the number of wins, as if one more trade had lost what they won on average.
Below `least_trades` the figure is drawn to its floor in proportion to the trades that are missing,

    figure = low - (1 - n / least_trades) * max(0, low - floor)

and is the floor without trades. So three lucky trades cannot win, and a search that finds none has a slope to follow:
with m, s (up to 2 R), PF, S and the win rate the same, another trade never lowers the figure.

Over folds: (1 - worst_share) * mean + worst_share * minimum.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mia_ml.core.errors import ConfigError, DataError, refuse_unknown
from mia_ml.metrics.kpi import DAYS_A_YEAR

Statistics = Mapping[str, float]
"""Of one fold, as `evaluation.statistics` names them: n_trades, n_days, mean_r, sd_r, win_rate, profit_factor, sharpe,
and what gates name; NaN where undecidable."""

PRIOR_TRADES, PRIOR_SD_R = 10, 1.0
FLOORS = {"expectancy_r": -1.0, "profit_factor": 0.0, "sharpe": -5.0, "gated": -1.0}
KEYS = ("maximize", "least_trades", "caution_z", "worst_share", "gates", "gate_penalty")


@dataclass(frozen=True)
class Gate:
    """A bound that a figure of the statistics should keep: at least `least` or at most `most`."""

    figure: str
    least: float = -math.inf
    most: float = math.inf

    def missed(self, statistics: Statistics) -> float:
        """0 when kept, else by which share of the bound it is missed, at most 1. NaN misses it all."""
        if self.figure not in statistics:
            raise ConfigError(f"tuning.objective.gates: {refuse_unknown('figure', self.figure, sorted(statistics))}")
        value = statistics[self.figure]
        if math.isnan(value):
            return 1.0
        bound = self.least if value < self.least else self.most
        short = max(self.least - value, value - self.most, 0.0)
        return min(short / max(abs(bound), 1e-9), 1.0) if short else 0.0


@dataclass(frozen=True)
class Objective:
    """maximize: one or several of `FLOORS`. least_trades: in a fold. caution_z: standard errors."""

    maximize: tuple[str, ...]
    least_trades: int
    caution_z: float = 1.0
    worst_share: float = 0.0
    gates: tuple[Gate, ...] = ()
    gate_penalty: float = 1.0

    def __post_init__(self) -> None:
        for name in self.maximize:
            if name not in FLOORS:
                raise ConfigError(f"tuning.objective.maximize: {refuse_unknown('objective', name, list(FLOORS))}")
        if not self.maximize or len(set(self.maximize)) < len(self.maximize):
            raise ConfigError(f"tuning.objective.maximize is {list(self.maximize)}: name one or more, each once")
        if self.least_trades < 1:
            raise ConfigError(f"tuning.objective.least_trades is {self.least_trades}: it must be at least 1")
        if not 0 <= self.worst_share <= 1 or self.caution_z < 0 or self.gate_penalty < 0:
            raise ConfigError(
                f"tuning.objective: worst_share {self.worst_share} must lie in [0, 1], caution_z {self.caution_z} and "
                f"gate_penalty {self.gate_penalty} must not be negative"
            )
        if ("gated" in self.maximize) != bool(self.gates):
            raise ConfigError("tuning.objective: gates and the objective 'gated' go together, give both or neither")

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> "Objective":
        """From config, gates as {figure: {least: x}} or {figure: {most: x}}. Raises ConfigError."""
        for key in mapping:
            if key not in KEYS:
                raise ConfigError(f"tuning.objective: {refuse_unknown('setting', str(key), KEYS)}")
        values = dict(mapping)
        maximize = values.pop("maximize")
        gates = values.pop("gates", None) or {}
        for name, bounds in gates.items():
            if not bounds or set(bounds) - {"least", "most"}:
                raise ConfigError(f"tuning.objective.gates.{name} is {bounds}: give least, most or both")
        return cls(
            maximize=(maximize,) if isinstance(maximize, str) else tuple(maximize),
            gates=tuple(Gate(name, **bounds) for name, bounds in gates.items()),
            **values,
        )

    def of_fold(self, statistics: Statistics) -> tuple[float, ...]:
        """The figures of one fold, in the order of `maximize`."""
        return tuple(self._drawn(name, statistics) for name in self.maximize)

    def over_folds(self, per_fold: Sequence[Sequence[float]]) -> tuple[float, ...]:
        """The figures of a trial from those of its folds. Raises DataError without folds."""
        if not per_fold:
            raise DataError("an objective needs at least one inner fold")
        share = self.worst_share
        return tuple(
            (1 - share) * (math.fsum(fold) / len(fold)) + share * min(fold) for fold in zip(*per_fold, strict=True)
        )

    def _drawn(self, name: str, statistics: Statistics) -> float:
        missed = 0.0
        floor = FLOORS[name]
        if name == "gated":
            missed = self.gate_penalty * sum(gate.missed(statistics) for gate in self.gates)
            floor -= self.gate_penalty * len(self.gates)
        n = statistics["n_trades"]
        if n == 0:
            return floor
        low = LOW[name](statistics, self.caution_z) - missed
        return low - max(0.0, 1 - n / self.least_trades) * max(0.0, low - floor)


def _spread_r(statistics: Statistics) -> float:
    n = statistics["n_trades"]
    squares = (n - 1) * statistics["sd_r"] ** 2 if n > 1 else 0.0
    return math.sqrt((PRIOR_TRADES * PRIOR_SD_R**2 + squares) / (PRIOR_TRADES + n - 1))


def _low_expectancy(statistics: Statistics, z: float) -> float:
    return statistics["mean_r"] - z * _spread_r(statistics) / math.sqrt(statistics["n_trades"])


def _low_profit_factor(statistics: Statistics, z: float) -> float:
    wins = statistics["win_rate"] * statistics["n_trades"]
    losses = statistics["n_trades"] - wins
    factor = wins if math.isnan(statistics["profit_factor"]) else statistics["profit_factor"]
    return factor * math.exp(-z * math.sqrt(1 / (wins + 1) + 1 / (losses + 1)))


def _low_sharpe(statistics: Statistics, z: float) -> float:
    sharpe, days = statistics["sharpe"], statistics["n_days"]
    if math.isnan(sharpe):
        return FLOORS["sharpe"]
    return sharpe - z * math.sqrt(DAYS_A_YEAR * (1 + sharpe**2 / (2 * DAYS_A_YEAR)) / days)


LOW: dict[str, Callable[[Statistics, float], float]] = {
    "expectancy_r": _low_expectancy,
    "profit_factor": _low_profit_factor,
    "sharpe": _low_sharpe,
    "gated": _low_expectancy,
}
